// Bounded dimensions become their maximum, and a count beside them: what kernels see has known sizes.
import { type BoundedDimension, isBounded, largestSize, withShape } from "../graph/dimension.ts";
import { constantValueOf } from "../graph/facts.ts";
import {
  type Constant,
  Graph,
  mapRegions,
  match,
  type Node,
  type NodeParts,
  nodeOf,
  type Results,
  type Value,
} from "../graph/graph.ts";
import { allOf } from "../graph/rewrite.ts";
import { arrayFrom, newArray, type TensorType, type TypedArray } from "../graph/tensor-type.ts";
import { hasBounds } from "../operators/bounded.ts";
import { type Builder, boundedOperators, controlOperators, type Operator, operators } from "../operators/index.ts";
import { wholeNumber } from "../operators/indexing.ts";

/** A graph while it is rewritten. As a builder it takes values as they were, bounded dimensions and all. */
class Maxima implements Builder {
  readonly nodes: Node[] = [];
  readonly constants: Constant[];
  /** What stands for a value: the same elements in front of the counts, and anything behind. */
  readonly #values = new Map<Value, Value>();
  /** How many elements a dimension has, by its name. */
  readonly #counts = new Map<string, Value>();
  /** The node being rewritten, whose place new ones take. */
  #origin: Node | undefined;

  constructor(constants: readonly Constant[]) {
    this.constants = [...constants];
  }

  constant(type: TensorType, data: TypedArray, name = "c"): Value {
    const value = constantValueOf(type, data);
    this.constants.push({ name, value, data });
    return value;
  }

  apply(operator: Operator, operands: readonly Value[], attributes: unknown = {}): Value {
    return this.results(operator, operands, { attributes })[0];
  }

  results(operator: Operator, operands: readonly Value[], parts?: NodeParts): Results {
    const node = nodeOf(operator, operands, { ...parts, place: this.#origin?.place });
    this.add(node);
    return node.outputs;
  }

  at(value: Value): Value {
    return this.#values.get(value) ?? value;
  }

  /** A value at its maximum, zeros behind the counts. */
  whole(value: Value): Value {
    const axes = value.type.shape.map((_, d) => d);
    return this.#filled(value, axes, 0);
  }

  /** Rewrites a node. */
  add(node: Node): void {
    const outer = this.#origin;
    this.#origin ??= node;
    this.#rewrite(node);
    this.#origin = outer;
  }

  #rewrite(node: Node): void {
    const { operator, attributes, inputs, outputs } = node;
    const [x] = inputs;
    const sized = match(node, operators.size);
    const dimension = sized && x!.type.shape[sized.attributes.axis]!;
    const filled = match(node, operators.toMaximum);
    const cut = match(node, boundedOperators.truncate);
    const { lowering } = operator;
    if (dimension !== undefined && isBounded(dimension)) this.#stand(node, [this.#countOf(dimension)]);
    else if (filled) this.#stand(node, [this.#filled(x!, filled.attributes.axes, filled.attributes.value)]);
    else if (cut) this.#truncate(cut);
    else if (operator.count && lowering.kind === "composite")
      this.#stand(node, this.#meant(allOf(lowering.decompose(inputs, attributes, this))));
    else if ([...inputs, ...outputs].some(({ type }) => hasBounds(type))) this.#atMaximum(node);
    else this.nodes.push({ ...node, inputs: inputs.map((value) => this.at(value)) });
  }

  #atMaximum(node: Node): void {
    const { operator, attributes, inputs, outputs, place } = node;
    const rule = operator.bounded(
      inputs.map(({ type }) => type),
      attributes,
    )!;
    if (rule.kind === "others") {
      this.#stand(node, this.#meant(allOf(rule.decompose(inputs, this))));
      return;
    }
    const operands = inputs.map((value, at) => {
      const behind = rule.behind[at];
      const axes = value.type.shape.map((_, d) => d);
      return behind === undefined ? this.at(value) : this.#filled(value, axes, behind);
    });
    const hints = outputs.map(({ hint }) => hint);
    const whole = nodeOf(operator, operands, { attributes: withShape(attributes, largestSize), hints, place });
    this.nodes.push(whole);
    this.#stand(node, whole.outputs);
  }

