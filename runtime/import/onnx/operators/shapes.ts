// ONNX's operators of shapes and arrangement: what moves, joins, cuts and repeats elements, and makes constants.
import type { Dtype } from "../../../../kernels/index.ts";
import { concat, constant, full, iota, type Tensor, where } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { type Call, constantOf, type Definitions, importedOf } from "../call.ts";
import { modelError, unsupported } from "../import-error.ts";
import { Strings } from "../imported.ts";
import { elementsOf } from "../known-values.ts";
import { elementCount, partCount } from "../limits.ts";
import { asMatrix, axesOf, axisOf } from "./axes.ts";

function reshape(call: Call): Tensor {
  const x = call.tensor(0);
  const wanted = call.version < 5 ? call.ints("shape") : call.numbers(1);
  const keepsZero = call.flag("allowzero");
  const shape = wanted.map((size, d) => (size === 0 && !keepsZero ? (x.shape[d] ?? 0) : size));
  // What −1 stands for is found by the others, also where there are no elements.
  const at = shape.indexOf(-1);
  if (at >= 0 && countOf(x.shape) === 0) {
    const others = countOf(shape.filter((_, d) => d !== at));
    return x.reshape(shape.with(at, others === 0 ? 0 : countOf(x.shape) / others));
  }
  return x.reshape(shape);
}

function flatten(call: Call): Tensor {
  const x = call.tensor(0);
  return asMatrix(x, call.int("axis", 1));
}

function squeeze(call: Call): Tensor {
  const x = call.tensor(0);
  const axes = call.numbersOf("axes", 1);
  const cut = new Set(axes ? axesOf(axes, x.shape.length) : x.shape.flatMap((size, d) => (size === 1 ? [d] : [])));
  for (const d of cut) if (x.shape[d] !== 1) throw modelError(`dimension ${d} of [${x.shape.join(",")}] is not 1`);
  return x.reshape(x.shape.filter((_, d) => !cut.has(d)));
}

function unsqueeze(call: Call): Tensor {
  const x = call.tensor(0);
  const axes = call.numbersOf("axes", 1) ?? [];
  const rank = x.shape.length + axes.length;
  const added = new Set(axesOf(axes, rank));
  if (added.size !== axes.length) throw modelError(`axes [${axes.join(",")}] name a dimension twice`);
  const own = [...x.shape];
  return x.reshape(Array.from({ length: rank }, (_, d) => (added.has(d) ? 1 : own.shift()!)));
}

function transpose(call: Call): Tensor {
  const x = call.tensor(0);
  return call.attribute("perm") ? x.permute(call.ints("perm")) : x.permute();
}

function joined(call: Call): Tensor {
  const all = call.tensors();
  const axis = axisOf(call.int("axis", 1), all[0]!.shape.length);
  return all.length === 1 ? all[0]! : concat(all, axis);
}

/** The sizes of parts: as given, or as many as there are results, of which the last is smaller. */
function partsOf(call: Call, size: number): number[] {
  const given = call.numbersOf("split", 1);
  if (given) return given;
  const count = partCount(call.attribute("num_outputs") ? call.int("num_outputs") : call.outputs.length, "parts");
  const each = Math.ceil(size / count);
  return Array.from({ length: count }, (_, at) => Math.max(0, Math.min(each, size - at * each)));
}

function split(call: Call): Tensor[] {
  const x = call.tensor(0);
  const axis = axisOf(call.int("axis", 0), x.shape.length);
  const parts = partsOf(call, x.shape[axis]!);
  let start = 0;
  return parts.map((size) => {
    const ranges = x.shape.map((_, d): [number?, number?] => (d === axis ? [start, start + size] : []));
    start += size;
    return x.slice(...ranges);
  });
}

