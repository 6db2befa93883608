// A graph as a function: called on tensors under trace, it is recorded again where it is called.
import { z } from "zod";
import { didYouMean, IsochronError, optionsOf, shown } from "../../kernels/index.ts";
import { type Copies, copiedNode, type Resize } from "../graph/copies.ts";
import { type BoundedDimension, type Dimension, isSymbol, replaced } from "../graph/dimension.ts";
import { Graph, type Node, type Signature, type State, type Value } from "../graph/graph.ts";
import { located, type Place } from "../graph/place.ts";
import { sameType, showTensorType, type TensorType } from "../graph/tensor-type.ts";
import { isTensor } from "./methods/symbolic.ts";
import { currentRecorder, type Recorder } from "./recorder.ts";
import { Tensor } from "./tensor.ts";

/** A tensor for each of a signature's names. */
export type TensorsOf<S extends Signature> = { readonly [K in keyof S]: Tensor<S[K]["dtype"]> };

/** Options of the call of a graph. */
export interface CallOptions {
  /** What its states are called after: NAME.STATE. Calls under another name have states of their own. */
  readonly name?: string;
}

/**
 * A graph that is a function of tensors by name, for functions under trace: its outputs by name.
 *
 * Called several times, it goes on with the states that it left, unless the calls have names.
 * Throws `trace/call` for inputs that are not its own, and `trace/outside` where nothing is traced.
 *
 * @example
 * ```ts
 * import { Interpreter, tensorType, trace } from "isochron";
 *
 * const net = trace(({ x }) => ({ y: x.mul(2) }), { x: tensorType("f32", [2]) }, { name: "net" });
 * const scaled = trace(
 *   ({ image }) => {
 *     const { y } = net({ x: image.cast("f32").div(255) });
 *     return { y: y.add(1) };
 *   },
 *   { image: tensorType("u8", [2]) },
 *   { name: "scaled" },
 * );
 * console.log(new Interpreter(scaled).run({ image: Uint8Array.of(0, 255) }).y.join(" ")); // 1 3
 * ```
 */
export interface CallableGraph<I extends Signature = Signature, O extends Signature = Signature> extends Graph<I, O> {
  (inputs: TensorsOf<I>, options?: CallOptions): TensorsOf<O>;
}

/** The same graph as a function. */
export function callable<I extends Signature, O extends Signature>(graph: Graph<I, O>): CallableGraph<I, O> {
  const called = (inputs: unknown, options: CallOptions = {}) =>
    located((place) => call(graph, inputs, options, place));
  Object.setPrototypeOf(called, Graph.prototype);
  return Object.defineProperties(called, Object.getOwnPropertyDescriptors(graph)) as unknown as CallableGraph<I, O>;
}

const checkCall = optionsOf<CallOptions>("trace", "the call of a graph", () => ({
  name: z.string().min(1).describe("a text: what its states are called after").optional(),
}));

const refuse = (message: string, help: string): never => {
  throw new IsochronError("trace/call", message, { help });
};

/** How a graph is called, in words. */
const usageOf = ({ inputs }: Graph): string =>
  inputs.length === 0
    ? "it takes no inputs: graph({})"
    : `it takes ${inputs.map(({ name, value }) => `${name}: ${showTensorType(value.type)}`).join(", ")}`;

/** The tensors that a graph is called on, in the order of its inputs. Throws `trace/call`. */
function operandsOf(graph: Graph, given: unknown): Value[] {
  const { name, inputs } = graph;
  const usage = usageOf(graph);
  if (typeof given !== "object" || given === null || isTensor(given)) {
    const found = given === undefined ? "nothing" : isTensor(given) ? "a tensor" : shown(given);
    refuse(`graph "${name}" got ${found} instead of its inputs by name`, usage);
  }
  const tensors = given as { readonly [name: string]: unknown };
  const names = inputs.map((each) => each.name);
  const unknown = Object.keys(tensors).find((each) => !names.includes(each));
  if (unknown !== undefined) refuse(`graph "${name}" has no input "${unknown}"`, didYouMean(unknown, names, usage));
  return names.map((each) => {
    const tensor = Object.hasOwn(tensors, each) ? tensors[each] : undefined;
    if (isTensor(tensor)) return tensor.value;
    if (tensor === undefined) return refuse(`graph "${name}" is not given its input "${each}"`, usage);
    const help = typeof tensor === "number" ? `give a tensor: ${each}: constant(${tensor}, "f32")` : usage;
    return refuse(`input "${each}" of graph "${name}" is ${shown(tensor)} instead of a tensor`, help);
  });
}

/** What the named dimensions of a graph are in a call. Throws `trace/call` for operands of other types. */
function sizesOf({ name: graph, inputs }: Graph, operands: readonly Value[]): ReadonlyMap<string, Dimension> {
  const sizes = new Map<string, Dimension>();
  for (const [at, { value }] of inputs.entries()) {
    for (const [d, size] of value.type.shape.entries()) {
      const found = operands[at]!.type.shape[d];
      if (found !== undefined && isSymbol(size) && !size.parts && !sizes.has(size.name)) sizes.set(size.name, found);
    }
  }
  const sized = resizing(sizes, new Map());
  for (const [at, { name, value }] of inputs.entries()) {
    const { dtype, shape } = value.type;
    const found = operands[at]!.type;
    const wanted: TensorType = { dtype, shape: shape.map(sized) };
    if (sameType(wanted, found)) continue;
    const here = sameType(wanted, value.type) ? "" : `, here ${showTensorType(wanted)}`;
    refuse(
      `input "${name}" of graph "${graph}" is ${showTensorType(value.type)}${here}, and is given ${showTensorType(found)}`,
      found.dtype === dtype
        ? "give it that shape: x.reshape(shape), x.broadcastTo(shape), x.slice([start, end])"
        : `convert it: ${name}: x.cast("${dtype}")`,
    );
  }
  return sizes;
}

