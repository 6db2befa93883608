// What models of PyTorch's formats do alike with graphs: find out what is written to, name results, run once.
import type { CallableGraph } from "../../capture/called-graph.ts";
import type { Tensor } from "../../capture/tensor.ts";
import { sameType, showTensorType, type TensorType } from "../../graph/tensor-type.ts";
import { unsupportedTorch } from "./call.ts";
import { columnar, grownIn, isGrownList } from "./flow/grown.ts";
import type { States } from "./load-values.ts";
import { numberTensor } from "./numbers.ts";
import { kindOfTorch, TorchTensor, TorchTuple, type TorchValue } from "./values.ts";

/** A graph, and the tensors of the model that it writes to. */
export interface Traced {
  readonly graph: CallableGraph;
  readonly written: States;
}

/** Graphs over one set of states, which `trace` makes of the names of tensors that are written to. */
export function overStates<T>(
  all: readonly (readonly [name: string, given: T])[],
  trace: (given: T, states: States) => Traced,
): { readonly [name: string]: CallableGraph } {
  const states = new Map<string, TensorType | undefined>();
  // What is written to is found out by running; a run in which nothing more is written to is the last.
  for (;;) {
    const traced = all.map(([name, given]) => [name, trace(given, states)] as const);
    const more = traced
      .flatMap(([, { written }]) => [...written])
      .filter(([name, type]) => !states.has(name) || (type && !states.get(name)));
    if (more.length === 0) return Object.fromEntries(traced.map(([name, { graph }]) => [name, graph]));
    for (const [name, type] of more) {
      const known = states.get(name);
      if (type && known && !sameType(type, known))
        throw unsupportedTorch(
          `attribute ${name} becomes ${showTensorType(type)} in one method, and ${showTensorType(known)} in another`,
          "what is kept from step to step has one type",
        );
      states.set(name, type ?? known);
    }
  }
}

/** A value in a result, with what it is called, and the list of which it holds a part of all elements. */
type Named = readonly [name: string, value: TorchValue, list?: string];

/** The values in a result by what they are called: `y`, or by their places and keys `y0`, `y1.0`, `mean`. */
export function* namedIn(value: TorchValue, name = "y", list?: string): Generator<Named> {
  if (isGrownList(value)) yield* namedIn(columnar(grownIn(value)!), name, list ?? name);
  else if (Array.isArray(value) || value instanceof TorchTuple) {
    const fields = value instanceof TorchTuple ? value.fields : undefined;
    const items = Array.isArray(value) ? value : value.items;
    const dot = name === "y" ? "" : ".";
    for (const [at, each] of items.entries()) yield* namedIn(each, fields?.[at] ?? `${name}${dot}${at}`, list);
  } else if (value instanceof Map) for (const [key, each] of value) yield* namedIn(each, String(key), list);
  else if (value !== null) yield list === undefined ? [name, value] : [name, value, list];
}

/** A result by what it is called: a tensor of the graph, or a text, which is fixed when the graph is made. */
export type Result = { readonly name: string; readonly list?: string } & (
  | { readonly tensor: Tensor }
  | { readonly text: string }
);

/** The results in a value, in their order. Throws `import/unsupported` for what is neither tensor, number nor text. */
export function resultsIn(result: TorchValue): Result[] {
  return [...namedIn(result)].map(([name, value, list]): Result => {
    if (typeof value === "string") return { name, text: value };
    const tensor = value instanceof TorchTensor ? value.read() : numberTensor(value);
    if (tensor) return { name, tensor, ...(list === undefined ? {} : { list }) };
    throw unsupportedTorch(
      `the method gives ${kindOfTorch(value)}`,
      "a graph gives tensors and numbers, and texts that are known when it is made: return them alone",
    );
  });
}

/** The results that are tensors, by what they are called. */
export const tensorsOf = (results: readonly Result[]): Map<string, Tensor> =>
  new Map(results.flatMap((each) => ("tensor" in each ? [[each.name, each.tensor] as const] : [])));