function slice(call: Call): Tensor {
  const x = call.tensor(0);
  const rank = x.shape.length;
  const isOld = call.version < 10;
  const starts = isOld ? call.ints("starts") : call.numbers(1);
  const ends = isOld ? call.ints("ends") : call.numbers(2);
  const given = isOld ? call.attribute("axes") && call.ints("axes") : call.has(3) ? call.numbers(3) : undefined;
  const axes = axesOf(given ?? starts.map((_, d) => d), rank);
  const steps = !isOld && call.has(4) ? call.numbers(4) : starts.map(() => 1);
  const clamped = (value: number): number => Math.max(-(2 ** 52), Math.min(2 ** 52, value));
  const ranges = x.shape.map((size, d): [number?, (number | null)?, number?] => {
    const at = axes.indexOf(d);
    if (at < 0) return [];
    const step = steps[at]!;
    if (step === 0) throw modelError(`the step along dimension ${d} is 0`);
    const end = clamped(ends[at]!);
    // Backwards, an end before the first element means that the first belongs to the part.
    return [clamped(starts[at]!), step < 0 && end < -size ? null : end, step];
  });
  return x.slice(...ranges);
}

/** The shape that two shapes broadcast to. */
function expandedShape(own: readonly number[], wanted: readonly number[]): number[] {
  const rank = Math.max(own.length, wanted.length);
  return Array.from({ length: rank }, (_, d) => {
    const a = own[d - rank + own.length] ?? 1;
    const b = wanted[d - rank + wanted.length] ?? 1;
    return a === 1 ? b : a;
  });
}

function expand(call: Call): Tensor {
  const x = call.tensor(0);
  return x.broadcastTo(expandedShape(x.shape, call.numbers(1)));
}

function tile(call: Call): Tensor {
  const x = call.tensor(0);
  if (call.version >= 6) return x.tile(call.numbers(1));
  const [tiles, axis] = [call.number(1), axisOf(call.number(2), x.shape.length)];
  return x.tile(x.shape.map((_, d) => (d === axis ? tiles : 1)));
}

function shapeOf(call: Call): Tensor {
  const { shape } = call.tensor(0);
  const place = (given: number): number =>
    Math.max(0, Math.min(shape.length, given < 0 ? given + shape.length : given));
  const [start, end] = [place(call.int("start", 0)), place(call.int("end", shape.length))];
  return constant(shape.slice(start, Math.max(start, end)), "i64" as Dtype);
}

/** A constant that a node keeps in one of its attributes. */
function constantNode(call: Call): Tensor | Strings {
  const stored = call.stored("value");
  if (stored) return importedOf(stored) as Tensor | Strings;
  if (call.attribute("value_float")) return constant(call.float("value_float"), "f32") as Tensor;
  if (call.attribute("value_floats")) return constant(call.floats("value_floats"), "f32") as Tensor;
  if (call.attribute("value_int")) return constant(call.int("value_int"), "i64") as Tensor;
  if (call.attribute("value_ints")) return constant(call.ints("value_ints"), "i64") as Tensor;
  if (call.attribute("value_string")) return new Strings([], [call.text("value_string")]);
  if (call.attribute("value_strings")) {
    const texts = call.texts("value_strings");
    return new Strings([texts.length], texts);
  }
  throw unsupported("a constant that is given as a sparse tensor");
}

function constantOfShape(call: Call): Tensor {
  const shape = call.numbers(0);
  const stored = call.stored("value");
  if (stored?.kind === "strings") throw unsupported("a constant of texts");
  const { dtype, data } = stored ?? { dtype: "f32", data: Float32Array.of(0) };
  return constantOf({ dtype, shape: [], data }).broadcastTo(shape);
}

function range(call: Call): Tensor {
  const { dtype } = call.tensor(0);
  const [start, limit, delta] = [call.number(0), call.number(1), call.number(2)];
  if (delta === 0) throw modelError("the step of a range is 0");
  const count = elementCount(Math.max(0, Math.ceil((limit - start) / delta)), "a range");
  return constant(
    Array.from({ length: count }, (_, at) => start + at * delta),
    dtype,
    [count],
  );
}

/** Positions that count from the end where they are negative, from the start. */
export function fromStart(positions: Tensor, size: number): Tensor {
  return where(positions.less(0), positions.add(size), positions);
}

function gather(call: Call): Tensor {
  const x = call.tensor(0);
  const axis = axisOf(call.int("axis", 0), x.shape.length);
  return x.indexSelect(axis, fromStart(call.tensor(1), x.shape[axis]!));
}

function gatherElements(call: Call): Tensor {
  const x = call.tensor(0);
  const axis = axisOf(call.int("axis", 0), x.shape.length);
  return x.gather(axis, fromStart(call.tensor(1), x.shape[axis]!));
}

