// Control flow under trace: choices, loops and scans, whose functions are traced as regions of the graph.
import { z } from "zod";
import { IsochronError, shown } from "../../kernels/index.ts";
import { bounded, type Dimension, isBounded, mayBeBounded } from "../graph/dimension.ts";
import { foreignUse, Graph, type NamedValue, type State, type Value } from "../graph/graph.ts";
import { isScalar, sameShape, showTensorType } from "../graph/tensor-type.ts";
import { boundedOperators, controlOperators, type Operator, operators } from "../operators/index.ts";
import { operandError } from "../operators/operand-error.ts";
import { isTensor } from "./methods/symbolic.ts";
import { operatorOptions, placed, tensorOf } from "./options.ts";
import { currentRecorder, RegionRecorder, recording } from "./recorder.ts";
import { constant, Tensor } from "./tensor.ts";

/** What control flow takes and gives: a tensor, a list of tensors, or tensors by name. */
export type Tensors = Tensor | readonly Tensor[] | { readonly [name: string]: Tensor };

/** The same tensors element by element: what a scan's body sees of its sequences. */
type ElementsOf<T extends Tensors> =
  T extends Tensor<infer D> ? Tensor<D> : { readonly [K in keyof T]: T[K] extends Tensor<infer D> ? Tensor<D> : never };

const controlError = (code: string, message: string, help: string): IsochronError =>
  new IsochronError(`control/${code}`, message, { help });

/** Tensors and how they are named, in a fixed order. */
interface Flat {
  readonly values: readonly Value[];
  /** Of each as the user knows it, its type: what is carried has that of the same text. */
  readonly types: readonly string[];
  /** For errors: "", " 0", " name". */
  readonly names: readonly string[];
  /** What the user calls them. */
  readonly hints: readonly (string | undefined)[];
  /** Tensors of other values in the same form. */
  rebuild(values: readonly Value[]): Tensors;
}

/** Takes tensors apart. Throws `control/tensors` for what is none. */
function flatten(what: string, given: unknown): Flat {
  if (isTensor(given)) {
    const { value } = given;
    const types = [showTensorType(value.type)];
    return { values: [value], types, names: [""], hints: [value.hint], rebuild: ([other]) => new Tensor(other!) };
  }
  const entries = typeof given === "object" && given !== null ? Object.entries(given) : [];
  const wrong = entries.find(([, each]) => !isTensor(each));
  if (typeof given !== "object" || given === null || given instanceof Promise || wrong) {
    const found: unknown = wrong ? wrong[1] : given;
    throw controlError(
      "tensors",
      `${what}${wrong ? ` ${wrong[0]}` : ""} is ${found === undefined ? "undefined" : shown(found)} instead of a tensor`,
      typeof found === "number"
        ? `give it a dtype: constant(${found}, "f32")`
        : "give a tensor, a list of tensors, or an object of named tensors",
    );
  }
  const keys = entries.map(([key]) => key);
  const values = entries.map(([, each]) => (each as Tensor).value);
  return {
    values,
    types: values.map(({ type }) => showTensorType(type)),
    names: keys.map((key) => ` ${key}`),
    hints: Array.isArray(given) ? values.map(({ hint }) => hint) : keys,
    rebuild(others) {
      const tensors = others.map((value) => new Tensor(value));
      return Array.isArray(given) ? tensors : Object.fromEntries(keys.map((key, at) => [key, tensors[at]!]));
    },
  };
}

/**
 * Tensors as they go into a region and out of it: at their maximum, and behind them how many elements they have in each bounded
 * dimension. Their types say which of these are the same; what is rebuilt has dimensions of its own, called by the operator's name.
 */
