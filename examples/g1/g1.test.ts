// The walking policy of a G1 as an application: its actions are those that were computed in float64, and its recording replays.
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { Workplace } from "../../tests/command-line/command.ts";
import { stepCount } from "./walk.ts";

describe("the walking policy of a G1", () => {
  const place = new Workplace();
  afterAll(() => place.remove());

  it("acts as its maker's file says for 200 steps at 50 Hz, and its recording replays bit for bit", async () => {
    const application = fileURLToPath(new URL("app.ts", import.meta.url));
    const recording = place.path("g1.mcap");
    const run = await place.shared("run", application, "-d", "4.1s", "--record", recording, "--json");
    expect(run.code, run.error).toBe(0);
    const { world } = JSON.parse(run.out) as { readonly world: { readonly [name: string]: number } };
    expect(world.steps).toBe(stepCount);
    expect(world.furthestAction).toBeLessThan(1e-4);
    const replay = await place.shared("replay", recording, "--verify", "--json");
    expect(JSON.parse(replay.out)).toMatchObject({ bitExact: true, cycles: stepCount });
  });
});
