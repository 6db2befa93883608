// Splits a kernel into parts that may run at once, where its loops show that no two of them write one element.
import { disjoint, fills, independent, Scope, type Touch } from "./access.ts";
import { add, constant, div, index, lt, mul, rem, select, sub } from "./build.ts";
import { copied } from "./copy.ts";
import { countStatements, tripsOf } from "./count.ts";
import type { Buffer, Expression, Kernel, Local, Statement } from "./ir.ts";
import { operandsOf } from "./walk.ts";

/** Chunks `first` to `first + count - 1` of a kernel, which may run at once; one step ends before the next begins. */
export interface SplitStep {
  /** Which of the kernels. */
  readonly kernel: number;
  readonly first: number;
  readonly count: number;
  /** The private buffers that each chunk needs for itself, as their places among the kernel's buffers. */
  readonly own: readonly number[];
}

/** A kernel in parts: kernels over a chunk's number, and the order in which their chunks are run. */
export interface Split {
  readonly kernels: readonly Kernel[];
  readonly steps: readonly SplitStep[];
  /** So many copies each buffer needs: 1 unless it is private. */
  readonly copies: readonly number[];
}

/** How finely a kernel is split. */
export interface Grain {
  /** As many chunks keep threads busy; more would only cost. */
  readonly mostChunks: number;
  /** Operations that are worth handing to another thread. */
  readonly leastOperations: number;
}

/** A chunk takes some microseconds at least. */
const standard: Grain = { mostChunks: 24, leastOperations: 8192 };
/** A kernel of fewer is done before others have woken up. */
const leastChunks = 4;
/** Chunks that have memory of their own: each costs as much as the kernel's work memory. */
const mostCopies = 8;
/** Steps that a kernel may take: each costs its threads a meeting. */
const mostSteps = 64;

type For = Extract<Statement, { kind: "for" }>;

/** Statements below loops whose iterations are independent, those outermost first; `before` holds what precedes each loop. */
interface Family {
  readonly nest: readonly { readonly loop: For; readonly before: readonly Statement[] }[];
  readonly before: readonly Statement[];
  readonly body: readonly Statement[];
}

/** Families that may run at once, below loops that run one iteration after the other. */
interface Phase {
  /** The private buffers that each chunk fills and reads for itself. */
  readonly own: readonly Buffer[];
  readonly serial: readonly { readonly loop: For; readonly before: readonly Statement[] }[];
  readonly families: readonly Family[];
  readonly touches: readonly Touch[];
}

/** A phase, and the iteration of each serial loop around it. */
interface Turn {
  readonly phase: Phase;
  readonly iterations: readonly number[];
}

/**
 * A kernel in parts that depend on its shapes alone; undefined where its loops do not show that they are independent, or
 * where it is too small to be worth it. Running all chunks in any order within their steps gives what the kernel gives.
 */
export function splitKernel(kernel: Kernel, grain: Grain = standard): Split | undefined {
  if (countStatements(kernel.body).operations < leastChunks * grain.leastOperations) return undefined;
  const turns = new Splitter(kernel, grain).turns(kernel.body, [], []);
  if (!turns || turns.length > mostSteps) return undefined;
  const phases = [...new Set(turns.map(({ phase }) => phase))];
  const made = phases.map((phase, at) => chunked(`${kernel.name}_p${at}`, kernel.buffers, phase, grain));
  const steps = turns.map(({ phase, iterations }): SplitStep => {
    const at = phases.indexOf(phase);
    const turn = phase.serial.reduce((number, { loop }, d) => number * tripsOf(loop) + iterations[d]!, 0);
    const { count } = made[at]!;
    const own = phase.own.map((buffer) => kernel.buffers.indexOf(buffer));
    return { kernel: at, first: turn * count, count, own };
  });
  if (steps.every(({ count }) => count < 2)) return undefined;
  const copies = kernel.buffers.map((_, at) =>
    Math.max(1, ...steps.map(({ own, count }) => (own.includes(at) ? count : 1))),
  );
  return { kernels: made.map((each) => each.kernel), steps, copies };
}

class Splitter {
  readonly #scope = new Scope();
  readonly #written: ReadonlySet<Buffer>;
  readonly #grain: Grain;

  constructor({ buffers }: Kernel, grain: Grain) {
    this.#grain = grain;
    this.#written = new Set(buffers.filter(({ access }) => access !== "read"));
  }