/** Rows of positions, each counted from the start of its dimension. */
function rowsFromStart(rows: Tensor, sizes: readonly number[]): Tensor {
  const length = rows.shape.at(-1) ?? 0;
  return where(rows.less(0), rows.add(constant(sizes.slice(0, length), rows.dtype)), rows);
}

function gatherND(call: Call): Tensor {
  const x = call.tensor(0);
  const batchDims = call.int("batch_dims", 0);
  return x.gatherND(rowsFromStart(call.tensor(1), x.shape.slice(batchDims)), { batchDims });
}

const modes = { none: "set", add: "add", max: "max", min: "min" } as const;

function scatterND(call: Call): Tensor {
  const [x, rows, updates] = [call.tensor(0), call.tensor(1), call.tensor(2)];
  const positions = rowsFromStart(rows, x.shape);
  const reduction = call.text("reduction", "none");
  if (reduction === "mul") return multipliedAt(call, x, positions, updates);
  return x.scatterND(positions, updates, call.choice("reduction", modes, "none"));
}

/** Products of several updates at a place: one update after the other. */
function multipliedAt(_: Call, x: Tensor, positions: Tensor, updates: Tensor): Tensor {
  const length = positions.shape.at(-1)!;
  const rows = partCount(countOf(positions.shape.slice(0, -1)), "updates");
  const flat = positions.reshape([rows, length]);
  const parts = updates.reshape([rows, ...x.shape.slice(length)]);
  let result = x;
  for (let at = 0; at < rows; at++) {
    const place = flat.slice([at, at + 1]);
    const factor = result.gatherND(place).mul(parts.slice([at, at + 1]));
    result = result.scatterND(place, factor);
  }
  return result;
}

function scatterElements(call: Call): Tensor {
  const [x, updates] = [call.tensor(0), call.tensor(2)];
  const axis = axisOf(call.int("axis", 0), x.shape.length);
  const positions = fromStart(call.tensor(1), x.shape[axis]!);
  const reduction = call.text("reduction", "none");
  if (reduction === "none") return x.scatter(axis, positions, updates);
  if (reduction === "add") return x.scatterReduce(axis, positions, updates, "sum");
  if (reduction === "max") return x.scatterReduce(axis, positions, updates, "amax");
  if (reduction === "min") return x.scatterReduce(axis, positions, updates, "amin");
  if (reduction !== "mul") throw modelError(`attribute "reduction" is "${reduction}"`);
  // As rows of positions of single elements.
  const { shape } = positions;
  const rows = shape.map((_, d) =>
    (d === axis ? positions.cast("i64") : (iota("i64", shape, d) as Tensor)).unsqueeze(-1),
  );
  return multipliedAt(call, x, concat(rows as Tensor<"i64">[], -1), updates);
}

/** How much is added before and after each dimension. */
function pad(call: Call): Tensor {
  const x = call.tensor(0);
  const rank = x.shape.length;
  const isOld = call.version < 11;
  const pads = isOld ? call.ints(call.version < 2 ? "paddings" : "pads") : call.numbers(1);
  const axes = !isOld && call.has(3) ? axesOf(call.numbers(3), rank) : x.shape.map((_, d) => d);
  const before = x.shape.map((_, d) => (axes.includes(d) ? pads[axes.indexOf(d)]! : 0));
  const after = x.shape.map((_, d) => (axes.includes(d) ? pads[axes.length + axes.indexOf(d)]! : 0));
  // Less than nothing is cut off, before anything is added.
  const ranges = x.shape.map((size, d): [number, number] => [Math.max(0, -before[d]!), size - Math.max(0, -after[d]!)]);
  const cut = pads.some((width) => width < 0) ? x.slice(...ranges) : x;
  const [more, behind] = [before, after].map((each) => each.map((width) => Math.max(0, width))) as [number[], number[]];
  if ([...more, ...behind].every((width) => width === 0)) return cut;
  const mode = call.text("mode", "constant");
  if (mode === "constant") return bordered(call, cut, more, behind);
  const named = { reflect: "reflect", edge: "replicate", wrap: "circular" } as const;
  return cut.pad(more, behind, { mode: call.choice("mode", named) });
}

