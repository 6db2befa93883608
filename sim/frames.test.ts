// The tree of frames: held to a table that numpy made with tf2's formulas, and what it refuses.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Definitions, layoutOf, messageReader, messageWriter } from "../nodes/index.ts";
import type { ApplicationDescription } from "./application.ts";
import { Transforms } from "./frames.ts";

const write = messageWriter(layoutOf("tf2_msgs/msg/TFMessage", Definitions.common));
const read = messageReader(layoutOf("geometry_msgs/msg/TransformStamped", Definitions.common));

type Seven = readonly [number, number, number, number, number, number, number];

interface Told {
  readonly parent: string;
  readonly child: string;
  readonly stampNs?: number;
  readonly numbers?: Seven;
}

const nowhere: Seven = [0, 0, 0, 0, 0, 0, 1];

function messageOf(told: readonly Told[]): Uint8Array {
  const transforms = told.map(({ parent, child, stampNs = 0, numbers = nowhere }) => {
    const [tx, ty, tz, x, y, z, w] = numbers;
    const stamp = { sec: Math.floor(stampNs / 1e9), nanosec: stampNs % 1e9 };
    const transform = { translation: { x: tx, y: ty, z: tz }, rotation: { x, y, z, w } };
    return { header: { stamp, frame_id: parent }, child_frame_id: child, transform };
  });
  return write({ transforms });
}

/** The transforms of an application that asks for some. */
function transformsOf(...pairs: readonly (readonly [target: string, source: string])[]): Transforms {
  const inputs = pairs.map((_, at) => ({ topic: `${at}`, channel: at }));
  const transforms = pairs.map(([target, source], input) => ({ input, target, source }));
  return new Transforms({ inputs, transforms } as unknown as ApplicationDescription);
}

interface Found {
  readonly header: { readonly stamp: { readonly sec: number; readonly nanosec: number }; readonly frame_id: string };
  readonly child_frame_id: string;
  readonly transform: {
    readonly translation: { readonly x: number; readonly y: number; readonly z: number };
    readonly rotation: { readonly x: number; readonly y: number; readonly z: number; readonly w: number };
  };
}

/** What there is news of: what is asked for, and where it is, or why it is nowhere. */
function news(of: Transforms, told: readonly Told[], fixed = false, nowNs = 1e12) {
  return of.receive(fixed ? "/tf_static" : "/tf", messageOf(told), BigInt(nowNs)).map(({ topic, bytes }) => {
    const { header, child_frame_id: source, transform } = read(bytes) as Found;
    const { translation: t, rotation: q } = transform;
    const numbers: Seven = [t.x, t.y, t.z, q.x, q.y, q.z, q.w];
    const stampNs = header.stamp.sec * 1e9 + header.stamp.nanosec;
    return { topic, of: header.frame_id, source, stampNs, numbers };
  });
}

/** The upper three rows of a transform's matrix. */
function matrixOf([tx, ty, tz, x, y, z, w]: Seven): number[] {
  const s = 2 / (x * x + y * y + z * z + w * w);
  return [
    ...[1 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y), tx],
    ...[s * (x * y + w * z), 1 - s * (x * x + z * z), s * (y * z - w * x), ty],
    ...[s * (x * z - w * y), s * (y * z + w * x), 1 - s * (x * x + y * y), tz],
  ];
}

type Row = readonly [number, boolean, string, string, number, Seven, (readonly [number, number[][]] | null)[] | null];

