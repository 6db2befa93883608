// Random chains of element-wise operators, views and reductions, and quantised networks: what is fused in every way.
import { type Dtype, dtypes, isFloatDtype, isSmallFloat, isSmallInteger, type Random } from "../../kernels/index.ts";
import {
  concat,
  conv2d,
  dequantize,
  type Graph,
  iota,
  quantize,
  type Signature,
  state,
  type Tensor,
  tensorType,
  trace,
  where,
  zeros,
} from "../../runtime/index.ts";
import { integers, weights } from "./values.ts";

type Number = Exclude<Dtype, "bool">;
export type Any = Tensor<Number>;
const mostElements = 3000;
const mostDimensions = 7;

const shapeText = (x: Any): string => String(x.shape);
const axisOf = (random: Random, x: Any): number => random.whole(0, x.shape.length - 1);

/** An element-wise operator of one operand. */
export function unary(random: Random, x: Any): Any {
  if (!isFloatDtype(x.dtype)) return random.pick([() => x.neg(), () => x.abs(), () => x.clamp(1, 9)])();
  const operators = [
    () => x.neg(),
    () => x.abs(),
    () => x.abs().sqrt(),
    () => x.floor(),
    () => x.round(),
    () => x.exp(),
    () => x.abs().add(0.25).log(),
    () => x.tanh(),
    () => x.sigmoid(),
    () => x.sin(),
    () => x.cos(),
    () => x.atan(),
    () => x.pow(random.pick([2, 0.5, -1, 3])),
    () => x.mul(0.3).add(0.1),
  ];
  return random.pick(operators)();
}

export function binary(random: Random, x: Any, other: Any): Any {
  const operators = [
    () => x.add(other),
    () => x.sub(other),
    () => x.mul(other),
    () => x.div(other),
    () => x.maximum(other),
    () => x.minimum(other),
    () => where(x.less(other), x, other),
    () => where(x.equal(other).or(x.greater(other)).not(), x, other.neg()),
  ];
  return random.pick(operators)();
}

/** The same elements, or some of them, elsewhere. */
function moved(random: Random, x: Any): Any {
  const { shape } = x;
  const axis = axisOf(random, x);
  const size = shape[axis]!;
  const each = <T>(value: (length: number, d: number) => T): T[] => shape.map(value);
  switch (random.whole(0, 7)) {
    case 0: {
      const axes = each((_, d) => d);
      for (let d = axes.length - 1; d > 0; d--) {
        const other = random.whole(0, d);
        [axes[d], axes[other]] = [axes[other]!, axes[d]!];
      }
      return x.permute(axes);
    }
    case 1:
      return x.slice(
        ...each((length, d): [number, number, number] =>
          d === axis && length > 1 ? [random.whole(0, length - 2), length, random.whole(1, 2)] : [0, length, 1],
        ),
      );
    case 2:
      return x.pad(
        each((_, d) => (d === axis ? random.whole(0, 2) : 0)),
        each((_, d) => (d === axis ? random.whole(0, 3) : 0)),
        random.pick([0, 1]),
      );
    case 3:
      return x.reshape(random.chance(0.5) ? [shape.reduce((a, b) => a * b, 1)] : [...shape, 1].reverse());
    case 4:
      return concat([x, random.chance(0.5) ? x : unary(random, x)], axis);
    case 5: {
      // Parts of which some are empty, because they start at or behind their end, and what is summed over nothing.
      const cut = random.whole(0, size);
      const part = (start: number, end: number) =>
        x.slice(...each((length, d) => (d === axis ? ([start, end] as const) : ([0, length] as const))));
      const none = part(random.whole(cut, size), cut);
      const parts = [part(0, cut), ...(random.chance(0.5) ? [none] : []), part(cut, size)];
      const whole = concat(random.chance(0.8) ? parts : [none, ...parts.toReversed()], axis);
      return random.chance(0.3) ? whole.add(none.sum([axis], { keepDims: true })) : whole;
    }
    case 6:
      return x.cumsum(axis, { exclusive: random.chance(0.5), reverse: random.chance(0.5) });
    default:
      return random.chance(0.5)
        ? x.sort(axis, { descending: random.chance(0.5) }).values
        : x.topK(Math.min(3, size), axis).values;
  }
}