/** x within a border of the value that the node gives, which may be computed. */
function bordered(call: Call, x: Tensor, before: number[], after: number[]): Tensor {
  const given = call.version < 11 ? undefined : call.optional(2);
  const known = given ? elementsOf(given) : undefined;
  if (given && !known) {
    const inside = padBool(full("bool", x.shape, 1), before, after, 0) as Tensor<"bool">;
    const whole = x.dtype === "bool" ? padBool(x, before, after, 0) : x.pad(before, after);
    return where(inside, whole, given.reshape([]));
  }
  const value = call.version < 11 ? call.float("value", 0) : known ? call.number(2) : 0;
  return x.dtype === "bool" ? padBool(x, before, after, value) : x.pad(before, after, value);
}

export const padBool = (x: Tensor, before: number[], after: number[], value: number): Tensor =>
  x.cast("u8").pad(before, after, value).cast("bool");

/** Values on and off, at the class that each number names along a new dimension. */
function oneHot(call: Call): Tensor {
  const [indices, values] = [call.tensor(0), call.tensor(2)];
  const depth = call.number(1);
  const rank = indices.shape.length + 1;
  const axis = axisOf(call.int("axis", -1), rank);
  const wide = indices.cast("i64");
  const classes = iota("i64", [depth]).reshape(Array.from({ length: rank }, (_, d) => (d === axis ? depth : 1)));
  // A class below 0 counts from the last; beyond both ends there is none.
  const hot = fromStart(wide, depth).unsqueeze(axis).equal(classes);
  const [off, on] = [0, 1].map((at) => values.slice([at, at + 1]).reshape([]));
  return where(hot, on!, off!);
}

function eyeLike(call: Call): Tensor {
  const x = call.tensor(0);
  const dtype = call.dtype("dtype", x.dtype);
  const [rows, columns] = x.shape as [number, number];
  const k = call.int("k", 0);
  const on = iota("i64", [rows, columns], 1)
    .sub(iota("i64", [rows, columns], 0))
    .equal(k);
  return on.cast(dtype);
}

/** The lower or upper triangle of the last two dimensions; which diagonal may be computed. */
function triangle(call: Call): Tensor {
  const x = call.tensor(0);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const distance = iota("i64", [rows, columns], 1).sub(iota("i64", [rows, columns], 0));
  const k = call.has(1) ? call.tensor(1).cast("i64").reshape([]) : (constant(0, "i64") as Tensor<"i64">);
  const kept = call.flag("upper", true) ? distance.greaterEqual(k) : distance.lessEqual(k);
  return where(kept, x, constant(0, x.dtype));
}

function depthToSpace(call: Call): Tensor {
  const x = call.tensor(0);
  const block = call.int("blocksize");
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const depth = c / block ** 2;
  const isColumns = call.text("mode", "DCR") === "CRD";
  const apart = isColumns ? x.reshape([n, depth, block, block, h, w]) : x.reshape([n, block, block, depth, h, w]);
  return apart.permute(isColumns ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]).reshape([n, depth, h * block, w * block]);
}

function spaceToDepth(call: Call): Tensor {
  const x = call.tensor(0);
  const block = call.int("blocksize");
  const [n, c, h, w] = x.shape as [number, number, number, number];
  return x
    .reshape([n, c, h / block, block, w / block, block])
    .permute([0, 3, 5, 1, 2, 4])
    .reshape([n, c * block ** 2, h / block, w / block]);
}

/** The first elements of each sequence in reverse, as many as its length says. */
function reverseSequence(call: Call): Tensor {
  const [x, lengths] = [call.tensor(0), call.tensor(1)];
  const time = axisOf(call.int("time_axis", 0), x.shape.length);
  const batch = axisOf(call.int("batch_axis", 1), x.shape.length);
  const along = iota("i64", x.shape, time);
  const shape = x.shape.map((size, d) => (d === batch ? size : 1));
  const length = lengths.cast("i64").reshape(shape);
  const mirrored = length.sub(1).sub(along);
  return x.gather(time, where(along.less(length), mirrored, along));
}

/** Each dimension cut or padded around its middle. */
function centerCropPad(call: Call): Tensor {
  const x = call.tensor(0);
  const wanted = call.numbers(1);
  const axes = call.attribute("axes") ? axesOf(call.ints("axes"), x.shape.length) : x.shape.map((_, d) => d);
  let result = x;
  for (const [at, axis] of axes.entries()) {
    const [size, target] = [x.shape[axis]!, wanted[at]!];
    const missing = target - size;
    const before = Math.floor(Math.abs(missing) / 2);
    if (missing < 0) {
      const ranges = x.shape.map((_, d): [number?, number?] => (d === axis ? [before, before + target] : []));
      result = result.slice(...ranges);
    } else if (missing > 0) {
      const width = (count: number) => x.shape.map((_, d) => (d === axis ? count : 0));
      result = result.pad(width(before), width(missing - before));
    }
  }
  return result;
}

