// The lane keeper: pure pursuit of the lane's centre a good second ahead, smoothed; without a lane the wheel is held as it was.
import { state, tensorType, trace, where } from "isochron";

/** Metres between the axles. */
const wheelbase = 2.7;
/** Metres ahead of the camera that the car aims for. */
const lookahead = 25;
/** Share of the new target in each step. */
const smoothing = 0.2;
/** Radians that the wheels turn at most on a highway. */
const most = 0.1;
/** Metres per second: the log tells no speed, so the command keeps a lawful one. */
const speed = 27;

/** lane offset (m, left), heading (rad, left), found, confidence → steering angle (rad, left) and speed (m/s). */
export const laneKeeper = trace(
  ({ offset, heading, found, confidence }) => {
    const steering = state("steering", tensorType("f32", []), 0);
    const before = steering.get();
    const aim = offset.add(heading.mul(lookahead));
    const wanted = aim
      .mul((2 * wheelbase) / lookahead ** 2)
      .atan()
      .clamp(-most, most);
    const weight = where(found, confidence.mul(smoothing), 0);
    const after = before.add(wanted.sub(before).mul(weight));
    steering.set(after);
    return { steeringAngle: after, speed: confidence.mul(0).add(speed) };
  },
  {
    offset: tensorType("f32", []),
    heading: tensorType("f32", []),
    found: tensorType("bool", []),
    confidence: tensorType("f32", []),
  },
  { name: "laneKeeper" },
);