/** Elements taken from, or put to, computed places. */
function placed(random: Random, x: Any): Any {
  const axis = axisOf(random, x);
  const size = x.shape[axis]!;
  // Some lie outside: those are moved to the nearest end, or take nothing.
  const places = iota("i32", [random.whole(1, 5)], 0)
    .mul(random.whole(1, 3))
    .sub(random.whole(0, 2));
  switch (random.whole(0, 3)) {
    case 0:
      return x.gather(axis, x.argsort(axis, { descending: random.chance(0.5) }));
    case 1:
      return x.indexSelect(axis, random.chance(0.5) ? places : x.flatten().argmax(0));
    case 2:
      return x.indexSelect(axis, places).sort(axis).values;
    default: {
      const updates = random.chance(0.5) ? x.neg() : unary(random, x);
      const at = iota("i64", [size], 0).mul(random.whole(1, 2)).sub(1);
      return random.pick([
        () => x.indexCopy(axis, at, updates),
        () => x.indexAdd(axis, at, updates),
        () => x.indexReduce(axis, at, updates, "amax"),
        () => x.indexReduce(axis, at, updates, "amin"),
      ])();
    }
  }
}

/** Numbers that broadcast to a tensor's shape: along some dimensions, of fewer dimensions, or with some more of size 1. */
function spread(random: Random, x: Any): Any {
  const whole = x.shape.map((size) => (random.chance(0.5) ? 1 : size));
  const shape = random.chance(0.2) ? [1, ...whole] : whole.slice(random.whole(0, whole.length));
  const numbers = iota("i32", [shape.reduce((a, b) => a * b, 1)])
    .sub(1)
    .cast(x.dtype)
    .reshape(shape);
  const y = random.pick([() => x.add(numbers), () => x.mul(numbers), () => x.maximum(numbers), () => numbers.sub(x)])();
  return y.reshape(x.shape);
}

function reduced(random: Random, x: Any): Any {
  const axes = x.shape.map((_, d) => d).filter(() => random.chance(0.5));
  const keepDims = axes.length === x.shape.length || random.chance(0.6);
  const reduce = random.pick<() => Any>([
    () => x.sum(axes, { keepDims }),
    () => x.max(axes, { keepDims }),
    () => x.min(axes, { keepDims }),
    () => x.prod(axes, { keepDims }),
    ...(isFloatDtype(x.dtype) ? [() => x.mean(axes, { keepDims })] : []),
  ]);
  const y = reduce();
  // What is reduced meets what it came from, as in a normalisation.
  return keepDims && random.chance(0.6) ? binary(random, x, y) : y;
}

/** Those in which chains move and compute; what `f8e8m0` holds they mostly leave. */
const smallDtypes = dtypes.filter((each) => (isSmallFloat(each) && each !== "f8e8m0") || isSmallInteger(each));

/** Elements that are stored in few bits on their way, where they are moved or computed with. */
function small(random: Random, x: Any): Any {
  const narrow = x.cast(random.pick<Number>(smallDtypes as Number[]));
  const ways = [() => narrow, () => unary(random, narrow), () => binary(random, narrow, narrow)];
  return random
    .pick(x.shape.length > 0 ? [...ways, () => moved(random, narrow)] : ways)()
    .cast(x.dtype);
}

