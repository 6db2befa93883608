// Structured statements whose course the values of tensors decide, as control flow of the graph: choices and loops over a heap.
//
// A course runs once, and is recorded apart. What the courses leave in variables, lists, objects and memories is compared:
// where it differs, a result of the control flow stands there afterwards. Nothing here knows of a language: statements are
// functions, and what they may change is what can be reached from the roots.
import { IsochronError } from "../../../../kernels/index.ts";
import { cond, whileLoop } from "../../../capture/control-flow.ts";
import { constant, Tensor } from "../../../capture/tensor.ts";
import type { Copies } from "../../../graph/copies.ts";
import type { Value } from "../../../graph/graph.ts";
import { sameType, type TensorType } from "../../../graph/tensor-type.ts";
import { unsupportedTorch } from "../call.ts";
import type { TorchValue } from "../values.ts";
import { fault } from "./fault.ts";
import { anything, eitherType, fitted } from "./fitted.ts";
import { filling, Join, type Slot, slotType } from "./join.ts";
import { capturedBy, operandsOf, Recorded, replay } from "./regions.ts";
import { Snapshot } from "./snapshot.ts";

/** What the program itself refuses: `raise` and `assert`. */
export const raised = (message: string, details: readonly string[] = []): IsochronError =>
  new IsochronError("import/raised", `the model raises: ${message}`, { details, help: "give it what it asks for" });

/** How often a loop may turn whose end values decide, unless more is said. */
export const defaultTurns = 1000;

/** Until the carried values of a loop are known, its body is tried so often. */
const mostRounds = 100;

/** What ran: what it left, and what it gave or raised. */
interface Course {
  readonly recorded: Recorded<TorchValue | IsochronError>;
  readonly after: Snapshot;
}

const errorOf = ({ recorded: { result } }: Course): IsochronError | undefined =>
  result instanceof IsochronError ? result : undefined;

/** A graph's control flow has a result; this one is not read. */
const placeholder = (): Tensor => constant([0], "bool", []);

const tensorsOf = (values: readonly Value[]): Tensor[] => values.map((value) => new Tensor(value));

/** Makes a fault of the step of what the program refuses, where `predicate` is true. */
function refused(predicate: Tensor<"bool">, { message, details }: IsochronError): void {
  const place = details.find((each) => each.startsWith("at "));
  fault(predicate, [message, ...(place === undefined ? [] : [place])].join(" "));
}

/** A loop that values end. */
export interface Loop {
  /** Asked before each turn; it changes nothing. */
  readonly test: () => Tensor<"bool"> | boolean;
  readonly body: () => void;
  readonly atMost: number;
}

/** Runs statements over what can be reached from `roots`. */
export class Statements {
  readonly #roots: () => readonly TorchValue[];

  constructor(roots: () => readonly TorchValue[]) {
    this.#roots = roots;
  }

