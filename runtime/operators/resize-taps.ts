// Where the pixels of a resized dimension lie among those of the given one, and how much each of these weighs.

/** How an output's pixel is placed among the input's; named as ONNX and PyTorch do. */
export const coordinateSystems = [
  "halfPixel",
  "halfPixelSymmetric",
  "pytorchHalfPixel",
  "alignCorners",
  "asymmetric",
  "cropAndResize",
] as const;
/** How a place between two pixels becomes the nearest one. */
export const roundings = ["floor", "ceil", "preferFloor", "preferCeil"] as const;

/** How one dimension is resized. */
export interface ResizedDimension {
  readonly from: number;
  readonly to: number;
  /** Outputs for one input, where that is not the ratio of sizes. */
  readonly scale: number | undefined;
  readonly mode: "nearest" | "linear" | "cubic";
  readonly coordinates: (typeof coordinateSystems)[number];
  readonly rounding: (typeof roundings)[number];
  /** The slope that gives the cubic kernel its shape. */
  readonly cubic: number;
  readonly antialias: boolean;
  readonly excludeOutside: boolean;
  /** The first and the last place of "cropAndResize", 0 and 1 being the corner pixels. */
  readonly region: readonly [number, number];
}

/** One tap of every output along a dimension: which input it reads, and its weight. */
export interface Tap {
  readonly positions: readonly number[];
  readonly weights: readonly number[];
}

/** The taps of one output: neighbours from the first on, or the last and zeros where the others have more. */
interface Neighbours {
  readonly first: number;
  readonly weights: readonly number[];
}

/** Where output `i` lies among the inputs. */
function placeOf(i: number, { from, to, scale, coordinates, region }: ResizedDimension): number {
  const width = scale === undefined ? to : scale * from;
  const centre = () => (scale === undefined ? ((i + 0.5) * from) / to - 0.5 : (i + 0.5) / scale - 0.5);
  switch (coordinates) {
    case "halfPixel":
      return centre();
    case "pytorchHalfPixel":
      return to === 1 ? 0 : centre();
    case "halfPixelSymmetric":
      return (from / 2) * (1 - to / width) + centre();
    case "alignCorners":
      return width === 1 ? 0 : (i * (from - 1)) / (width - 1);
    case "asymmetric":
      return scale === undefined ? (i * from) / to : i / scale;
    case "cropAndResize": {
      const [start, end] = region;
      const inRegion = width === 1 ? ((end - start) * (from - 1)) / 2 : (i * (end - start) * (from - 1)) / (width - 1);
      return inRegion + start * (from - 1);
    }
  }
}

/** Which outputs lie outside of the input, and have another value: those of "cropAndResize" only. */
export const extrapolated = (dimension: ResizedDimension): readonly boolean[] =>
  Array.from({ length: dimension.to }, (_, i) => {
    const place = placeOf(i, dimension);
    return dimension.coordinates === "cropAndResize" && !(place >= 0 && place <= dimension.from - 1);
  });

const rounded: { readonly [rounding in ResizedDimension["rounding"]]: (place: number) => number } = {
  floor: Math.floor,
  ceil: Math.ceil,
  preferFloor: (place) => Math.ceil(place - 0.5),
  preferCeil: (place) => Math.floor(place + 0.5),
};

/** Weights of the four pixels around a place `t` behind the second (Keys' kernel with slope a). */
function cubicWeights(t: number, a: number): number[] {
  const near = (d: number) => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [far(1 + t), near(t), near(1 - t), far(2 - t)];
}

/** The kernel of a mode around its middle: a triangle, or Keys' with slope a. */
function kernelAt(distance: number, mode: ResizedDimension["mode"], a: number): number {
  const d = Math.abs(distance);
  if (mode === "linear") return Math.max(0, 1 - d);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** Weights that sum to 1 again, those outside of the input left out; the nearest pixel where all are. */
function insideOnly({ first, weights }: Neighbours, from: number): Neighbours {
  const inside = weights.map((each, at) => (first + at >= 0 && first + at < from ? each : 0));
  const total = sumOf(inside);
  if (total === 0) return { first: Math.min(Math.max(first, 0), from - 1), weights: [1] };
  return { first, weights: inside.map((each) => each / total) };
}

/** The neighbours of an output by a kernel that is as wide as it, its weights summing to 1, as PyTorch computes them. */
function antialiasedInside(i: number, { from, to, mode, cubic }: ResizedDimension): Neighbours {
  const scale = from / to;
  const width = Math.max(scale, 1);
  const reach = (mode === "linear" ? 1 : 2) * width;
  const centre = scale * (i + 0.5);
  const first = Math.max(Math.trunc(centre - reach + 0.5), 0);
  const count = Math.min(Math.trunc(centre + reach + 0.5), from) - first;
  const raw = Array.from({ length: count }, (_, j) => kernelAt((j + first - centre + 0.5) / width, mode, cubic));
  const total = sumOf(raw);
  return { first, weights: raw.map((each) => each / total) };
}

/** The same around any place, as ONNX has it: pixels beyond the edge count as those of the edge. */
function antialiasedAround(place: number, { from, to, scale = to / from, mode, cubic }: ResizedDimension): Neighbours {
  const narrowed = Math.min(scale, 1);
  const reach = (mode === "linear" ? 1 : 2) / narrowed;
  const first = Math.floor(place - reach) + 1;
  const raw = Array.from({ length: Math.ceil(place + reach) - first }, (_, j) =>
    kernelAt((first + j - place) * narrowed, mode, cubic),
  );
  const total = sumOf(raw);
  return { first, weights: raw.map((each) => each / total) };
}

function neighboursOf(i: number, dimension: ResizedDimension): Neighbours {
  const { from, scale, mode, coordinates, rounding, cubic, antialias, excludeOutside } = dimension;
  const place = placeOf(i, dimension);
  if (mode === "nearest") return { first: rounded[rounding](place), weights: [1] };
  if (antialias && excludeOutside && coordinates === "halfPixel" && scale === undefined)
    return antialiasedInside(i, dimension);
  const low = Math.floor(place);
  const t = place - low;
  const around = (): Neighbours => {
    if (antialias) return antialiasedAround(place, dimension);
    return mode === "linear"
      ? { first: low, weights: [1 - t, t] }
      : { first: low - 1, weights: cubicWeights(t, cubic) };
  };
  return excludeOutside ? insideOnly(around(), from) : around();
}

/** The taps along a dimension; pixels beyond the edge are those of the edge. */
export function tapsAlong(dimension: ResizedDimension): Tap[] {
  const outputs = Array.from({ length: dimension.to }, (_, i) => neighboursOf(i, dimension));
  const longest = outputs.reduce((most, { weights }) => Math.max(most, weights.length), 0);
  return Array.from({ length: longest }, (_, tap) => ({
    positions: outputs.map(
      ({ first, weights }) =>
        // A place may be no number, where a step is given its region: what is read is replaced then.
        Math.min(Math.max(first + Math.min(tap, weights.length - 1), 0), dimension.from - 1) || 0,
    ),
    weights: outputs.map(({ weights }) => weights[tap] ?? 0),
  }));
}
