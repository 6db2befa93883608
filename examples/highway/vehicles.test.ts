// Vehicles on the real drive: held to boxes drawn by eye, recorded and replayed.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { messageDecoder, openLog } from "isochron/sim";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Workplace } from "../../tests/command-line/command.ts";

const log = fileURLToPath(new URL("../../../shared/data/highway/highway.mcap", import.meta.url));
const application = fileURLToPath(new URL("traffic.ts", import.meta.url));
const place = new Workplace();

interface Detection {
  readonly bbox: {
    readonly center: { readonly position: { readonly x: number; readonly y: number } };
    readonly size_x: number;
    readonly size_y: number;
  };
  readonly results: readonly { readonly hypothesis: { readonly class_id: string; readonly score: number } }[];
}

type Box = readonly [left: number, top: number, right: number, bottom: number];

/** By frame, what is there on the lanes of this side, to the pixel or so; the white car comes last. */
const seen: { readonly [frame: number]: readonly Box[] } = {
  0: [
    [295, 299, 329, 325],
    [359, 305, 389, 325],
    [474, 302, 490, 314],
    [410, 301, 440, 324],
  ],
  60: [
    [74, 291, 170, 349],
    [318, 300, 347, 324],
    [368, 305, 395, 324],
    [474, 302, 489, 316],
    [411, 302, 440, 324],
  ],
  120: [
    [0, 296, 150, 382],
    [189, 296, 253, 338],
    [346, 301, 370, 321],
    [388, 307, 413, 322],
    [475, 302, 492, 316],
    [419, 302, 446, 324],
  ],
  180: [
    [32, 296, 146, 355],
    [145, 298, 246, 357],
    [255, 297, 304, 329],
    [364, 301, 385, 318],
    [400, 303, 421, 319],
    [476, 302, 494, 317],
    [422, 301, 449, 322],
  ],
};

const shared = (one: Box, other: Box): number => {
  const along = (from: 0 | 1) =>
    Math.max(0, Math.min(one[from + 2]!, other[from + 2]!) - Math.max(one[from], other[from]));
  return along(0) * along(1);
};
const area = ([left, top, right, bottom]: Box): number => (right - left) * (bottom - top);

describe.skipIf(!existsSync(log))("the traffic of the real drive (needs ../shared)", () => {
  const recording = place.path("traffic.mcap");
  const frames: Detection[][] = [];
  beforeAll(async () => {
    const { code, error } = await place.shared("run", application, "--log", log, "--record", recording);
    expect({ code, error }).toEqual({ code: 0, error: "" });
    const recorded = await openLog(recording);
    const decode = messageDecoder(recorded.topic("/vehicles"));
    for await (const message of recorded.messages({ topics: ["/vehicles"], by: "log" }))
      frames.push([...(decode(message) as { readonly detections: readonly Detection[] }).detections]);
  });
  afterAll(() => place.remove());

  const boxes = (frame: number): Box[] =>
    frames[frame]!.map(({ bbox: { center, size_x: width, size_y: height } }) => {
      const { x, y } = center.position;
      return [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
    });

  it("has a list for every frame, as long as vehicles are found, each of a class and a score", () => {
    expect(frames).toHaveLength(221);
    const all = frames.flat();
    expect(all.length).toBeGreaterThan(2 * frames.length);
    expect(new Set(frames.map((each) => each.length)).size).toBeGreaterThan(2);
    for (const { results } of all) {
      expect(results).toHaveLength(1);
      expect(results[0]!.hypothesis.class_id).toBe("vehicle");
      expect(results[0]!.hypothesis.score).toBeGreaterThan(0.04);
    }
  });

  it("is of vehicles alone, ten of the 22 that were drawn by eye", () => {
    expect(Object.values(seen).flat()).toHaveLength(22);
    const found = { right: 0, wrong: 0 };
    for (const [frame, vehicles] of Object.entries(seen)) {
      for (const box of boxes(Number(frame)))
        found[vehicles.some((each) => shared(box, each) >= area(box) / 2) ? "right" : "wrong"]++;
    }
    expect(found).toEqual({ right: 10, wrong: 0 });
  });

  it("has the white car ahead in every frame, where it is drawn by eye in some", () => {
    for (let frame = 0; frame < frames.length; frame++)
      expect(
        boxes(frame).filter(([left, , right]) => left < 428 && right > 428 && right < 460),
        `frame ${frame}`,
      ).toHaveLength(1);
    for (const [frame, vehicles] of Object.entries(seen)) {
      const white = vehicles.at(-1)!;
      const overlaps = boxes(Number(frame)).map((each) => {
        const both = shared(each, white);
        return both / (area(each) + area(white) - both);
      });
      expect(Math.max(...overlaps), `frame ${frame}`).toBeGreaterThan(0.5);
    }
  });

  it("is replayed bit for bit", async () => {
    const { out } = await place.shared("replay", recording, "--verify", "--json");
    expect(JSON.parse(out)).toMatchObject({ bitExact: true });
  });
});