  /** The turns that some statements take; undefined where they cannot be told apart. */
  turns(body: readonly Statement[], serial: Phase["serial"], before: readonly Statement[]): Turn[] | undefined {
    const lets: Statement[] = [...before];
    const turns: Turn[] = [];
    for (const part of partsOf(body)) {
      const [first] = part;
      if (first?.kind === "let") {
        if (this.#readsWritten(first.value)) return undefined;
        this.#scope.declare(first);
        lets.push(first);
        continue;
      }
      if (part.some(({ kind }) => kind === "var" || kind === "assign")) return undefined;
      const more = this.#turnsOfPart(part, serial, [...lets]);
      if (!more) return undefined;
      for (const turn of more) this.#append(turns, turn);
    }
    return turns;
  }

  #turnsOfPart(part: readonly Statement[], serial: Phase["serial"], before: readonly Statement[]): Turn[] | undefined {
    const [loop] = part;
    if (loop?.kind !== "for") {
      const touches = this.#scope.touches(part);
      const families = [{ nest: [], before, body: part }];
      return [{ phase: { serial, families, touches, own: [] }, iterations: [] }];
    }
    this.#scope.enter(loop);
    const touches = this.#scope.touches(loop.body);
    const bounded = loop.from.kind === "constant" && loop.to.kind === "constant";
    // What happens once may still be made of turns.
    const single = bounded && tripsOf(loop) === 1 ? this.#inside(loop, serial, before) : undefined;
    if (single) return single;
    if (independent(loop, touches, outerOf(serial), this.#scope)) {
      const families = this.#families(loop, before, [], outerOf(serial), []);
      return [{ phase: { serial, families, touches, own: [] }, iterations: [] }];
    }
    const own = filledBefore(touches);
    const shared = touches.filter(({ buffer }) => !own.includes(buffer));
    if (independent(loop, shared, outerOf(serial), this.#scope)) {
      const families = this.#families(loop, before, [], outerOf(serial), own);
      return [{ phase: { serial, families, touches, own }, iterations: [] }];
    }
    return bounded ? this.#inside(loop, serial, before) : undefined;
  }

  /** The turns of a loop's iterations, one after the other. */
  #inside(loop: For, serial: Phase["serial"], before: readonly Statement[]): Turn[] | undefined {
    const inside = this.turns(loop.body, [...serial, { loop, before }], []);
    if (!inside) return undefined;
    return Array.from({ length: tripsOf(loop) }, (_, at) =>
      inside.map(({ phase, iterations }) => ({ phase, iterations: [at, ...iterations] })),
    ).flat();
  }

  /** Adds a turn; two that follow each other and touch nothing of each other's become one. */
  #append(turns: Turn[], turn: Turn): void {
    const last = turns.at(-1);
    const { phase, iterations } = turn;
    if (
      last &&
      iterations.length === 0 &&
      last.iterations.length === 0 &&
      phase.own.length + last.phase.own.length === 0 &&
      disjoint(last.phase.touches, phase.touches, outerOf(phase.serial), this.#scope)
    ) {
      turns[turns.length - 1] = {
        iterations,
        phase: {
          serial: phase.serial,
          own: [],
          families: [...last.phase.families, ...phase.families],
          touches: [...last.phase.touches, ...phase.touches],
        },
      };
    } else turns.push(turn);
  }

  /**
   * The families of a loop that is independent but for what chunks have for themselves: its iterations, or those of the loops
   * inside where they are few.
   */
  #families(
    loop: For,
    before: readonly Statement[],
    nest: Family["nest"],
    outer: ReadonlySet<Local>,
    own: readonly Buffer[],
  ): Family[] {
    const deeper = [...nest, { loop, before }];
    const whole: Family[] = [{ nest: deeper, before: [], body: loop.body }];
    if (tripsOfNest(deeper) >= mostChunksOf(this.#grain, own)) return whole;
    const shared = (touches: readonly Touch[]) => touches.filter(({ buffer }) => !own.includes(buffer));
    const around = new Set([...outer, loop.index]);
    const lets: Statement[] = [];
    const pieces: { readonly families: readonly Family[]; readonly touches: readonly Touch[] }[] = [];
    for (const part of partsOf(loop.body)) {
      const [first] = part;
      if (first?.kind === "let") {
        if (this.#readsWritten(first.value)) return whole;
        lets.push(first);
        continue;
      }
      if (part.some(({ kind }) => kind === "var" || kind === "assign")) return whole;
      const all = this.#scope.touches(part);
      const touches = shared(all);
      // What one piece leaves in a chunk's own memory, another chunk would not find.
      const used = own.filter((each) => all.some(({ buffer }) => buffer === each));
      if (!used.every((each) => fills(each, all, around, this.#scope))) return whole;
      if (first?.kind === "for") {
        if (!independent(first, shared(this.#scope.touches(first.body)), around, this.#scope)) return whole;
        pieces.push({ families: this.#families(first, [...lets], deeper, around, own), touches });
      } else pieces.push({ families: [{ nest: deeper, before: [...lets], body: part }], touches });
    }
    const apart = pieces.every(({ touches }, at) =>
      pieces.slice(0, at).every((other) => disjoint(other.touches, touches, around, this.#scope)),
    );
    return apart && pieces.length > 0 ? pieces.flatMap(({ families }) => families) : whole;
  }

  /** Whether a value depends on what the kernel writes, so that computing it again elsewhere may give another one. */
  #readsWritten(e: Expression, seen = new Set<Expression>()): boolean {
    if (seen.has(e)) return false;
    seen.add(e);
    if (e.kind === "load" && this.#written.has(e.buffer)) return true;
    if (e.kind === "local" && e.local.kind === "var") return true;
    return operandsOf(e).some((each) => this.#readsWritten(each, seen));
  }
}

/** The private buffers that are written before they are read: each chunk may have its own. */
const filledBefore = (touches: readonly Touch[]): Buffer[] =>
  [...new Set(touches.map(({ buffer }) => buffer))].filter(
    (buffer) => buffer.private && touches.find((each) => each.buffer === buffer)!.writes,
  );

/** Into how many chunks a phase may be cut. */
const mostChunksOf = ({ mostChunks }: Grain, own: readonly Buffer[]): number =>
  own.length > 0 ? Math.min(mostChunks, mostCopies) : mostChunks;

const outerOf = (serial: Phase["serial"]): ReadonlySet<Local> => new Set(serial.map(({ loop }) => loop.index));

/** Statements in parts: each let and each loop alone, what else follows each other together. */
function partsOf(body: readonly Statement[]): Statement[][] {
  const parts: Statement[][] = [];
  for (const s of body) {
    const alone = s.kind === "let" || s.kind === "for";
    const last = parts.at(-1);
    const joins = !alone && last !== undefined && last[0]!.kind !== "let" && last[0]!.kind !== "for";
    if (joins) last.push(s);
    else parts.push([s]);
  }
  return parts;
}

const tripsOfNest = (nest: Family["nest"]): number => nest.reduce((trips, { loop }) => trips * tripsOf(loop), 1);

/** The kernel of a phase over the number of a chunk: first the turns of its serial loops, then the chunks of each. */
function chunked(
  name: string,
  buffers: readonly Buffer[],
  phase: Phase,
  grain: Grain,
): { kernel: Kernel; count: number } {
  const sizes = phase.families.map(({ nest }) => tripsOfNest(nest));
  const units = sizes.reduce((sum, size) => sum + size, 0);
  const operations = phase.families.reduce((sum, family, at) => sum + sizes[at]! * operationsOf(family), 0);
  const atLeast = Math.ceil((grain.leastOperations * units) / Math.max(1, operations));
  const perChunk = Math.max(1, Math.ceil(units / mostChunksOf(grain, phase.own)), Math.min(units, atLeast));
  const count = Math.max(1, Math.ceil(units / perChunk));
  const chunk: Local = { name: "chunk", type: { scalar: "i64", lanes: 1 }, kind: "index" };
  const number: Expression = { kind: "local", type: chunk.type, local: chunk };
  const turn = phase.serial.length === 0 ? index(0) : div(number, count);
  const own = phase.serial.length === 0 ? number : rem(number, count);
  const lets: Statement[] = [];
  const named = (value: Expression, local: string): Expression => {
    if (value.kind === "constant" || value.kind === "local") return value;
    const made: Local = { name: local, type: value.type, kind: "let" };
    lets.push({ kind: "let", local: made, value });
    return { kind: "local", type: value.type, local: made };
  };
  const turnIndex = named(turn, "turn");
  const from = named(count === 1 ? index(0) : mul(own, perChunk), "from");
  const to = named(count === 1 ? index(units) : smaller(add(from, perChunk), units), "to");
  let start = 0;
  const body = phase.families.flatMap((family, at): Statement[] => {
    const first = start;
    start += sizes[at]!;
    const unit: Local = { name: "unit", type: chunk.type, kind: "index" };
    const loop: For = {
      kind: "for",
      index: unit,
      from: first === 0 ? from : larger(from, first),
      to: start === units ? to : smaller(to, start),
      step: 1,
      body: [],
    };
    const bindings = new Map<Local, Expression>();
    const count = (nest: Family["nest"], value: Expression): Statement[] => {
      let span = tripsOfNest(nest);
      return nest.flatMap(({ loop: each, before }, d) => {
        const trips = tripsOf(each);
        span /= trips;
        const high = div(value, span);
        const digit = trips === 1 ? index(0) : d === 0 ? high : rem(high, trips);
        const local: Local = { name: each.index.name, type: chunk.type, kind: "let" };
        bindings.set(each.index, { kind: "local", type: chunk.type, local });
        const place = add(mul(digit, each.step), each.from);
        return [...before, { kind: "let" as const, local, value: place }];
      });
    };
    const position: Expression = { kind: "local", type: chunk.type, local: unit };
    const around = count(phase.serial, turnIndex);
    const inside = count(family.nest, first === 0 ? position : sub(position, first));
    const own = [...phase.serial, ...family.nest].reduceRight<readonly Statement[]>(
      (body, { loop: each }) => withinEnd(each, body),
      [...family.before, ...family.body],
    );
    return [{ ...loop, body: copied([...around, ...inside, ...own], bindings) }];
  });
  return { kernel: { name, buffers, chunk, body: [...lets, ...body] }, count };
}

/** One iteration of a loop, which does nothing from the loop's earlier end on. */
function withinEnd({ index: local, until }: For, body: readonly Statement[]): readonly Statement[] {
  if (!until) return body;
  return [
    { kind: "if", condition: lt({ kind: "local", type: local.type, local }, until), whenTrue: body, whenFalse: [] },
  ];
}

const smaller = (a: Expression, b: number): Expression => select(lt(a, b), a, constant("i64", b));
const larger = (a: Expression, b: number): Expression => select(lt(a, b), constant("i64", b), a);

const operationsOf = ({ body }: Family): number => countStatements(body).operations;
