// Two hundred steps of a walk that was recorded: what the policy saw, and what it did, computed in float64.
import { fileURLToPath } from "node:url";
import { loadTensors } from "isochron/import";
import type { World } from "isochron/sim";

const { tensors } = await loadTensors(fileURLToPath(new URL("walk.safetensors", import.meta.url)));
const { observations, actions } = tensors as {
  readonly [name in "observations" | "actions"]: (typeof tensors)[string];
};
const [steps = 0, width = 0] = observations.shape;
const joints = actions.shape[1]!;

/** Numbers of one observation: angular velocity, gravity, command, joints' positions and speeds, the last action, phase. */
export const observed = width;
/** Steps of the walk, 20 ms each. */
export const stepCount = steps;

const row = ({ data }: typeof observations, at: number, length: number): number[] =>
  Array.from(data.subarray(at * length, (at + 1) * length) as Float32Array);

/** Publishes the observations, and says by how much actions were off at most. */
export function walk(): World {
  let at = 0;
  let worst = 0;
  let compared = 0;
  return {
    name: "a recorded walk",
    periodNs: 20_000_000,
    step(_, io) {
      // What stands now is the action of the step before.
      const action = (io.latest("/action") as { readonly data: ArrayLike<number> } | undefined)?.data;
      if (action && at > 0 && at <= steps) {
        const meant = row(actions, at - 1, joints);
        worst = Math.max(worst, ...meant.map((each, joint) => Math.abs(each - action[joint]!)));
        compared++;
      }
      if (at < steps) io.publish("/observation", { data: row(observations, at, width) });
      at++;
    },
    summary: () => ({ steps: compared, furthestAction: worst }),
  };
}