/** The sums of columns at the places that they were taken from. */
function columnsToImage(call: Call): Tensor {
  const x = call.tensor(0);
  const [image, block] = [call.numbers(1), call.numbers(2)];
  const rank = image.length;
  const dilations = call.ints(
    "dilations",
    image.map(() => 1),
  );
  const strides = call.ints(
    "strides",
    image.map(() => 1),
  );
  const pads = call.ints("pads", new Array<number>(2 * rank).fill(0));
  const batch = x.shape[0]!;
  const channels = x.shape[1]! / countOf(block);
  const counts = image.map((size, d) =>
    Math.floor((size + pads[d]! + pads[rank + d]! - dilations[d]! * (block[d]! - 1) - 1) / strides[d]! + 1),
  );
  const padded = image.map((size, d) => size + pads[d]! + pads[rank + d]!);
  const columns = x.reshape([batch, channels, countOf(block), countOf(counts)]);
  // Where each element of each block of each position lies in the padded image.
  const places = new BigInt64Array(elementCount(countOf(block) * countOf(counts), "a list of places"));
  const indexIn = (at: number, shape: readonly number[]) => {
    let rest = at;
    return shape
      .toReversed()
      .map((size) => {
        const index = rest % size;
        rest = Math.floor(rest / size);
        return index;
      })
      .toReversed();
  };
  for (let b = 0; b < countOf(block); b++)
    for (let p = 0; p < countOf(counts); p++) {
      const [inBlock, position] = [indexIn(b, block), indexIn(p, counts)];
      const place = padded.reduce(
        (sum, size, d) => sum * size + inBlock[d]! * dilations[d]! + position[d]! * strides[d]!,
        0,
      );
      places[b * countOf(counts) + p] = BigInt(place);
    }
  const target = full(x.dtype, [countOf(padded), batch * channels], 0);
  const source = columns.reshape([batch * channels, places.length]).permute();
  const sums = target.indexAdd(0, constantOf({ dtype: "i64", shape: [places.length], data: places }), source);
  const whole = sums.permute().reshape([batch, channels, ...padded]);
  return whole.slice([], [], ...image.map((size, d): [number, number] => [pads[d]!, pads[d]! + size]));
}

/** A cache with new entries written behind those that it has, around its end where it is circular. */
function tensorScatter(call: Call): Tensor {
  const [past, update] = [call.tensor(0), call.tensor(1)];
  const axis = axisOf(call.int("axis", -2), past.shape.length);
  const size = past.shape[axis]!;
  const batch = past.shape[0]!;
  const shape = past.shape.map((_, d) => (d === 0 ? batch : 1));
  const start = call.has(2) ? call.tensor(2).cast("i64").reshape(shape) : (constant(0, "i64") as Tensor<"i64">);
  const at = iota("i64", update.shape, axis).add(start);
  const isCircular = call.text("mode", "linear") === "circular";
  return past.scatter(axis, isCircular ? at.remainder(size) : at, update);
}

function identityOfSize(call: Call): Tensor {
  return constant(countOf(call.tensor(0).shape), "i64") as Tensor;
}

export const shapes: Definitions = {
  CenterCropPad: centerCropPad,
  Col2Im: columnsToImage,
  Concat: joined,
  Constant: constantNode,
  ConstantOfShape: constantOfShape,
  DepthToSpace: depthToSpace,
  Expand: expand,
  EyeLike: eyeLike,
  Flatten: flatten,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  OneHot: oneHot,
  Pad: pad,
  Range: range,
  Reshape: reshape,
  ReverseSequence: reverseSequence,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  Shape: shapeOf,
  Size: identityOfSize,
  Slice: slice,
  SpaceToDepth: spaceToDepth,
  Split: split,
  Squeeze: squeeze,
  TensorScatter: tensorScatter,
  Tile: tile,
  Transpose: transpose,
  Trilu: triangle,
  Unsqueeze: unsqueeze,
};
