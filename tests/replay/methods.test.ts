// Tasks that run methods of one program: what they compute, that they are recorded by name, and that replay agrees bit for bit.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { application, buildApplication, openArtifact, state, tensorType, trace } from "../../launch/index.ts";
import {
  createVirtualExecutive,
  Federation,
  RecordingWriter,
  type RunEvent,
  readRecording,
  replay,
  runVirtual,
} from "../../sim/index.ts";
import { root } from "../robot/robot.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-methods-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ms = 1e6;
const level = () => state("level", tensorType("f32", []), 100);
const climb = trace(
  () => {
    const height = level();
    height.set(height.get().add(1));
    return { height: height.get() };
  },
  {},
  { name: "walk" },
);
const sink = trace(
  ({ above }) => {
    const depth = level();
    depth.set(depth.get().sub(2));
    return { depth: depth.get(), between: above.sub(depth.get()) };
  },
  { above: tensorType("f32", []) },
  { name: "sink" },
);

/** Both tasks run one program, whose `forward` one of them means without naming it. */
const walking = application("walking", (app) => {
  const program = { forward: climb, sink };
  const limits = { period: "10ms", budget: "100us", deadline: "2ms" } as const;
  const climbing = app.task("climbing", program, { inputs: {}, ...limits });
  app.task(
    "sinking",
    { ...program },
    { method: "sink", inputs: { above: climbing.outputs.height }, phase: "5ms", ...limits },
  );
});

describe("tasks that run methods of one program", () => {
  it("have states of their own, are recorded by their methods, and replay bit for bit", async () => {
    const path = join(folder, "walking.mcap");
    const { description, artifacts } = await buildApplication(walking, { cacheDir: join(root, ".cache/kernels") });
    expect(description.programs.map(({ name }) => name)).toEqual(["walk"]);
    expect(Object.keys(openArtifact(artifacts[0]!).manifest.methods)).toEqual(["forward", "sink"]);
    const executive = createVirtualExecutive(description, artifacts, { keyframeEveryNs: 20 * ms });
    const writer = await RecordingWriter.open(path, description, artifacts);
    const events: RunEvent[] = [];
    const onEvents = async (some: readonly RunEvent[]) => {
      events.push(...some);
      await writer.add(some);
    };
    await runVirtual(new Federation(description, executive, {}), 40 * ms, { onEvents });
    await writer.finish({ hash: executive.hash(), mode: "virtual", durationNs: 40 * ms, scheduling: "" });

    const published = (task: number) =>
      events.flatMap((event) =>
        event.kind === "output" && event.task === task ? [Buffer.from(event.bytes).readFloatLE(0)] : [],
      );
    expect(published(0)).toEqual([101, 102, 103, 104]);
    expect(published(1)).toEqual([98, 96, 94, 92]);

    const recording = await readRecording(path);
    expect(recording.application.table.tasks.map(({ program, method }) => [program, method])).toEqual([
      [0, undefined],
      [0, "sink"],
    ]);
    expect(replay(recording)).toMatchObject({ bitExact: true, cycles: 8, hash: executive.hash() });
  });
});