/** Five to twelve operators, each over what came before, in one dtype or some. */
export function chain(random: Random): Graph<Signature, Signature> {
  const dtype = random.pick<Number>(["f32", "f32", "f32", "f64", "f16", "bf16", "i32", "u8", "i16", "i64"]);
  const rank = random.chance(0.75) ? random.whole(1, 4) : random.whole(5, 6);
  const shape = Array.from({ length: rank }, () => random.pick(rank > 4 ? [1, 2, 3] : [1, 2, 3, 7, 16, 17]));
  return trace(
    ({ x, z }) => {
      const seen: Any[] = [x, z];
      const memory = random.chance(0.3) ? state("memory", tensorType<Number>(dtype, shape), 1) : undefined;
      const twin = memory && random.chance(0.4) ? state("twin", tensorType<Number>(dtype, shape), 3) : undefined;
      const remembered = [memory, twin].flatMap((each) => (each ? [each.get()] : []));
      seen.push(...remembered);
      for (let left = random.whole(5, 12); left > 0; left--) {
        const last = random.chance(0.7) ? seen.at(-1)! : random.pick(seen);
        const kind = random.next();
        let next: Any;
        if (kind < 0.3) next = unary(random, last);
        else if (kind < 0.6)
          next = binary(
            random,
            last,
            random.pick(seen.filter((each) => shapeText(each) === shapeText(last) && each.dtype === last.dtype)),
          );
        else if (kind < 0.8) next = last.shape.length > 0 ? moved(random, last) : last;
        else if (kind < 0.87) next = last.shape.length > 0 ? placed(random, last) : last;
        else if (kind < 0.92) next = reduced(random, last);
        else if (kind < 0.95) next = spread(random, last);
        else if (kind < 0.97) next = last.cast(random.pick<Number>(["f32", "f64", "f16", "bf16", "i32", dtype]));
        else next = small(random, last);
        if (next.shape.length <= mostDimensions && next.shape.reduce((a, b) => a * b, 1) <= mostElements)
          seen.push(next);
      }
      const fitting = seen.filter((each) => shapeText(each) === String(shape) && each.dtype === dtype);
      // States may change places.
      const [first, second] = twin && random.chance(0.4) ? remembered.toReversed() : [];
      memory?.set(first ?? random.pick(fitting));
      twin?.set(second ?? random.pick(fitting));
      const y = seen.at(-1)!;
      const other = random.pick(seen);
      return random.chance(0.5) ? { y, other } : { y };
    },
    { x: tensorType<Number>(dtype, shape), z: tensorType<Number>(dtype, shape) },
    { name: "chain" },
  );
}

const scaleOf = (random: Random): number => Math.fround(0.005 + random.next() * 0.1);

/** Convolutions or products in QDQ form, from bytes to bytes. */
export function quantised(random: Random): Graph<Signature, Signature> {
  const dtype = random.pick(["u8", "i8"] as const);
  const planar = random.chance(0.6);
  const shape = planar
    ? [1, random.pick([3, 5, 16, 20, 32]), random.whole(3, 9), random.whole(3, 17)]
    : [random.pick([1, 3, 17]), random.pick([3, 16, 21, 33, 64])];
  return trace(
    ({ x }) => {
      const byte = (of: Tensor<"f32">): Tensor<"f32"> => {
        const [scale, zero] = [scaleOf(random), random.whole(dtype === "u8" ? 0 : -20, 20)];
        return dequantize(quantize<"u8" | "i8">(of, scale, zero, dtype), scale, zero);
      };
      let y = byte(x);
      for (let layer = random.whole(1, 3); layer > 0; layer--) {
        const channels = y.shape[1]!;
        const outputs = random.pick([3, 8, 16, 19, 24, 33]);
        const kernel = planar ? random.pick([1, 1, 3]) : 1;
        const filter = planar ? [outputs, channels, kernel, kernel] : [outputs, channels];
        const scales = Array.from({ length: outputs }, () => scaleOf(random) / 10);
        const perChannel = random.chance(0.6);
        const w = dequantize(integers(random, "i8", filter), perChannel ? scales : scales[0]!, 0, { axis: 0 });
        const sum = planar
          ? conv2d(y, w, { padding: (kernel - 1) / 2, stride: random.pick([1, 1, 2]) })
          : y.matmul(w.permute());
        const { shape: of } = sum;
        const channel = planar ? [outputs, 1, 1] : [outputs];
        // A bias for each channel, for all, for each column, or with dimensions that the sum lacks; a bound too.
        const bias = random.pick([channel, channel, channel, [], [1, 1, 1, 1, 1], [1, ...channel], of.slice(-1)]);
        const product = sum.add(weights(random, "f32", bias));
        const bound = random.pick([[], [], [1, 1, 1, 1, 1], channel]);
        const bounded = random.chance(0.5) ? product.maximum(zeros("f32", bound)) : product;
        y = byte(bounded).reshape(of);
      }
      return { y };
    },
    { x: tensorType("f32", shape) },
    { name: "quantised" },
  );
}