/** What bounded dimensions that a graph makes are called where it is called: names that nothing there has. */
function boundedOf({ nodes }: Graph, recorder: Recorder): ReadonlyMap<string, BoundedDimension> {
  const made = new Map<string, BoundedDimension>();
  for (const node of nodes) {
    const own = madeBy(node);
    if (own && !made.has(own.name)) made.set(own.name, recorder.newDimension(own.name.replace(/\d+$/, ""), own.max));
  }
  return made;
}

/** The dimension that a node makes, where it makes one. */
const madeBy = ({ operator, attributes }: Node): BoundedDimension | undefined =>
  operator.count && (attributes as { readonly dimension: BoundedDimension }).dimension;

/** The change of dimensions that are symbols, or bounded, by their names. */
const resizing =
  (symbols: ReadonlyMap<string, Dimension>, bounded: ReadonlyMap<string, Dimension>): Resize =>
  (size) =>
    replaced(size, (part) => (part.kind === "symbol" ? symbols : bounded).get(part.name) ?? part);

/** The state of the trace that stands for one of a graph, which is what that is wherever the graph is called. */
const meant = new WeakMap<State, State>();

/** A name for a state that the trace has none of: its own, or behind that of its graph. Throws `trace/state`. */
function freeName({ states }: Recorder, graph: string, own: string, name: string | undefined): string {
  const isFree = (wanted: string) => !states.some((each) => each.name === wanted);
  const wanted = name === undefined ? own : `${name}.${own}`;
  if (isFree(wanted)) return wanted;
  if (name !== undefined)
    throw new IsochronError("trace/state", `there are two states named "${wanted}"`, {
      help: "graphs whose states have the same names are called under different names",
    });
  for (let number = 1; ; number++) {
    const numbered = `${graph}${number === 1 ? "" : number}.${own}`;
    if (isFree(numbered)) return numbered;
  }
}

/** The state of a trace that a state of a graph is, declared at its first call. */
function adoptedState(recorder: Recorder, graph: Graph, state: State, name: string | undefined): State {
  const { whole } = recorder;
  const origin = meant.get(state) ?? state;
  const adopted = whole.adoptedStates.get(origin) ?? new Map<string, State>();
  whole.adoptedStates.set(origin, adopted);
  const known = adopted.get(name ?? "");
  if (known) return known;
  const own = freeName(whole, graph.name, state.name, name);
  const value: Value = { type: state.value.type, hint: own };
  const entry: State = { name: own, value, initial: state.initial, next: value };
  if (name === undefined) meant.set(entry, origin);
  adopted.set(name ?? "", entry);
  whole.states.push(entry);
  return entry;
}

/** A constant of a graph as one of the trace; of the same elements there is one. */
function adoptedConstant(recorder: Recorder, { name, value: { type }, data }: Graph["constants"][number]): Value {
  const known = recorder.adopted.get(data);
  if (known && sameType(known.type, type)) return known;
  const value = recorder.constant(type, data, name);
  recorder.adopted.set(data, value);
  return value;
}

/** What `body` gives; its errors say that they are about a node of a graph that is called. */
function withinCall<T>({ name }: Graph, place: Place, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof IsochronError)) throw error;
    const { code, message, details, help, place: own, cause } = error;
    throw new IsochronError(code, message, {
      details: [...details, `in graph "${name}", which is called at ${place.text ?? "a place unknown"}`],
      cause,
      ...(own === undefined ? {} : { place: own }),
      ...(help === undefined ? {} : { help }),
    });
  }
}

/** Records a graph's nodes on the tensors that it is given; its outputs by name. */
function call(graph: Graph, given: unknown, options: CallOptions, place: Place): { readonly [name: string]: Tensor } {
  const recorder = currentRecorder(
    `graph "${graph.name}" is called outside of trace, where there are no tensors`,
    "run it on arrays: load(await compile(graph)).run(inputs), or new Interpreter(graph).run(inputs)",
  );
  checkCall(options);
  const operands = operandsOf(graph, given);
  const symbols = sizesOf(graph, operands);
  const bounded = boundedOf(graph, recorder);
  const values: Copies = new Map(graph.inputs.map(({ value }, at) => [value, operands[at]!]));
  for (const each of graph.constants) values.set(each.value, adoptedConstant(recorder, each));
  const states = graph.states.map((state) => [state, adoptedState(recorder, graph, state, options.name)] as const);
  for (const [{ value }, own] of states) values.set(value, recorder.readState(own));
  const resize = resizing(symbols, bounded);
  // Regions have bounded dimensions of their own, whose names are told apart there.
  const inside = resizing(symbols, new Map());
  withinCall(graph, place, () => {
    for (const node of graph.nodes) {
      const dimension = madeBy(node);
      const own = dimension && { ...(node.attributes as object), dimension: resize(dimension) };
      recorder.nodes.push(copiedNode(own ? { ...node, attributes: own } : node, values, resize, inside));
    }
  });
  for (const [{ next }, own] of states) recorder.writeState(own, values.get(next)!);
  return Object.fromEntries(graph.outputs.map(({ name, value }) => [name, new Tensor(values.get(value)!)]));
}
