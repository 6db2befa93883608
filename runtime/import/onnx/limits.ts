// What importing a model may take: beyond it a model is refused before memory or time is spent.
import { bytesOf, IsochronError } from "../../../kernels/index.ts";
import { mostOf } from "../../graph/dimension.ts";
import type { Node } from "../../graph/graph.ts";
import { countOf, showTensorType, type TensorType } from "../../graph/tensor-type.ts";

/** Bytes of one tensor of a graph that a model becomes. */
export const mostTensorBytes = 2 ** 32;
/** Bytes that a node's results, or what follows from constants alone, take while a graph is built or a model interpreted. */
export const mostKnownBytes = 2 ** 30;
/** Operations that computing what follows from constants alone takes, at most. */
export const mostKnownWork = 2 ** 30;
/** Elements of a list that an operator makes while a graph is built. */
export const mostElements = 2 ** 24;
/** Parts that one node is made of: pieces, turns, batches. */
export const mostParts = 2 ** 14;
/** Nodes that are applied while a graph is built, those of functions and of loops' turns counted each time. */
export const mostNodes = 2 ** 16;
/** Nodes that run while a model is interpreted. */
export const mostNodesRun = 2 ** 20;

/** What is valid, and larger than what is made here. */
export const sizeLimit = (message: string): IsochronError =>
  new IsochronError("import/size-limit", message, {
    help: "sizes and counts come from the model, and from what it is given for its inputs: see which are meant",
  });

/** The elements that a tensor has at most. */
const elementsIn = ({ shape }: TensorType): number => countOf(shape.map(mostOf));

/** Refuses a tensor that no graph should have. Throws `import/size-limit`. */
export function requireTensor(type: TensorType, said = "it gives"): void {
  if (elementsIn(type) * bytesOf(type.dtype) <= mostTensorBytes) return;
  throw sizeLimit(`${said} ${showTensorType(type)}, and a tensor may have ${mostTensorBytes} bytes`);
}

/** A count of elements that are to be listed. Throws `import/size-limit`. */
export function elementCount(count: number, what: string): number {
  if (count <= mostElements) return count;
  throw sizeLimit(`${what} has ${count} elements, and ${mostElements} may be`);
}

/** A count of parts that a node is to be made of. Throws `import/size-limit`. */
export function partCount(count: number, what: string): number {
  if (count <= mostParts) return count;
  throw sizeLimit(`${count} ${what}, and ${mostParts} may be`);
}

/** Operations of a node at most: of a product of matrices, the root of the three sizes multiplied. */
function workOf({ operator, inputs, outputs }: Node): number {
  const read = inputs.map(({ type }) => elementsIn(type));
  const made = outputs.reduce((sum, { type }) => sum + elementsIn(type), 0);
  const { kind } = operator.lowering;
  const isPlain = kind !== "kernel" && kind !== "composite" && kind !== "interpreted";
  return isPlain ? made + read.reduce((sum, each) => sum + each, 0) : made * Math.max(1, Math.min(...read));
}

/** Counts what is computed while a graph is built. */
export class KnownBudget {
  #bytes = 0;
  #work = 0;

  /** Throws `import/size-limit` where computing these nodes too would take more than may be. */
  take(nodes: readonly Node[]): void {
    for (const node of nodes) {
      for (const { type } of node.outputs) this.#bytes += elementsIn(type) * bytesOf(type.dtype);
      this.#work += workOf(node);
    }
    if (this.#bytes > mostKnownBytes)
      throw sizeLimit(`what follows from constants takes ${this.#bytes} bytes, and ${mostKnownBytes} may be`);
    if (this.#work > mostKnownWork)
      throw sizeLimit(`what follows from constants takes ${this.#work} operations, and ${mostKnownWork} may be`);
  }
}

/** Refuses results that a model which is interpreted may not have. Throws `import/size-limit`. */
export function requireResults(nodes: readonly Node[]): void {
  const bytes = nodes.reduce(
    (sum, { outputs }) => outputs.reduce((all, { type }) => all + elementsIn(type) * bytesOf(type.dtype), sum),
    0,
  );
  if (bytes > mostKnownBytes) throw sizeLimit(`it takes ${bytes} bytes, and ${mostKnownBytes} may be`);
}

/** Counts nodes, however they are nested. */
export class NodeBudget {
  readonly #most: number;
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Throws `import/size-limit` where there are more than may be. */
  next(): void {
    if (++this.#count > this.#most) throw sizeLimit(`the model comes to more than ${this.#most} nodes`);
  }
}