function closed(operator: string, flat: Flat): Flat {
  const recorder = currentRecorder();
  const dimensions = new Map<string, { readonly max: number; readonly count: Value }>();
  for (const value of flat.values)
    for (const [axis, size] of value.type.shape.entries())
      if (isBounded(size) && !dimensions.has(size.name))
        dimensions.set(size.name, { max: size.max, count: recorder.apply(operators.size, [value], { axis }) });
  if (dimensions.size === 0) return flat;
  const known = [...dimensions.keys()];
  const numbered = (size: Dimension): Dimension =>
    isBounded(size) ? bounded(`n${known.indexOf(size.name) || ""}`, size.max) : size;
  const maxima = flat.values.map((value) => {
    const axes = value.type.shape.flatMap((size, d) => (isBounded(size) ? [d] : []));
    return axes.length === 0 ? value : recorder.apply(operators.toMaximum, [value], { axes, value: 0 });
  });
  return {
    values: [...maxima, ...[...dimensions.values()].map(({ count }) => count)],
    types: flat.values.map(({ type: { dtype, shape } }) => showTensorType({ dtype, shape: shape.map(numbered) })),
    names: flat.names,
    hints: [...flat.hints, ...known.map(() => undefined)],
    rebuild(others) {
      const inside = currentRecorder();
      const opened = [...dimensions.values()].map(({ max }) => inside.newDimension(operator, max));
      const counts = others.slice(maxima.length);
      return flat.rebuild(
        flat.values.map(({ type: { shape } }, at) =>
          shape.reduce<Value>((value, size, axis) => {
            if (!isBounded(size)) return value;
            const which = known.indexOf(size.name);
            const attributes = { axis, dimension: opened[which]!, within: true };
            return inside.results(boundedOperators.truncate, [value, counts[which]!], { attributes })[0];
          }, others[at]!),
        ),
      );
    },
  };
}

/** A function that was traced as a region. */
interface Traced {
  /** "the body of whileLoop", for errors. */
  readonly name: string;
  readonly recorder: RegionRecorder;
  readonly inputs: readonly Value[];
  readonly results: Flat;
}

/** The types of tensors, and what they are called. */
const namedLike = ({ values, hints }: Flat): Pick<Value, "type" | "hint">[] =>
  values.map(({ type }, at) => ({ type, ...(hints[at] === undefined ? {} : { hint: hints[at] }) }));

/** Traces a function on inputs like these values, for an operator. Throws `control/function`, `control/tensors`. */
function traceRegion(
  operator: string,
  name: string,
  fn: unknown,
  like: readonly Pick<Value, "type" | "hint">[],
  call: (inputs: readonly Value[]) => unknown,
): Traced {
  if (typeof fn !== "function")
    throw controlError("function", `${name} is ${shown(fn)} instead of a function`, "give a function of tensors");
  const recorder = new RegionRecorder(currentRecorder());
  const inputs = like.map(({ type, hint }): Value => ({ type, ...(hint === undefined ? {} : { hint }) }));
  const results = recording(recorder, () => closed(operator, flatten(`the result of ${name}`, call(inputs))));
  return { name, recorder, inputs, results };
}

/** The states that regions read or write, in the order of their first use. */
const statesOf = (...regions: readonly Traced[]): State[] => [
  ...new Set(regions.flatMap(({ recorder }) => [...recorder.used.keys()])),
];

/** Values with a place in a list of their own for those of states, which stand behind the first `before`. */
const withStates = (values: readonly Value[], states: readonly Value[], before = values.length): NamedValue[] => {
  const used = new Set<string>();
  return [...values.slice(0, before), ...states, ...values.slice(before)].map((value, at) => {
    const name = value.hint === undefined || used.has(value.hint) ? `v${at}` : value.hint;
    used.add(name);
    return { name, value };
  });
};

/** The graph of a traced function, with the inputs and outputs that it has. Throws `control/capture`. */
function regionOf({ name, recorder }: Traced, inputs: readonly NamedValue[], outputs: readonly NamedValue[]): Graph {
  const { constants, nodes } = recorder;
  const graph = new Graph({ name: name.replace(/^the | of .*$/g, ""), inputs, constants, states: [], nodes, outputs });
  const foreign = foreignUse(graph);
  if (!foreign) return graph;
  const { value, reader, place } = foreign;
  const what = value.hint === undefined ? showTensorType(value.type) : `"${value.hint}"`;
  const where = reader.kind === "operator" ? reader.name : "its result";
  throw new IsochronError("control/capture", `${name} reads ${what} of outside, in ${where}`, {
    help: "a region reads nothing but its operands: pass the tensor on as one more of them",
    ...(place === undefined ? {} : { place }),
  });
}

