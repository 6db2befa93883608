// Steps of set-up, run side by side.
import { describe, expect, it } from "vitest";
import { type Step, sideBySide } from "./side-by-side.mjs";

const packages: Step = { name: "packages" };
const compiler: Step = { name: "compiler", needs: ["packages"] };
const runtime: Step = { name: "runtime", needs: ["compiler"] };
const wheels: Step = { name: "wheels", needs: ["packages"] };
const steps = [packages, compiler, runtime, wheels];

/** What began and ended, in order; each step takes a turn for each letter of its name. */
async function order(body: (step: Step) => void = () => undefined): Promise<{ said: string[]; error: unknown }> {
  const said: string[] = [];
  let error: unknown;
  await sideBySide(steps, async (step) => {
    said.push(`+${step.name}`);
    for (const _ of step.name) await Promise.resolve();
    body(step);
    said.push(`-${step.name}`);
  }).catch((thrown: unknown) => {
    error = thrown;
  });
  return { said, error };
}

describe("steps of set-up", () => {
  it("run side by side, each after what it needs", async () => {
    expect((await order()).said).toEqual(
      "+packages -packages +compiler +wheels -wheels -compiler +runtime -runtime".split(" "),
    );
  });

  it("need no step that does not come before them", async () => {
    await expect(sideBySide([runtime, compiler], async () => undefined)).rejects.toThrow("runtime needs compiler");
  });

  it("end what has begun where one fails, and begin no other", async () => {
    const broken = new Error("no wheels");
    const { said, error } = await order(({ name }) => {
      if (name === "wheels") throw broken;
    });
    expect(said).toEqual(["+packages", "-packages", "+compiler", "+wheels", "-compiler"]);
    expect(error).toBe(broken);
  });
});