  #truncate({ inputs, outputs, attributes: { dimension, within }, place }: Node<TruncateAttributes>): void {
    const [x, count] = inputs.map((value) => this.at(value)) as [Value, Value];
    const limits = { atMost: dimension.max, dimension: dimension.name };
    // A dimension has one count, however many tensors have it.
    const checked =
      this.#counts.get(dimension.name) ??
      (within
        ? count
        : this.#made(nodeOf(controlOperators.limit, [count], { attributes: limits, regions: [], place })));
    this.#counts.set(dimension.name, checked);
    this.#values.set(outputs[0], x);
    this.#values.set(outputs[1]!, checked);
  }

  /** What stands for values that were built. */
  #meant(values: readonly Value[]): Value[] {
    return values.map((value) => this.at(value));
  }

  #stand({ outputs }: Node, values: readonly Value[]): void {
    outputs.forEach((value, at) => void this.#values.set(value, values[at]!));
  }

  #made(node: Node): Value {
    this.nodes.push(node);
    return node.outputs[0];
  }

  /** Applies an operator to values of known sizes. */
  #new(operator: Operator, operands: readonly Value[], attributes: unknown = {}): Value {
    return this.#made(nodeOf(operator, operands, { attributes, place: this.#origin?.place }));
  }

  #countOf({ name, parts }: BoundedDimension): Value {
    const known = this.#counts.get(name);
    if (known) return known;
    const counts = parts!.map((part) => (isBounded(part) ? this.#countOf(part) : wholeNumber(this, Number(part))));
    const count = counts.reduce((a, b) => this.#new(operators.add, [a, b]));
    this.#counts.set(name, count);
    return count;
  }

  /** A value with a number behind the counts of those of its dimensions that are bounded. */
  #filled(value: Value, axes: readonly number[], behind: number | bigint): Value {
    const { dtype, shape } = value.type;
    const masks = axes.flatMap((d) => {
      const dimension = shape[d]!;
      return isBounded(dimension) ? [this.#mask(dimension, shape.length - 1 - d)] : [];
    });
    if (masks.length === 0) return this.at(value);
    const mask = masks.reduce((a, b) => this.#new(operators.logicalAnd, [a, b]));
    // Behind a count stand bytes of 0, whatever number those are.
    const element = behind === 0 ? newArray(dtype, 1) : arrayFrom(dtype, [behind]);
    const other = this.constant({ dtype, shape: [] }, element, "behind");
    return this.#new(operators.where, [mask, this.at(value), other]);
  }

  /** Whether elements lie in front of a count, along the dimension that so many others follow. */
  #mask(dimension: BoundedDimension, followers: number): Value {
    return this.#new(operators.inFront, [this.#countOf(dimension)], { size: dimension.max, followers });
  }
}

type TruncateAttributes = ReturnType<(typeof boundedOperators.truncate)["parse"]>;

/**
 * The graph in which each tensor has its largest shape, with zeros behind the counts of outputs, and counts are values.
 *
 * A bound that may be exceeded is checked: more elements end the step with a fault.
 */
export function toMaxima(graph: Graph): Graph {
  const inner = mapRegions(graph, toMaxima);
  if (!inner.nodes.some(({ operator }) => operator.count)) return inner;
  const maxima = new Maxima(inner.constants);
  for (const node of inner.nodes) maxima.add(node);
  const outputs = inner.outputs.map(({ name, value }) => ({ name, value: maxima.whole(value) }));
  const states = inner.states.map((state) => ({ ...state, next: maxima.at(state.next) }));
  return new Graph({ ...inner, constants: maxima.constants, nodes: maxima.nodes, states, outputs });
}