/** The graph of a region that takes states and leaves them, behind the first `before` of its own inputs and outputs. */
function statefulRegion(traced: Traced, states: readonly State[], before?: number): Graph {
  const used = states.map((state) => traced.recorder.use(state));
  return regionOf(
    traced,
    withStates(
      traced.inputs,
      used.map(({ input }) => input),
      before,
    ),
    withStates(
      traced.results.values,
      used.map(({ next }) => next),
      before,
    ),
  );
}

/** Throws `control/carried` where a body leaves other types, or other names, than it was given. */
function requireCarried(what: string, before: Flat, after: Flat): void {
  const help = "what is carried keeps its names, types and shapes from one turn to the next";
  if (after.names.join() !== before.names.join())
    throw controlError("carried", `${what} gives (${after.names.join()} ) instead of (${before.names.join()} )`, help);
  before.types.forEach((type, at) => {
    const found = after.types[at]!;
    if (found === type) return;
    throw controlError("carried", `${what} gives${before.names[at]!} ${found} where it was given ${type}`, help);
  });
}

/** Control flow as it is applied: the operands before its states and behind them, and what its results are like. */
interface Applied {
  readonly operands: readonly Value[];
  readonly states: readonly State[];
  readonly others?: readonly Value[];
  readonly attributes?: unknown;
  readonly regions: readonly Graph[];
  readonly results: Flat;
  /** Results behind those that are left of states. */
  readonly more?: Flat;
}

/** Applies control flow; what it leaves of states is written to them. */
function apply(operator: Operator, applied: Applied): readonly [results: Tensors, more: Tensors | undefined] {
  const { operands, states, others = [], attributes, regions, results, more } = applied;
  const recorder = currentRecorder();
  const latest = states.map((state) => recorder.readState(state));
  const hints = [...results.hints, ...states.map(({ name }) => name), ...(more?.hints ?? [])];
  const given = recorder.results(operator, [...operands, ...latest, ...others], { attributes, regions, hints });
  const own = results.values.length;
  states.forEach((state, at) => {
    recorder.writeState(state, given[own + at]!);
  });
  return [results.rebuild(given.slice(0, own)), more?.rebuild(given.slice(own + states.length))];
}

/**
 * Computes `then` or `otherwise`, as `predicate` says: one of the two, not both.
 *
 * `predicate` is one bool. The functions get the operands, and both give tensors of the same types: a tensor, a list or an
 * object. They read nothing but their operands, and states.
 * Throws `control/predicate`, `control/results`, `control/capture`.
 */
export function cond<O extends readonly Tensor[], R extends Tensors>(
  predicate: Tensor<"bool">,
  then: (...operands: O) => R,
  otherwise: (...operands: O) => NoInfer<R>,
  ...operands: O
): R {
  return placed(() => {
    const { type } = tensorOf("cond", predicate);
    if (!isScalar(type, "bool"))
      throw controlError(
        "predicate",
        `cond is asked by ${showTensorType(type)} instead of one bool`,
        "compare one element: x.greater(0), or reduce: x.any()",
      );
    for (const each of operands) tensorOf("cond", each);
    const given = closed("cond", flatten("an operand of cond", operands));
    const regionFrom = (name: string, fn: (...given: O) => R) =>
      traceRegion("cond", name, fn, given.values, (inputs) => fn(...(given.rebuild(inputs) as unknown as O)));
    const [first, second] = [regionFrom("then of cond", then), regionFrom("otherwise of cond", otherwise)];
    requireAlike(first.results, second.results);
    const states = statesOf(first, second);
    const regions = [first, second].map((each) => statefulRegion(each, states));
    const values = [predicate.value, ...given.values];
    const [results] = apply(controlOperators.cond, { operands: values, states, regions, results: first.results });
    return results as R;
  });
}