  /**
   * Runs one of two functions, as `predicate` says once the model runs, and gives what it gives.
   *
   * A course that raises is a fault of the step, and the other one simply goes on.
   * Throws `import/unsupported` where the two leave what no tensor can stand for.
   */
  choose(predicate: Tensor<"bool">, then: () => TorchValue, otherwise: () => TorchValue): TorchValue {
    const before = new Snapshot(this.#roots());
    const [first, second] = [this.#course(before, then), this.#course(before, otherwise)];
    const [one, other] = [errorOf(first), errorOf(second)];
    if (one && other) throw one;
    if (one ?? other) {
      refused(one ? predicate : predicate.not(), (one ?? other)!);
      return one ? otherwise() : then();
    }
    const join = new Join(before);
    join.heap(first.after, second.after);
    const result = join.value(first.recorded.result as TorchValue, second.recorded.result as TorchValue, "");
    // Of courses with other sizes, what is behind them has a size that values decide.
    const types = this.#typesOf(join.slots, first, second, eitherType);
    const courses = [first, second].map((course, at) => {
      const results = this.#filled(course, join.slots, at === 0 ? "first" : "second", types);
      return { recorded: course.recorded, results };
    });
    before.restore();
    const acts = courses.some(({ recorded }) => recorded.acts);
    let given: readonly Tensor[] = [];
    if (types.length > 0 || acts) {
      const { operands, again } = operandsOf(capturedBy(courses, []));
      const [whenTrue, whenFalse] = courses.map(({ recorded, results }) => (...inside: Tensor[]): Tensor[] => {
        const values: Copies = new Map(operands.map((value, at) => [value, inside[at]!.value]));
        again(values);
        const made = replay(recorded, results, values);
        return made.length > 0 ? made : [placeholder()];
      });
      given = cond(predicate, whenTrue!, whenFalse!, ...tensorsOf(operands));
    }
    join.apply(given);
    return result(given);
  }

  /** Runs `body` as long as `test` gives true, once the model runs. Throws `import/unsupported`. */
  repeat(loop: Loop): void {
    const { test, body, atMost } = loop;
    const before = new Snapshot(this.#roots());
    let join = new Join(before);
    let types: readonly TensorType[] = [];
    for (let round = 0; round < mostRounds; round++) {
      // What is carried so far are inputs of the body; what it leaves otherwise is carried in the next round.
      before.restore();
      const inputs = types.map((type): Value => ({ type }));
      join.apply(tensorsOf(inputs));
      const start = new Snapshot(this.#roots(), before);
      const asked = new Recorded(test);
      if (asked.result === false) break;
      start.restore();
      const turn = this.#course(start, () => {
        body();
        return null;
      });
      const error = errorOf(turn);
      if (error) {
        before.restore();
        const answer = test();
        if (typeof answer === "boolean") throw error;
        refused(answer, error);
        return;
      }
      const sticky = new Set([...join.made]);
      join = new Join(before, sticky, loop);
      join.heap(start, turn.after);
      const known = types;
      types = this.#typesOf(join.slots, { recorded: new Recorded(() => null), after: start }, turn);
      if (!join.isStable || types.length > known.length || !types.every((type, at) => sameType(type, known[at]!)))
        continue;
      const results = this.#filled(turn, join.slots, "second", types);
      const answer = asked.result;
      const predicate = asked.more(() => (answer === true ? constant([1], "bool", []) : answer));
      const initial = this.#initial(before, start, types);
      const regions = [
        { recorded: asked, results: [predicate] },
        { recorded: turn.recorded, results },
      ];
      const { operands, again } = operandsOf(capturedBy(regions, inputs));
      const [condition, repeated] = regions.map((region) => (carried: readonly Tensor[]): Tensor[] => {
        const values: Copies = new Map([...inputs, ...operands].map((value, at) => [value, carried[at]!.value]));
        again(values);
        return replay(region.recorded, region.results, values);
      });
      const carried = [...initial, ...tensorsOf(operands)];
      const given = whileLoop<readonly Tensor[]>(
        (now) => condition!(now)[0] as Tensor<"bool">,
        (now) => [...repeated!(now), ...now.slice(types.length)],
        carried.length > 0 ? carried : [placeholder()],
        { atMost },
      );
      before.restore();
      join.apply(given.slice(0, types.length), true);
      return;
    }
    throw unsupportedTorch("a loop whose turns leave other things each time");
  }

  /** Records what a function does from `before` on, and puts that back. */
  #course(before: Snapshot, body: () => TorchValue): Course {
    before.restore();
    const recorded = new Recorded(() => {
      try {
        return body();
      } catch (error) {
        if (error instanceof IsochronError && error.code === "import/raised") return error;
        throw error;
      }
    });
    const { result } = recorded;
    const left = result instanceof IsochronError ? [] : [result];
    const after = new Snapshot([...this.#roots(), ...left], before);
    before.restore();
    return { recorded, after };
  }

  /** The types of slots, which both courses fill. */
  #typesOf(slots: readonly Slot[], first: Course, second: Course, either?: typeof eitherType): TensorType[] {
    const fillings = [first, second].map(({ after, recorded }, at) => {
      after.restore();
      return recorded.more(() => slots.map((slot) => filling(at === 0 ? slot.first : slot.second)));
    });
    return slots.map((slot, at) => slotType(slot.name, fillings[0]![at], fillings[1]![at], either));
  }

  /** What a course fills slots with. */
  #filled({ after, recorded }: Course, slots: readonly Slot[], side: "first" | "second", types: readonly TensorType[]) {
    after.restore();
    return recorded.more(() =>
      slots.map((slot, at) => {
        const filled = filling(slot[side]);
        return filled ? fitted(filled, types[at]!) : anything(types[at]!);
      }),
    );
  }

  /** What a loop begins with: what stood where `start` has inputs of the body. */
  #initial(before: Snapshot, start: Snapshot, types: readonly TensorType[]): Tensor[] {
    const join = new Join(before);
    join.heap(before, start);
    before.restore();
    return join.slots.map(({ first }, at) => filling(first) ?? anything(types[at]!));
  }
}
