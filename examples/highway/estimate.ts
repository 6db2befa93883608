// What the lane finder says of a frame, as plain numbers.
import { fileURLToPath } from "node:url";
import { type CompileOptions, compile, load } from "isochron";
import { laneFinder } from "./perception.ts";

/** x = intercept + slope · y in pixels of the picture. */
export interface Line {
  readonly intercept: number;
  readonly slope: number;
}

/** One frame's lane; see `laneFinder`. */
export interface Estimate {
  readonly frame: number;
  readonly found: boolean;
  readonly confidence: number;
  readonly left: Line;
  readonly right: Line;
  readonly offset: number;
  readonly heading: number;
}

/** The column of a line in a row. */
export const columnAt = ({ intercept, slope }: Line, row: number): number => intercept + slope * row;

const cacheDir = fileURLToPath(new URL("../../.cache/kernels", import.meta.url));

/** The lane finder, compiled: pixels u8[540,960,3] → what it says of them. */
export async function compileLaneFinder(options: CompileOptions = {}): Promise<(pixels: Uint8Array) => Estimate> {
  const program = load(await compile(laneFinder, { cacheDir, ...options }));
  const outputs = program.newOutputs();
  const line = ([intercept, slope]: Float32Array): Line => ({ intercept: intercept!, slope: slope! });
  return (pixels) => {
    program.run({ image: pixels }, outputs);
    return {
      frame: outputs.frame[0]!,
      found: outputs.found[0] === 1,
      confidence: outputs.confidence[0]!,
      left: line(outputs.left),
      right: line(outputs.right),
      offset: outputs.offset[0]!,
      heading: outputs.heading[0]!,
    };
  };
}
