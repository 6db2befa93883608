// `isochron start`: what `build` asks of a fresh process, whether a built application starts where its sources are not.
import { runnableTargets } from "../../kernels/index.ts";
import { openArtifact } from "../../runtime/index.ts";
import { createVirtualExecutive } from "../../sim/index.ts";
import { loadApplication } from "../load-application.ts";

/** Loads a built application, makes its world, and prepares a run where this machine has code for it; runs nothing. */
export async function startCommand(path: string): Promise<never> {
  const { description, artifacts, createWorld, close } = await loadApplication(path);
  createWorld?.();
  const here: readonly string[] = runnableTargets();
  const runs = (bytes: Uint8Array) =>
    Object.keys(openArtifact(bytes).manifest.targets).some((name) => here.includes(name));
  if (artifacts.every(runs)) createVirtualExecutive(description, artifacts);
  await close();
  // What the application has left open must not keep this process.
  process.exit(0);
}