describe("a tree of frames", () => {
  it("finds transforms at the latest common time where tf2's formulas find them", () => {
    const path = new URL("../nodes/transport/tests/frames.json", import.meta.url);
    const table = JSON.parse(readFileSync(path, "utf8")) as { pairs: [string, string][]; messages: Row[] };
    const transforms = transformsOf(...table.pairs);
    const last = new Map<string, ReturnType<typeof news>[number]>();
    let compared = 0;
    for (const [nowNs, fixed, parent, child, stampNs, numbers, expected] of table.messages) {
      for (const each of news(transforms, [{ parent, child, stampNs, numbers }], fixed, nowNs))
        last.set(each.topic, each);
      for (const [at, found] of (expected ?? []).entries()) {
        const known = last.get(`${at}`)!;
        expect(known.source === "", `pair ${at} at ${nowNs}`).toBe(found === null);
        if (found === null) continue;
        expect(known.stampNs, `pair ${at} at ${nowNs}`).toBe(found[0]);
        const difference = matrixOf(known.numbers).map((each, row) => Math.abs(each - found[1].flat()[row]!));
        expect(Math.max(...difference), `pair ${at} at ${nowNs}`).toBeLessThan(2e-8);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(30);
  });

  const ahead = (x: number): Seven => [x, 0, 0, 0, 0, 0, 1];

  it("has fixed frames at any time, and tells of a pair only when it is elsewhere than before", () => {
    const transforms = transformsOf(["base", "camera"], ["map", "camera"]);
    const camera = { parent: "/base", child: "/camera", stampNs: 5e9, numbers: ahead(1) };
    expect(news(transforms, [camera], true)).toEqual([
      { topic: "0", of: "base", source: "camera", stampNs: 0, numbers: ahead(1) },
      { topic: "1", of: "no frame map", source: "", stampNs: 0, numbers: [0, 0, 0, 0, 0, 0, 0] },
    ]);
    expect(news(transforms, [camera], true)).toEqual([]);
    const base = { parent: "map", child: "base", stampNs: 2e9, numbers: ahead(10) };
    expect(news(transforms, [base])).toEqual([
      { topic: "1", of: "map", source: "camera", stampNs: 2e9, numbers: ahead(11) },
    ]);
    expect(news(transforms, [base])).toEqual([]);
  });

  it("looks no further than the tag, and not before what it knows", () => {
    const transforms = transformsOf(["map", "base"]);
    const base = (stampNs: number, x: number) => ({ parent: "map", child: "base", stampNs, numbers: ahead(x) });
    expect(news(transforms, [base(3e9, 3), base(4e9, 4)], false, 2e9)).toMatchObject([
      { of: "not known so early: base", source: "" },
    ]);
    expect(news(transforms, [base(5e9, 5)], false, 3.25e9)).toMatchObject([{ stampNs: 3.25e9, numbers: ahead(3.25) }]);
    // More than ten seconds back is forgotten.
    expect(news(transforms, [base(14.5e9, 14.5)], false, 4e9)).toMatchObject([{ of: "not known so early: base" }]);
  });

  it("refuses what would close a loop, and what is no motion, and keeps what it knows", () => {
    const transforms = transformsOf(["map", "base"]);
    const base = { parent: "odom", child: "base", stampNs: 1e9, numbers: ahead(1) };
    news(transforms, [{ parent: "map", child: "odom", stampNs: 1e9, numbers: ahead(1) }, base]);
    const why = (told: Told) => news(transforms, [told]).map((each) => each.of);
    expect(why({ parent: "base", child: "map", stampNs: 2e9 })).toEqual(["a loop: map in base"]);
    expect(why({ parent: "base", child: "base", stampNs: 2e9 })).toEqual(["a loop: base in base"]);
    expect(why({ parent: "", child: "base", stampNs: 2e9 })).toEqual(["a frame without a name"]);
    expect(why({ parent: "map", child: "x", numbers: [0, 0, 0, 0, 0, 0, 2] })).toEqual(["no motion: x"]);
    expect(why({ parent: "map", child: "x", numbers: [Number.NaN, 0, 0, 0, 0, 0, 1] })).toEqual(["no motion: x"]);
    const cut = messageOf([base]).subarray(0, 40);
    expect(
      transforms.receive("/tf", cut, 1_000_000_000_000n).map(({ bytes }) => (read(bytes) as Found).header.frame_id),
    ).toEqual(["codec/truncated"]);
    expect(news(transforms, [{ ...base, stampNs: 3e9, numbers: ahead(3) }])).toEqual([]);
    const odom = { parent: "map", child: "odom", stampNs: 3e9, numbers: ahead(2) };
    expect(news(transforms, [odom])).toMatchObject([{ stampNs: 3e9, numbers: ahead(5) }]);
  });

  it("keeps a frame with its parent until the time at which it has another", () => {
    const transforms = transformsOf(["map", "cup"], ["map", "hand"]);
    news(transforms, [{ parent: "map", child: "hand", numbers: ahead(5) }], true);
    const cup = (parent: string, stampNs: number, x: number) => ({ parent, child: "cup", stampNs, numbers: ahead(x) });
    expect(news(transforms, [cup("map", 1e9, 1)])).toMatchObject([{ numbers: ahead(1) }]);
    expect(news(transforms, [cup("hand", 3e9, 0.5)], false, 2e9)).toMatchObject([{ stampNs: 2e9, numbers: ahead(1) }]);
    expect(news(transforms, [cup("hand", 4e9, 0.5)], false, 3e9)).toMatchObject([{ numbers: ahead(5.5) }]);
  });
});
