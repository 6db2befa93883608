// Counts what a kernel computes, from its loops alone: for rooflines, and for deciding what is worth splitting.
import { isFloat } from "./build.ts";
import type { Expression, Kernel, Statement } from "./ir.ts";
import { expressionsOf, operandsOf } from "./walk.ts";

/** What a kernel does in one call. */
export interface Work {
  /** Floating-point operations on all lanes: additions, products, quotients and roots; a fused multiply-add counts as two. */
  readonly flops: number;
  /** Operations of any kind, loads and stores among them, a vector's counting once: a measure of time. */
  readonly operations: number;
}

/** Counts one call of a kernel; of two branches, the larger. */
export const countKernel = ({ body }: Kernel): Work => countStatements(body);

/** Counts one run of some statements. */
export function countStatements(body: readonly Statement[]): Work {
  return body.map(countStatement).reduce(plus, none);
}

const none: Work = { flops: 0, operations: 0 };
const plus = (a: Work, b: Work): Work => ({ flops: a.flops + b.flops, operations: a.operations + b.operations });

/** How often a loop runs; once where its bounds are not known beforehand. */
export function tripsOf({ from, to, step }: Extract<Statement, { kind: "for" }>): number {
  if (from.kind !== "constant" || to.kind !== "constant") return 1;
  return Math.max(0, Math.ceil((Number(to.value) - Number(from.value)) / step));
}

function countStatement(s: Statement): Work {
  const own = countExpressions(expressionsOf(s));
  switch (s.kind) {
    case "for": {
      const inner = countStatements(s.body);
      const trips = tripsOf(s);
      return plus(own, { flops: inner.flops * trips, operations: (inner.operations + 1) * trips });
    }
    case "if": {
      const [yes, no] = [countStatements(s.whenTrue), countStatements(s.whenFalse)];
      return plus(own, yes.operations >= no.operations ? yes : no);
    }
    case "store":
    case "prefetch":
      return plus(own, { flops: 0, operations: 1 });
    case "let":
    case "var":
    case "assign":
      return own;
  }
}

/** A shared subexpression is computed once; constants, locals and index arithmetic that addresses take in cost nothing. */
function countExpressions(roots: readonly Expression[]): Work {
  const seen = new Set<Expression>();
  let work = none;
  const visit = (e: Expression): void => {
    if (seen.has(e)) return;
    seen.add(e);
    operandsOf(e).forEach(visit);
    work = plus(work, { flops: flopsOf(e) * e.type.lanes, operations: isFree(e) ? 0 : 1 });
  };
  roots.forEach(visit);
  return work;
}

const isFree = (e: Expression): boolean =>
  e.kind === "constant" || e.kind === "local" || (e.type.scalar === "i64" && e.type.lanes === 1);

function flopsOf(e: Expression): number {
  if (!isFloat(e.type.scalar)) return 0;
  if (e.kind === "fma") return 2;
  return e.kind === "binary" || (e.kind === "unary" && e.operator === "sqrt") ? 1 : 0;
}
