// What the detector sees: a grey wall with bright and dark squares on it, up to three, which move from picture to picture.
import type { World } from "isochron/sim";
import { height, kinds, sides, width } from "./detector.ts";

/** A square of a picture: its kind, its middle and its side. */
interface Square {
  readonly kind: (typeof kinds)[number];
  readonly x: number;
  readonly y: number;
  readonly side: number;
}

const shades = { wall: 100, lamp: 230, hole: 10 };

/** The squares of picture `at`: none, then one more every five pictures, up to three. */
export function squaresAt(at: number): Square[] {
  return Array.from({ length: Math.floor(at / 5) % 4 }, (_, number) => {
    const side = sides[(at + number) % sides.length]!;
    const [left, top] = [8 + 4 * (at % 20), 8 + 28 * number];
    return { kind: kinds[number % 2]!, x: left + side / 2, y: top + side / 2, side };
  });
}

/** A picture of squares. */
export function draw(squares: readonly Square[]): Uint8Array {
  const pixels = new Uint8Array(height * width).fill(shades.wall);
  for (const { kind, x, y, side } of squares)
    for (let row = y - side / 2; row < y + side / 2; row++)
      pixels.fill(shades[kind], row * width + x - side / 2, row * width + x + side / 2);
  return pixels;
}

interface Detections {
  readonly detections: readonly {
    readonly bbox: { readonly center: { readonly position: { readonly x: number; readonly y: number } } };
    readonly results: readonly { readonly hypothesis: { readonly class_id: string } }[];
  }[];
}

const told = ({ kind, x, y }: Pick<Square, "kind" | "x" | "y">): string => `${kind} ${x} ${y}`;

export function squaresWorld(): World {
  let [at, found, wrong] = [0, 0, 0];
  return {
    name: "wall",
    periodNs: 100_000_000,
    step(_, io) {
      // What is known by now is of the picture before.
      const last = io.latest("/detections") as Detections | undefined;
      if (last) {
        const seen = last.detections.map(({ bbox, results }) =>
          told({ kind: results[0]!.hypothesis.class_id as Square["kind"], ...bbox.center.position }),
        );
        const there = squaresAt(at - 1).map(told);
        found += seen.length;
        wrong +=
          seen.filter((each) => !there.includes(each)).length + there.filter((each) => !seen.includes(each)).length;
      }
      io.publish("/camera/image", { height, width, encoding: "mono8", step: width, data: draw(squaresAt(at)) });
      at++;
    },
    summary: () => ({ pictures: at, found, wrong }),
  };
}
