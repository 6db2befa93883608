// Transforms as inputs: made of /tf and /tf_static, recorded and replayed, and refused where there is no chain.
import { afterAll, describe, expect, it } from "vitest";
import {
  application,
  constant,
  fields,
  type RunApplicationOptions,
  runApplication,
  tensorType,
  trace,
} from "../../launch/index.ts";
import { Definitions, defaultQuality, InProcessNetwork, layoutOf, messageWriter } from "../../nodes/index.ts";
import { type PublishedMessage, readRecording, replay, type WorldIo } from "../../sim/index.ts";
import { Workplace } from "../command-line/command.ts";

const place = new Workplace();

/** Where a point half a metre before the camera is on the map. */
const located = trace(
  ({ camera }) => {
    const [shift, turn] = [camera.slice([0, 3]), camera.slice([3, 6])];
    const w = camera.slice([6, 7]);
    const point = constant(Float32Array.of(0.5, 0, 0), "f32", [3]);
    const cross = (a: typeof shift, b: typeof shift) => {
      const turned = (of: typeof shift, by: number) =>
        of.indexSelect(0, constant(Int32Array.of(by % 3, (by + 1) % 3, (by + 2) % 3), "i32", [3]));
      return turned(a, 1)
        .mul(turned(b, 2))
        .sub(turned(a, 2).mul(turned(b, 1)));
    };
    const twice = cross(turn, point).mul(2);
    return { at: point.add(twice.mul(w)).add(cross(turn, twice)).add(shift) };
  },
  { camera: tensorType("f32", [7]) },
  { name: "located" },
);

const half = Math.SQRT1_2;
const transform = (parent: string, child: string, timeNs: number, [x, y, z, w]: readonly number[], shift: number) => ({
  header: { stamp: { sec: Math.floor(timeNs / 1e9), nanosec: timeNs % 1e9 }, frame_id: parent },
  child_frame_id: child,
  transform: { translation: { x: shift, y: 0, z: 0 }, rotation: { x, y, z, w } },
});

/** A base that drives a metre a second, and a camera on it that looks to the left, which is told of at 20 ms. */
const step = (timeNs: number, io: WorldIo): void => {
  io.publish("/tf", { transforms: [transform("map", "base", timeNs, [0, 0, 0, 1], timeNs / 1e9)] });
  if (timeNs === 20e6)
    io.publish("/tf_static", { transforms: [transform("base", "camera", 0, [0, 0, half, half], 2)] });
};

const locating = () =>
  application("locating", (app) => {
    const camera = app.transform("map", "camera");
    const limits = { minInterval: "1ms", budget: "100us", deadline: "1ms" } as const;
    const task = app.task("locate", located, { inputs: { camera }, on: camera, ...limits });
    const at = fields(["point.x", "point.y", "point.z"]);
    app.output("/located", "geometry_msgs/msg/PointStamped", task.outputs, { at });
    app.world(() => ({ name: "drive", periodNs: 10e6, step, summary: () => ({}) }));
  });

const pointsOf = (messages: readonly PublishedMessage[]) =>
  messages.map(({ message: each }) => {
    const { x, y } = (each as { readonly point: { readonly x: number; readonly y: number } }).point;
    return [x, y].map((number) => Math.round(number * 1e4) / 1e4);
  });

async function run(options: RunApplicationOptions) {
  const messages: PublishedMessage[] = [];
  const onMessage = (each: PublishedMessage) => void messages.push(each);
  const result = await runApplication(locating(), { cacheDir: ".cache/kernels", onMessage, ...options });
  return { result, points: pointsOf(messages) };
}

describe("a transform", () => {
  afterAll(() => place.remove());

  it("is an input that is recorded and replayed, and a counted fault while there is no chain", async () => {
    const record = place.path("locating.mcap");
    const { result, points } = await run({ duration: "45ms", record });
    expect(points).toEqual([20, 30, 40].map((ms) => [2 + ms / 1000, 0.5]));
    const recording = await readRecording(record);
    expect(replay(recording)).toMatchObject({ bitExact: true, hash: result.hash });
    const { topics } = result.report;
    // Before the camera is told of there is no chain: said once.
    expect(topics.find(({ topic }) => topic === "/isochron/transforms/map/camera")).toMatchObject({
      messages: 4,
      rejected: 1,
    });
    const again = await run({ log: record });
    expect(again.points).toEqual(points);
  });

  it("is made of what other nodes publish on /tf and /tf_static", async () => {
    const network = new InProcessNetwork();
    const node = network.join();
    const end = (topic: string, durability: "volatile" | "transient-local") => ({
      ...{ topic, type: "tf2_msgs/msg/TFMessage", definitions: Definitions.common },
      quality: { ...defaultQuality, durability },
    });
    const write = messageWriter(layoutOf("tf2_msgs/msg/TFMessage", Definitions.common));
    const camera = transform("base", "camera", 0, [0, 0, half, half], 2);
    node.advertise(end("/tf_static", "transient-local")).publish(write({ transforms: [camera] }));
    const frames = node.advertise(end("/tf", "volatile"));
    const moving = setInterval(() => {
      const base = transform("map", "base", Date.now() * 1e6, [0, 0, 0, 1], 7);
      frames.publish(write({ transforms: [base] }));
    }, 5);
    try {
      let stop: (() => void) | undefined;
      const messages: PublishedMessage[] = [];
      await runApplication(locating(), {
        ...{ transport: network.join(), duration: "20s", cacheDir: ".cache/kernels" },
        onStart: (running) => (stop = running.stop),
        onMessage: (each) => {
          messages.push(each);
          stop?.();
        },
      });
      expect(pointsOf(messages)[0]).toEqual([9, 0.5]);
    } finally {
      clearInterval(moving);
    }
  });
});