/** Throws `control/results` where two branches give other names or types. */
function requireAlike(then: Flat, otherwise: Flat): void {
  const show = ({ names, types }: Flat) => names.map((name, at) => `${name} ${types[at]}`.trim()).join(", ");
  if (show(then) === show(otherwise)) return;
  throw controlError(
    "results",
    `then of cond gives (${show(then)}), otherwise (${show(otherwise)})`,
    "both give tensors of the same names, types and shapes",
  );
}

/** Options of loops. */
export interface LoopOptions {
  /** How often the body may run: more is a fault of the step, which ends there and commits no state. */
  readonly atMost: number;
}

const loopSchemas = () => ({ atMost: z.int().min(1) });
const checkWhile = operatorOptions<LoopOptions>("whileLoop", loopSchemas);
const checkFor = operatorOptions<LoopOptions>("forLoop", loopSchemas);

/** Traces a function on what is carried. */
const traceOnCarried = <C extends Tensors>(name: string, fn: (carried: C) => unknown, carried: Flat): Traced =>
  traceRegion("whileLoop", name, fn, namedLike(carried), (inputs) => fn(carried.rebuild(inputs) as C));

/**
 * Runs `body` on what it left before, from `initial` on, for as long as `condition` gives true.
 *
 * What is carried is a tensor, a list or an object of tensors, and keeps its types and shapes. A state that the body reads or
 * writes is carried too. Throws `control/carried`, `control/condition`, `control/capture`, `operator/option`.
 */
export function whileLoop<C extends Tensors>(
  condition: (carried: C) => Tensor<"bool">,
  body: (carried: C) => NoInfer<C>,
  initial: C,
  options: LoopOptions,
): C {
  checkWhile(options);
  return placed(() => {
    const carried = closed("whileLoop", flatten("what whileLoop begins with", initial));
    const asked = traceOnCarried("the condition of whileLoop", condition, carried);
    const repeated = traceOnCarried("the body of whileLoop", body, carried);
    const [answer] = asked.results.values;
    if (asked.results.values.length !== 1 || !isScalar(answer!.type, "bool"))
      throw controlError(
        "condition",
        `the condition of whileLoop gives ${asked.results.values.map(({ type }) => showTensorType(type)).join(", ")} instead of one bool`,
        "compare one element: x.greater(0), or reduce: x.any()",
      );
    requireCarried("the body of whileLoop", carried, repeated.results);
    const states = statesOf(asked, repeated);
    for (const state of states) {
      const { input, next } = asked.recorder.use(state);
      if (input !== next)
        throw controlError(
          "condition",
          `the condition of whileLoop writes state "${state.name}"`,
          "write it in the body",
        );
    }
    const inputs = withStates(
      asked.inputs,
      states.map((state) => asked.recorder.use(state).input),
    );
    const regions = [regionOf(asked, inputs, [{ name: "v0", value: answer! }]), statefulRegion(repeated, states)];
    const attributes = { atMost: options.atMost };
    const applied = { operands: carried.values, states, attributes, regions, results: carried };
    return apply(controlOperators.whileLoop, applied)[0] as C;
  });
}

/** How often a loop runs, where that is known while it is traced: of a tensor that is less than 0 it is 0. */
function timesOf(count: number | Tensor<"i64">): unknown {
  if (!isTensor(count)) return count;
  const [times] = isScalar(count.type, "i64") ? (count.known ?? []) : [];
  return typeof times === "number" ? Math.max(0, times) : count;
}

/**
 * Runs `body` for 0, 1, 2, … below `count` on what it left before, from `initial` on.
 *
 * `count` is a whole number, or one i64: below 0 it means 0, above `atMost` it is a fault. Only a count that is known when the
 * graph is traced needs no `atMost`.
 * What is carried is as of `whileLoop`. Throws `control/count`, `control/carried`, `control/capture`, `operator/option`.
 */
