// The lane keeper: pure pursuit of the lane's centre a little ahead, smoothed, with the curvature fed forward.
import { state, tensorType, trace } from "isochron";

const wheelbase = 2.7;
/** Metres ahead of the camera that the car aims for. */
const lookahead = 7;
/** Share of the new target in each 20 ms step. */
const smoothing = 0.35;

/** lane offset (m, left), heading (rad, left), curvature (1/m), confidence → steering angle (rad, left) and speed (m/s). */
export const laneKeeper = trace(
  ({ offset, heading, curvature, confidence }) => {
    const previous = state("steering", tensorType("f32", []), 0);
    const aim = offset.add(heading.mul(lookahead)).add(curvature.mul(lookahead ** 2 / 2));
    const wanted = aim.mul((2 * wheelbase) / lookahead ** 2).atan();
    const weight = confidence.mul(smoothing).clamp(0, smoothing);
    const steering = previous.get().add(wanted.sub(previous.get()).mul(weight)).clamp(-0.5, 0.5);
    previous.set(steering);
    return { steeringAngle: steering, speed: confidence.mul(0).add(10) };
  },
  {
    offset: tensorType("f32", []),
    heading: tensorType("f32", []),
    curvature: tensorType("f32", []),
    confidence: tensorType("f32", []),
  },
  { name: "laneKeeper" },
);
