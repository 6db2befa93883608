// What reaches observers of an input: every message that the executive takes for a sample, and none that it rejects.
import { PNG } from "pngjs";
import { describe, expect, it } from "vitest";
import {
  type ApplicationBuilder,
  application,
  buildApplication,
  compressedImage,
  message,
  numbers,
  tensorType,
  trace,
} from "../../launch/index.ts";
import {
  createLiveExecutive,
  createVirtualExecutive,
  Federation,
  type FeedMessage,
  type RunEvent,
  runLive,
  runVirtual,
} from "../../sim/index.ts";

const ms = 1e6;
const pass = trace(({ x }) => ({ y: x.mul(1) }), { x: tensorType("f32", []) }, { name: "pass" });
const corner = trace(
  ({ image }) => ({ y: image.slice([0, 1], [0, 1], [0, 1]).reshape([]).cast("f32") }),
  { image: tensorType("u8", [2, 2, 3]) },
  { name: "corner" },
);
const limits = { minInterval: "1ms", budget: "200us", deadline: "1ms" } as const;

/** Runs in virtual time or live; every event. */
async function run(
  define: (app: ApplicationBuilder) => void,
  sent: readonly FeedMessage[],
  live = false,
): Promise<RunEvent[]> {
  const declared = application("observed", define);
  const { description, artifacts } = await buildApplication(declared, { cacheDir: ".cache/kernels" });
  async function* feed() {
    yield* sent;
  }
  const { streams } = declared.declarations;
  const federates = { streams, feed: feed(), followUpNs: 300 * ms };
  const events: RunEvent[] = [];
  const hooks = { onEvents: (some: readonly RunEvent[]) => void events.push(...some) };
  const { failure } = await (live
    ? runLive(new Federation(description, createLiveExecutive(description, artifacts), federates), never, hooks)
    : runVirtual(new Federation(description, createVirtualExecutive(description, artifacts), federates), never, hooks));
  if (failure) throw failure.error;
  expect(declared.declarations.streams.drops()).toEqual({});
  return events;
}

const rejections = (events: readonly RunEvent[]): string[] =>
  events.flatMap((event) => (event.kind === "rejected" ? [/error\[([^\]]*)\]/.exec(event.reason)?.[1] ?? ""] : []));

const never = Number.POSITIVE_INFINITY;

/** A sensor_msgs/msg/CompressedImage with empty texts. */
function picture(data: Uint8Array): Uint8Array {
  const head = Buffer.from([0, 1, 0, 0, ...new Array<number>(28).fill(0)]);
  head[12] = 1;
  head[20] = 1;
  head.writeUInt32LE(data.length, 28);
  return Buffer.concat([head, data]);
}

function png(size: number, level: number): Uint8Array {
  const image = new PNG({ width: size, height: size });
  image.data.fill(level);
  return PNG.sync.write(image, { colorType: 2, inputHasAlpha: true });
}

describe("observers of an input", () => {
  const string = (text: string): Uint8Array => {
    const bytes = Buffer.alloc(8 + text.length + 1);
    bytes.writeUInt8(1, 1);
    bytes.writeUInt32LE(text.length + 1, 4);
    bytes.write(text, 8, "latin1");
    return bytes;
  };

  it("see what the tasks see: messages of other numbers of elements, other values, other encapsulations are none", async () => {
    const float = (value: number, header = 1): Uint8Array => {
      const bytes = Buffer.from([0, header, 0, 0, 0, 0, 0, 0]);
      bytes.writeFloatLE(value, 4);
      return bytes;
    };
    const sent = [float(1), float(2, 3), float(3).subarray(0, 6), float(4), Buffer.alloc(0), float(5), float(6)];
    for (const live of [false, true]) {
      const seen: number[] = [];
      const events = await run(
        (app) => {
          const input = app.input(
            "/in",
            message(
              "std_msgs/msg/Float32",
              { x: { kind: "fields", paths: ["data"], dtype: "f32", options: {} } },
              { expect: { data: 4 } },
            ),
          );
          app.task("pass", pass, { inputs: input.ports, on: input, ...limits });
          app.on<{ data: number }>("/in").subscribe(({ data }) => seen.push(data));
        },
        sent.map((bytes, at) => ({ topic: "/in", timeNs: at * 10 * ms, bytes })),
        live,
      );
      expect(seen).toEqual([4]);
      expect(rejections(events)).toEqual([
        "codec/value",
        "codec/header",
        "codec/truncated",
        "codec/truncated",
        "codec/value",
        "codec/value",
      ]);
    }
  });

  it("see no picture that cannot be decoded, though it is decoded on a thread of its own", async () => {
    const good = png(2, 7);
    const sent = [good, good.subarray(0, 30), png(3, 9), good, Buffer.from("no picture")].map((data, at) => ({
      topic: "/camera",
      timeNs: at * 20 * ms,
      bytes: picture(data),
    }));
    for (const live of [false, true]) {
      const seen: number[] = [];
      const events = await run(
        (app) => {
          const frame = app.input("/camera", compressedImage("rgb8", [2, 2]), { latency: "5ms" });
          app.task("corner", corner, { inputs: { image: frame }, on: frame, ...limits });
          app.on<{ data: Uint8Array }>("/camera").subscribe(({ data }) => seen.push(data.length));
        },
        sent,
        live,
      );
      expect(seen, live ? "live" : "virtual").toEqual([good.length, good.length]);
      expect(rejections(events)).toHaveLength(3);
      expect(events.filter((event) => event.kind === "visible")).toHaveLength(2);
    }
  });

  it("see a topic of which no task reads anything", async () => {
    for (const live of [false, true]) {
      const seen: string[] = [];
      const events = await run(
        (app) => {
          app.input("/chatter", message("std_msgs/msg/String", {}));
          const value = app.input("/value", numbers("std_msgs/msg/Float32", { x: { field: "data", dtype: "f32" } }));
          app.task("pass", pass, { inputs: value.ports, period: "10ms", budget: "200us", deadline: "1ms" });
          app.on<{ data: string }>("/chatter").subscribe(({ data }) => seen.push(data));
        },
        [string("hello"), string("w\u00f6rld"), string("cut").subarray(0, 9)].map((bytes, at) => ({
          topic: "/chatter",
          timeNs: at * 10 * ms,
          bytes,
        })),
        live,
      );
      expect(seen).toEqual(["hello", "w\ufffdrld"]);
      expect(rejections(events)).toEqual(["codec/truncated"]);
    }
  });
});
