// The controller: compiled to machine code, run every 20 ms.
import { state, tensorType, trace } from "isochron";

const stepsPerSecond = 50;
/** Newtons per metre of distance, and per metre a second of speed. */
const [stiffness, damping] = [8, 5];
/** Newtons that the motor can push. */
const strongest = 10;

/** position and target (m) → force (N). The speed is the change of position since the last step. */
export const controller = trace(
  ({ position, target }) => {
    const before = state("before", tensorType("f32", []), 0);
    const speed = position.sub(before.get()).mul(stepsPerSecond);
    before.set(position);
    const force = target.sub(position).mul(stiffness).sub(speed.mul(damping));
    return { force: force.clamp(-strongest, strongest) };
  },
  { position: tensorType("f32", []), target: tensorType("f32", []) },
  { name: "controller" },
);
