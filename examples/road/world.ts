// The road world: a car on the road, seen by its camera, steered by the application.
import type { World } from "isochron/sim";
import { camera, render } from "./camera.ts";
import { Road } from "./road.ts";

/** Options of the world. */
export interface RoadWorldOptions {
  readonly seed?: number;
  /** Replaces what the camera sees, to show what the drive depends on. */
  readonly blind?: boolean;
  /** Given every frame with the time; for pictures. */
  readonly onFrame?: (timeNs: number, pixels: Uint8Array) => void;
}

const periodNs = 5_000_000;
const framePeriodNs = 40_000_000;
const wheelbase = 2.7;
/** Radians per second that the steering gear can turn. */
const steeringRate = 0.8;
const steeringLimit = 0.5;
const speed = 10;
/** Beyond this offset, metres, the car is off the road. */
const roadEdge = 2.6;

interface Drive {
  readonly drive: { readonly steering_angle: number };
}
const isDrive = (value: unknown): value is Drive =>
  typeof value === "object" && value !== null && "drive" in value && typeof value.drive === "object";

/** A kinematic bicycle on the road, stepped every 5 ms, a frame every 40 ms; deterministic for a seed. */
export function roadWorld({ seed = 1, blind = false, onFrame }: RoadWorldOptions = {}): World {
  const road = new Road();
  let [x, y, heading, steering, s] = [0, 0.3, 0.02, 0, 0];
  let [frames, samples, squares, worst] = [0, 0, 0, 0];
  let leftRoad = false;
  return {
    name: "road",
    periodNs,
    step(timeNs, io) {
      const command = io.latest("/cmd/steering");
      const wanted = isDrive(command) ? command.drive.steering_angle : 0;
      const dt = periodNs / 1e9;
      const limited = Math.max(-steeringLimit, Math.min(steeringLimit, wanted));
      steering += Math.max(-steeringRate * dt, Math.min(steeringRate * dt, limited - steering));
      if (timeNs > 0) {
        x += speed * Math.cos(heading) * dt;
        y += speed * Math.sin(heading) * dt;
        heading += (speed / wheelbase) * Math.tan(steering) * dt;
      }
      const place = road.locate(x, y, s);
      s = place.s;
      samples++;
      squares += place.offset ** 2;
      worst = Math.max(worst, Math.abs(place.offset));
      leftRoad ||= Math.abs(place.offset) > roadEdge;
      if (timeNs % framePeriodNs !== 0) return;
      const pixels = blind
        ? new Uint8Array(camera.width * camera.height).fill(128)
        : render(road, { x, y, heading, s }, frames, seed);
      onFrame?.(timeNs, pixels);
      frames++;
      io.publish("/camera/image", {
        header: { stamp: { sec: Math.floor(timeNs / 1e9), nanosec: timeNs % 1e9 }, frame_id: "camera" },
        height: camera.height,
        width: camera.width,
        encoding: "mono8",
        is_bigendian: 0,
        step: camera.width,
        data: pixels,
      });
    },
    summary: () => ({
      maxTrackingError: worst,
      rmsTrackingError: Math.sqrt(squares / Math.max(1, samples)),
      leftRoad,
      framesRendered: frames,
      distance: s,
    }),
  };
}
