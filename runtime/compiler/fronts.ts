// Which values are wanted in front of a count only, so that their kernels run over it: what bounded dimensions have become.
import { IsochronError } from "../../kernels/index.ts";
import { bounded } from "../graph/dimension.ts";
import { type Graph, match, type Node, producersOf, type Value } from "../graph/graph.ts";
import { countOf, numberIn, staticShape } from "../graph/tensor-type.ts";
import { isUniform } from "../graph/weights.ts";
import { operators } from "../operators/index.ts";

/** The first elements of a value in row-major order: as many rows as a count says. */
export interface Front {
  /** One i64, which may be anything: of the rows there are `most`. */
  readonly count: Value;
  readonly most: number;
  /** Elements of a row. */
  readonly row: number;
  /** What all elements behind are, where those are read too. */
  readonly behind?: number | bigint;
}

/** Elements of a value that is read: some in front, or all. */
type Wanted = Front | "all";

/** Where elements that are taken along a dimension are all one number, from a count on. */
export interface Neutral {
  readonly axis: number;
  readonly count: Value;
  readonly most: number;
  readonly behind: number | bigint;
}

const sizesOf = ({ type }: Value): number[] => staticShape(type.shape);
/** The first dimension that counts anything. */
const leading = (shape: readonly number[]): number => shape.findIndex((size) => size !== 1);
const behindOf = (shape: readonly number[], axis: number): number => countOf(shape.slice(axis + 1));

const sameFront = (a: Front, b: Front): boolean => a.count === b.count && a.most === b.most && a.row === b.row;

/** What a graph says of its values: which are wanted in front of a count, and which are of one number behind it. */
export class Fronts {
  readonly #producers: ReadonlyMap<Value, Node>;
  readonly #uniform = new Map<Value, number | bigint>();
  readonly #wanted = new Map<Value, Wanted>();

  constructor(graph: Graph) {
    this.#producers = producersOf(graph);
    if (!graph.nodes.some((node) => match(node, operators.inFront))) return;
    for (const constant of graph.constants) {
      const { value } = constant;
      if (isUniform(constant)) this.#uniform.set(value, numberIn(value.type.dtype, constant.data[0]!));
    }
    for (const { value } of graph.outputs) this.#want(value, "all");
    for (const { next } of graph.states) this.#want(next, "all");
    for (const node of graph.nodes.toReversed()) this.#operands(node);
  }

  /** The counts that kernels read. */
  get counts(): readonly Value[] {
    return [...this.#producers.values()].flatMap((node) => (match(node, operators.inFront) ? [node.inputs[0]!] : []));
  }

  /** What is wanted of a value, where that is not all of it, or is one number behind a count. */
  of(value: Value): Front | undefined {
    const wanted = this.#wanted.get(value);
    if (wanted !== "all") return wanted;
    const masked = this.#masked(this.#producers.get(value));
    const shape = sizesOf(value);
    if (!masked || masked.axis !== leading(shape)) return undefined;
    return { count: masked.count, most: masked.most, row: behindOf(shape, masked.axis), behind: masked.behind };
  }

  /** From which count on a value is of one number along a dimension. */
  neutral(value: Value): Neutral | undefined {
    return this.#masked(this.#producers.get(value));
  }

  #want(value: Value, wanted: Wanted): void {
    const known = this.#wanted.get(value);
    const same = known === undefined || (known !== "all" && wanted !== "all" && sameFront(known, wanted));
    this.#wanted.set(value, same ? wanted : "all");
  }

  /** Of a choice between elements in front of a count and one number: the count, and along which dimension. */
  #masked(node: Node | undefined): Neutral | undefined {
    const choice = match(node, operators.where);
    const behind = choice && this.#uniform.get(choice.inputs[2]!);
    if (!choice || behind === undefined) return undefined;
    const rank = choice.outputs[0].type.shape.length;
    const [first] = this.#masks(choice.inputs[0]!, rank).sort((a, b) => a.axis - b.axis);
    return first && { ...first, behind };
  }

  #masks(mask: Value, rank: number): Omit<Neutral, "behind">[] {
    const node = this.#producers.get(mask);
    if (match(node, operators.logicalAnd)) return node!.inputs.flatMap((each) => this.#masks(each, rank));
    const front = match(node, operators.inFront);
    if (!front) return [];
    const { size, followers } = front.attributes;
    return [{ axis: rank - 1 - followers, count: front.inputs[0]!, most: size }];
  }

  #operands(node: Node): void {
    const [output, ...others] = node.outputs;
    const wanted = this.#wanted.get(output);
    const whole = others.length > 0 || node.regions !== undefined || wanted === undefined;
    node.inputs.forEach((value, at) => {
      this.#want(value, whole ? "all" : this.#operand(node, at, output, wanted));
    });
  }

  #operand(node: Node, at: number, output: Value, wanted: Wanted): Wanted {
    const { kind } = node.operator.lowering;
    const value = node.inputs[at]!;
    if (at === 1 && match(node, operators.where)) {
      const own = this.of(output);
      return own ? broadcastFront({ count: own.count, most: own.most, row: own.row }, output, value) : "all";
    }
    if (wanted === "all") return "all";
    if (kind === "reshape") return wanted;
    return kind === "pointwise" ? broadcastFront(wanted, output, value) : frontThrough(node, at, wanted);
  }
}

/** What is wanted of an operand that is broadcast, for the front of a result. */
function broadcastFront(front: Front, result: Value, operand: Value): Wanted {
  const [to, from] = [sizesOf(result), sizesOf(operand)];
  if (countOf(to) === countOf(from)) return front;
  const axis = leading(to);
  const rows = front.row / behindOf(to, axis);
  const own = axis - (to.length - from.length);
  if (own < 0 || from[own] !== to[axis] || !Number.isInteger(rows)) return "all";
  return { ...front, row: rows * behindOf(from, own) };
}

/**
 * What is wanted of an operand for the front of a result: what an operator says of a bounded first dimension, elements in front of
 * whose count are right whatever stands behind.
 */
function frontThrough({ operator, attributes, inputs, outputs }: Node, at: number, front: Front): Wanted {
  const shape = sizesOf(outputs[0]);
  const axis = leading(shape);
  const size = shape[axis];
  if (size !== front.most || front.row !== behindOf(shape, axis)) return "all";
  const dimension = bounded("rows", size);
  const shapes = inputs.map(sizesOf);
  const own = shapes.map(leading);
  const longerShape = (operand: number) => shapes[operand]!.with(own[operand]!, size + 1);
  const may = (operand: number) => shapes[operand]![own[operand]!] === size;
  const holds = (bound: (operand: number) => boolean): boolean => {
    const types = inputs.map(({ type }, operand) =>
      bound(operand) ? { ...type, shape: type.shape.with(own[operand]!, dimension) } : type,
    );
    try {
      const rule = operator.bounded(types, attributes);
      if (rule?.kind !== "maximum" || rule.behind[at] !== undefined) return false;
      // One row more of the operand is one row more of the result.
      const longer = inputs.map(({ type }, operand) =>
        bound(operand) ? { ...type, shape: longerShape(operand) } : type,
      );
      return operator.infer(longer, attributes)[0].shape[axis] === size + 1;
    } catch (error) {
      if (error instanceof IsochronError) return false;
      throw error;
    }
  };
  if (!may(at) || !(holds((operand) => operand === at) || holds(may))) return "all";
  return { ...front, row: behindOf(shapes[at]!, own[at]!) };
}
