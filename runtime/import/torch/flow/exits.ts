// What a statement leads to: the next one, or the end of a turn, a loop or a function; which of them, values may decide.
import { constant, type Tensor } from "../../../capture/tensor.ts";
import { chosenInt } from "../numbers.ts";
import { type TorchNumber, TorchTuple, type TorchValue, unset } from "../values.ts";

/** Where a statement leads, as numbers that a graph computes with. */
export const codes = { next: 0n, break: 1n, continue: 2n, return: 3n } as const;

/** What a statement leads to; `value` is what the function gives, where it ends. */
export interface Flow {
  readonly code: bigint | TorchNumber;
  readonly value: TorchValue;
  /** What the code may be. */
  readonly possible: ReadonlySet<bigint>;
}

/** A flow that is known. */
export const flowTo = (code: bigint, value: TorchValue = unset): Flow => ({ code, value, possible: new Set([code]) });

export const next: Flow = flowTo(codes.next);

/** The flow that two courses join to, each of which is run by `choose`. */
export function joined(
  choose: (then: () => TorchValue, otherwise: () => TorchValue) => TorchValue,
  then: () => Flow,
  otherwise: () => Flow,
): Flow {
  const possible = new Set<bigint>();
  const noted = (run: () => Flow) => (): TorchTuple => {
    const flow = run();
    for (const each of flow.possible) possible.add(each);
    return new TorchTuple([flow.code, flow.value]);
  };
  const given = choose(noted(then), noted(otherwise));
  const [code, value] = (given as TorchTuple).items as [bigint | TorchNumber, TorchValue];
  return typeof code === "bigint" ? flowTo(code, value) : narrowed({ code, value, possible });
}

/** A flow whose code is known where it may be one alone. */
function narrowed(flow: Flow): Flow {
  const [only, ...others] = flow.possible;
  return only !== undefined && others.length === 0 ? flowTo(only, flow.value) : flow;
}

/** Whether a code is one of some; a tensor where a run decides it. */
function isOne({ code, possible }: Flow, wanted: bigint): boolean | Tensor<"bool"> {
  if (!possible.has(wanted)) return false;
  if (typeof code === "bigint") return code === wanted;
  return (code.tensor as Tensor<"i64">).equal(constant(BigInt64Array.of(wanted), "i64", []));
}

/** Whether the next statement runs. */
export const isGoingOn = (flow: Flow): boolean | Tensor<"bool"> => isOne(flow, codes.next);

/** Whether the function ends. */
export const endOf = (flow: Flow): boolean | Tensor<"bool"> => isOne(flow, codes.return);

/** A flow where it is known not to go on. */
export const stopped = (flow: Flow): Flow =>
  narrowed({ ...flow, possible: new Set([...flow.possible].filter((each) => each !== codes.next)) });

/** A flow that goes on where it had a code. */
function goingOnFrom(flow: Flow, from: bigint): Flow {
  const is = isOne(flow, from);
  if (is === false) return flow;
  if (is === true) return next;
  const possible = new Set([...flow.possible, codes.next].filter((each) => each !== from));
  return narrowed({ code: chosenInt(is, codes.next, flow.code as TorchNumber), value: flow.value, possible });
}

/** What the end of a turn leads to: `continue` goes on. */
export const afterTurn = (flow: Flow): Flow => goingOnFrom(flow, codes.continue);

/** What the end of a loop leads to: `break` goes on behind it. */
export const afterLoop = (flow: Flow): Flow => goingOnFrom(flow, codes.break);

/** Whether a loop has another turn, behind such a flow and by its own condition. */
export function goesOn(flow: Flow, condition: boolean | Tensor<"bool">): boolean | Tensor<"bool"> {
  const on = isGoingOn(flow);
  if (on === false || condition === false) return false;
  if (on === true) return condition;
  return condition === true ? on : on.and(condition);
}
