// Copies statements: locals that they declare become fresh ones, and others may be replaced by expressions.
import type { Expression, Local, Statement } from "./ir.ts";

/** A copy in which `bindings` stand for the locals they are given for. */
export const copied = (body: readonly Statement[], bindings: ReadonlyMap<Local, Expression>): Statement[] =>
  new Copier(bindings).statements(body);

class Copier {
  readonly #bindings: Map<Local, Expression>;
  readonly #fresh = new Map<Local, Local>();
  /** What is shared stays shared. */
  readonly #made = new Map<Expression, Expression>();

  constructor(bindings: ReadonlyMap<Local, Expression>) {
    this.#bindings = new Map(bindings);
  }

  statements(body: readonly Statement[]): Statement[] {
    return body.map((each) => this.#statement(each));
  }

  #declare(local: Local): Local {
    const fresh = { ...local };
    this.#fresh.set(local, fresh);
    return fresh;
  }

  #statement(s: Statement): Statement {
    switch (s.kind) {
      case "let":
      case "var": {
        const value = this.#expression(s.value);
        return { ...s, value, local: this.#declare(s.local) };
      }
      case "assign":
        return { ...s, local: this.#fresh.get(s.local) ?? s.local, value: this.#expression(s.value) };
      case "store": {
        const { mask } = s;
        const moved = { ...s, index: this.#expression(s.index), value: this.#expression(s.value) };
        return mask ? { ...moved, mask: this.#expression(mask) } : moved;
      }
      case "prefetch":
        return { ...s, index: this.#expression(s.index) };
      case "for": {
        const [from, to] = [this.#expression(s.from), this.#expression(s.to)];
        const ends = s.until ? { until: this.#expression(s.until) } : {};
        return { ...s, from, to, ...ends, index: this.#declare(s.index), body: this.statements(s.body) };
      }
      case "if":
        return {
          ...s,
          condition: this.#expression(s.condition),
          whenTrue: this.statements(s.whenTrue),
          whenFalse: this.statements(s.whenFalse),
        };
    }
  }

  #expression(e: Expression): Expression {
    const known = this.#made.get(e);
    if (known) return known;
    const made = this.#rebuilt(e);
    this.#made.set(e, made);
    return made;
  }

  #rebuilt(e: Expression): Expression {
    switch (e.kind) {
      case "constant":
        return e;
      case "local": {
        const bound = this.#bindings.get(e.local);
        if (bound) return this.#expression(bound);
        const fresh = this.#fresh.get(e.local);
        return fresh ? { ...e, local: fresh } : e;
      }
      case "binary":
      case "compare":
        return { ...e, left: this.#expression(e.left), right: this.#expression(e.right) };
      case "fma":
      case "dot4":
        return {
          ...e,
          left: this.#expression(e.left),
          right: this.#expression(e.right),
          addend: this.#expression(e.addend),
        };
      case "select":
        return {
          ...e,
          condition: this.#expression(e.condition),
          whenTrue: this.#expression(e.whenTrue),
          whenFalse: this.#expression(e.whenFalse),
        };
      case "unary":
      case "convert":
      case "bitcast":
      case "broadcast":
      case "extract":
        return { ...e, operand: this.#expression(e.operand) };
      case "ramp":
        return { ...e, base: this.#expression(e.base) };
      case "shuffle":
        return e.b ? { ...e, a: this.#expression(e.a), b: this.#expression(e.b) } : { ...e, a: this.#expression(e.a) };
      case "load": {
        const moved = { ...e, index: this.#expression(e.index) };
        return e.mask ? { ...moved, mask: this.#expression(e.mask) } : moved;
      }
    }
  }
}
