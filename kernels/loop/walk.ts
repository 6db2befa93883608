// What expressions and statements are made of, for whoever walks over them.
import type { Expression, Statement } from "./ir.ts";

/** The operands of an expression, in the order of their evaluation. */
export function operandsOf(e: Expression): readonly Expression[] {
  switch (e.kind) {
    case "constant":
    case "local":
      return [];
    case "binary":
    case "compare":
      return [e.left, e.right];
    case "fma":
    case "dot4":
      return [e.left, e.right, e.addend];
    case "select":
      return [e.condition, e.whenTrue, e.whenFalse];
    case "unary":
    case "convert":
    case "bitcast":
    case "broadcast":
    case "extract":
      return [e.operand];
    case "ramp":
      return [e.base];
    case "shuffle":
      return e.b ? [e.a, e.b] : [e.a];
    case "load":
      return e.mask ? [e.index, e.mask] : [e.index];
  }
}

/** The levels of an expression: 1 for a local or a constant. */
export function depthOf(root: Expression): number {
  const known = new Map<Expression, number>();
  const visit = (e: Expression): number => {
    const depth = known.get(e) ?? 1 + operandsOf(e).reduce((most, each) => Math.max(most, visit(each)), 0);
    known.set(e, depth);
    return depth;
  };
  return visit(root);
}

/** Whether some expression of these statements, nested ones included, is a dot product of bytes. */
export function usesDot(body: readonly Statement[]): boolean {
  const seen = new Set<Expression>();
  const inExpression = (e: Expression): boolean => {
    if (seen.has(e)) return false;
    seen.add(e);
    return e.kind === "dot4" || operandsOf(e).some(inExpression);
  };
  const inStatement = (s: Statement): boolean => {
    if (expressionsOf(s).some(inExpression)) return true;
    if (s.kind === "for") return s.body.some(inStatement);
    return s.kind === "if" && (s.whenTrue.some(inStatement) || s.whenFalse.some(inStatement));
  };
  return body.some(inStatement);
}

/** The expressions that a statement itself evaluates, in order; those of nested statements are theirs. */
export function expressionsOf(s: Statement): readonly Expression[] {
  switch (s.kind) {
    case "let":
    case "var":
    case "assign":
      return [s.value];
    case "store":
      return s.mask ? [s.value, s.index, s.mask] : [s.value, s.index];
    case "prefetch":
      return [s.index];
    case "for":
      return s.until ? [s.from, s.to, s.until] : [s.from, s.to];
    case "if":
      return [s.condition];
  }
}

/** The expressions that occur more than once, as objects, below `roots`; constants and locals are never counted. */
export function sharedBelow(roots: readonly Expression[]): ReadonlySet<Expression> {
  const seen = new Set<Expression>();
  const shared = new Set<Expression>();
  const visit = (e: Expression): void => {
    if (e.kind === "constant" || e.kind === "local") return;
    if (seen.has(e)) {
      shared.add(e);
      return;
    }
    seen.add(e);
    operandsOf(e).forEach(visit);
  };
  roots.forEach(visit);
  return shared;
}