export function forLoop<C extends Tensors>(
  count: number | Tensor<"i64">,
  body: (index: Tensor<"i64">, carried: C) => NoInfer<C>,
  initial: C,
  options?: LoopOptions,
): C {
  const times = timesOf(count);
  const known = typeof times === "number" && Number.isSafeInteger(times) && times >= 0;
  if (options !== undefined || !known) checkFor(options ?? {});
  return placed(() => {
    const isIndex = isTensor(count) && isScalar(count.type, "i64");
    if (!known && !isIndex)
      throw controlError(
        "count",
        `forLoop runs ${isTensor(count) ? showTensorType(count.type) : shown(count)} times`,
        'give a whole number from 0 on, or one i64: n.cast("i64")',
      );
    const atMost = options?.atMost ?? Math.max(1, Number(times));
    if (known && times > atMost)
      throw controlError("count", `forLoop runs ${times} times, at most ${atMost} are allowed`, "raise atMost");
    const carried = closed("forLoop", flatten("what forLoop begins with", initial));
    const index = { type: { dtype: "i64", shape: [] }, hint: "i" } as const;
    const like = [index, ...namedLike(carried)];
    const traced = traceRegion("forLoop", "the body of forLoop", body, like, ([first, ...inputs]) =>
      body(new Tensor<"i64">(first!), carried.rebuild(inputs) as C),
    );
    requireCarried("the body of forLoop", carried, traced.results);
    const states = statesOf(traced);
    const turns = known ? constant(times, "i64").value : (count as Tensor).value;
    const [results] = apply(controlOperators.forLoop, {
      operands: [turns, ...carried.values],
      states,
      attributes: { atMost },
      regions: [statefulRegion(traced, states)],
      results: carried,
    });
    return results as C;
  });
}

/**
 * Runs `body` on each element of `sequences` along their first dimension and on what it left before, from `initial` on.
 *
 * `body` gives what is carried on, and something of each element; the result is what was carried last, and all of these one
 * after the other in a new first dimension. Throws `control/sequences`, `control/carried`, `control/capture`.
 */
export function scan<C extends Tensors, S extends Tensors, Y extends Tensors>(
  body: (carried: C, elements: ElementsOf<S>) => readonly [NoInfer<C>, Y],
  initial: C,
  sequences: S,
): [C, Y] {
  return placed(() => {
    const carried = closed("scan", flatten("what scan begins with", initial));
    const given = flatten("a sequence of scan", sequences);
    const length = given.values[0]?.type.shape[0];
    const uneven = given.values.some(
      ({ type: { shape } }) => length === undefined || !sameShape([shape[0] ?? -1], [length]),
    );
    if (length === undefined || uneven)
      throw controlError(
        "sequences",
        `scan goes along ${given.values.map(({ type }) => showTensorType(type)).join(", ") || "nothing"}`,
        "give at least one sequence, all of the same first dimension",
      );
    const elements = given.values.map(({ type: { dtype, shape } }) => ({ type: { dtype, shape: shape.slice(1) } }));
    const own = carried.values.length;
    let left: Flat | undefined;
    let made: Flat | undefined;
    const like = [...namedLike(carried), ...elements];
    const traced = traceRegion("scan", "the body of scan", body, like, (inputs) => {
      const pair: unknown = body(
        carried.rebuild(inputs.slice(0, own)) as C,
        given.rebuild(inputs.slice(own)) as ElementsOf<S>,
      );
      if (!Array.isArray(pair) || pair.length !== 2)
        throw controlError(
          "tensors",
          `the body of scan gives ${shown(pair)}`,
          "give what is carried on and what is kept of the element: [carried, { y }]",
        );
      left = closed("scan", flatten("what the body of scan carries on", pair[0]));
      made = flatten("what the body of scan keeps", pair[1]);
      const ragged = made.values.find(({ type }) => type.shape.some(mayBeBounded));
      if (ragged)
        throw operandError(
          "bounded",
          `scan would keep ${showTensorType(ragged.type)} of each element, of which only the maximum is known`,
          "keep the maximum, x.toMaximum(0), and the count, x.size(axis)",
        );
      return [...left.values, ...made.values].map((value) => new Tensor(value));
    });
    requireCarried("the body of scan", carried, left!);
    const states = statesOf(traced);
    return apply(controlOperators.scan, {
      operands: carried.values,
      states,
      others: given.values,
      attributes: { carried: own + states.length },
      regions: [statefulRegion(traced, states, own)],
      results: carried,
      more: made!,
    }) as [C, Y];
  });
}
