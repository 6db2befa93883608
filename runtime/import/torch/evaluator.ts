// Evaluates TorchScript: statements and calls on values, whose tensors are those of a trace in progress.
import { IsochronError } from "../../../kernels/index.ts";
import { isTensor } from "../../capture/methods/symbolic.ts";
import type { Tensor } from "../../capture/tensor.ts";
import { requireTensor } from "../onnx/limits.ts";
import { bound, cast, itemsOfTorch, TorchCall, torchMisfit, unsupportedTorch, withIntegers } from "./call.ts";
import { Expressions } from "./expressions.ts";
import {
  afterLoop,
  afterTurn,
  codes,
  endOf,
  type Flow,
  flowTo,
  goesOn,
  isGoingOn,
  joined,
  next,
  stopped,
} from "./flow/exits.ts";
import { knownItems } from "./flow/grown.ts";
import { ofGrownLists } from "./flow/grown-lists.ts";
import { defaultTurns, raised, Statements } from "./flow/statements.ts";
import { type Calls, Frame, mostStatements } from "./frame.ts";
import { fixedNumbers } from "./known.ts";
import { numberFunctions } from "./numbers.ts";
import { primitives, type TorchResult, torchOperators } from "./operators/index.ts";
import { ofOptional, optionalTensor } from "./optional.ts";
import type { Defined, TorchProgram } from "./program.ts";
import { placeText } from "./source/place.ts";
import type { FunctionDefinition, Statement, Target } from "./source/syntax.ts";
import { upgraded } from "./upgraders.ts";
import {
  kindOfNumber,
  kindOfTorch,
  sameValue,
  TorchNumber,
  TorchObject,
  TorchOptional,
  TorchRange,
  TorchTensor,
  TorchTuple,
  type TorchValue,
} from "./values.ts";

const noKeywords: ReadonlyMap<string, TorchValue> = new Map();

const isListOfNumbers = (value: TorchValue): boolean =>
  Array.isArray(value) && value.some((each) => each instanceof TorchNumber);

/** A number of a run as itself, where it is known. */
function known(value: TorchValue): TorchValue {
  if (!(value instanceof TorchNumber)) return value;
  return fixedNumbers(value.tensor)?.[0] ?? value;
}

/** Whether what is kept from step to step may be one value after the other. */
function isKeptAs(now: TorchValue, next: TorchValue): boolean {
  const kind = kindOfNumber(next);
  if (kind !== undefined) return kindOfNumber(now) === kind;
  const [one, other] = [optionalTensor(now), optionalTensor(next)];
  if (one === undefined || other === undefined) return false;
  return !one || !other || (one.shape.join() === other.shape.join() && one.dtype === other.dtype);
}

/** Calls within calls, at most. */
const mostDeep = 200;

const isTensors = (result: TorchResult): result is readonly Tensor[] => Array.isArray(result);

/** Runs a program's functions. */
export class Evaluator implements Calls {
  readonly #program: TorchProgram;
  readonly constants: readonly TorchValue[];
  readonly #expressions = new Expressions(this);
  /** Of functions that run. */
  readonly #frames: Frame[] = [];
  /** What loops that values end keep beside variables. */
  readonly #loops: Map<string, TorchValue>[] = [];
  readonly #flow = new Statements(() => [
    ...this.#frames.map(({ variables }) => variables as TorchValue),
    ...(this.#loops as TorchValue[]),
  ]);
  #statements = 0;
  /** Where in the model is what runs, in words, for what is refused when the model runs. */
  place: (() => string) | undefined;
  /** Names of operators that were called, with how often. */
  readonly called = new Map<string, number>();

  /** Turns of a loop that values end, and sizes that they decide, at most, where that is given. */
  readonly #atMost: number | undefined;

  constructor(program: TorchProgram, constants: readonly TorchValue[], atMost?: number) {
    this.#program = program;
    this.#atMost = atMost;
    this.constants = constants;
  }

  /** Runs a method of an object; undefined where its class has none of the name. */
  method(self: TorchObject, name: string): Defined<FunctionDefinition> | undefined {
    const defined = this.#program.classes.get(self.type);
    if (defined?.definition.kind !== "class") return undefined;
    const definition = defined.definition.methods.find((each) => each.name === name);
    return definition && { definition, file: defined.file };
  }

  /** A constant of an object's class (`Final`). */
  constantOf(self: TorchObject, name: string): TorchValue | undefined {
    const defined = this.#program.classes.get(self.type);
    if (defined?.definition.kind !== "class") return undefined;
    const found = defined.definition.constants.find((each) => each.name === name);
    return found && this.#expressions.evaluate(found.value, new Frame(defined.file));
  }

  function(name: string): Defined<FunctionDefinition> | undefined {
    return this.#program.functions.get(name);
  }

  /** Makes an object of a class: a named tuple of its fields, or what `__init__` leaves. */
  construct(
    name: string,
    args: readonly TorchValue[],
    keywords: ReadonlyMap<string, TorchValue>,
  ): TorchValue | undefined {
    const defined = this.#program.classes.get(name);
    if (!defined) return undefined;
    const { definition } = defined;
    if (definition.kind === "namedTuple")
      return new TorchTuple(
        args,
        definition.fields.map((field) => field.name),
      );
    if (definition.kind !== "class") throw torchMisfit(`${name} is no class of objects`);
    const object = new TorchObject(name);
    const init = this.method(object, "__init__");
    if (init) this.call(init, [object, ...args], keywords);
    return object;
  }

  /** Calls a function with values for its parameters. */
  call(
    { definition, file }: Defined<FunctionDefinition>,
    positional: readonly TorchValue[],
    keywords: ReadonlyMap<string, TorchValue> = new Map(),
  ): TorchValue {
    if (this.#frames.length >= mostDeep) throw torchMisfit(`${definition.name} is called ${mostDeep} deep`);
    const frame = new Frame(file);
    const { parameters } = definition;
    if (positional.length > parameters.length)
      throw torchMisfit(`${definition.name} takes ${parameters.length} arguments, and got ${positional.length}`);
    for (const [at, { name, default: otherwise }] of parameters.entries()) {
      const value = at < positional.length ? positional[at] : keywords.get(name);
      if (value !== undefined) frame.variables.set(name, value);
      else if (otherwise) frame.variables.set(name, this.#expressions.evaluate(otherwise, frame));
      else throw torchMisfit(`${definition.name} is not given its argument ${name}`);
    }
    this.#frames.push(frame);
    try {
      const flow = this.#run(definition.body, frame);
      const ends = endOf(flow);
      if (typeof ends === "boolean") return ends ? flow.value : null;
      return this.#flow.choose(
        ends,
        () => flow.value,
        () => null,
      );
    } finally {
      this.#frames.pop();
    }
  }

  /** Applies an operator or a function of numbers by its name. */
  apply(name: string, given: readonly TorchValue[], named: ReadonlyMap<string, TorchValue>): TorchValue {
    const { positional, keywords } = upgraded(this.#program.version, name, given, named);
    if (keywords.has("out")) return this.#into(keywords.get("out")!, name, positional, keywords);
    return this.#applied(name, positional, keywords);
  }

  #applied(name: string, positional: readonly TorchValue[], keywords: ReadonlyMap<string, TorchValue>): TorchValue {
    this.called.set(name, (this.called.get(name) ?? 0) + 1);
    if (name === "RaiseException") throw raised(typeof positional[0] === "string" ? positional[0] : "an exception");
    const ofLists = ofGrownLists(name, positional, keywords);
    if (ofLists !== undefined) return known(ofLists);
    if (positional.some((each) => each instanceof TorchOptional)) {
      const found = ofOptional(name, positional);
      if (found !== undefined) return known(found);
    }
    if (positional.some((each) => each instanceof TorchNumber || isListOfNumbers(each))) {
      const found = Object.hasOwn(numberFunctions, name) ? numberFunctions[name]!(...positional) : undefined;
      if (found !== undefined) return known(found);
    }
    if (positional.every((each) => !(each instanceof TorchTensor)) || !torchOperators.has(name)) {
      const found = this.#primitive(name, positional, keywords);
      if (found !== undefined) return found;
    }
    for (const { schema, run } of torchOperators.get(name) ?? []) {
      const asked = bound(schema, positional, keywords);
      if (!asked) continue;
      const given = this.#program.version > 0 ? withIntegers(schema, asked) : asked;
      const call = new TorchCall(given, this.#atMost, (wrong, message) => this.#refuse(wrong, message));
      return this.#wrapped(run(call), schema.results === "several");
    }
    const found = this.#primitive(name, positional, keywords) ?? this.#inPlace(name, positional, keywords);
    if (found !== undefined) return found;
    const kinds = [
      ...positional.map(kindOfTorch),
      ...[...keywords].map(([key, value]) => `${key}=${kindOfTorch(value)}`),
    ];
    const isKnown = torchOperators.has(name) || Object.hasOwn(primitives, name);
    throw unsupportedTorch(
      `${name}(${kinds.join(", ")}) ${isKnown ? "is not there for these operands" : "is not there"}`,
    );
  }

  #primitive(name: string, positional: readonly TorchValue[], keywords: ReadonlyMap<string, TorchValue>) {
    return Object.hasOwn(primitives, name) && keywords.size === 0 ? primitives[name]!(...positional) : undefined;
  }

  /** `out=x`: what the operator gives is written to x, which has its size. */
  #into(out: TorchValue, name: string, positional: readonly TorchValue[], keywords: ReadonlyMap<string, TorchValue>) {
    const rest = new Map([...keywords].filter(([key]) => key !== "out"));
    const result = this.#applied(name, positional, rest);
    const targets = itemsOfTorch(out) ?? [out];
    const values = itemsOfTorch(result) ?? [result];
    for (const [at, target] of targets.entries()) {
      const value = values[at];
      if (!(target instanceof TorchTensor) || !(value instanceof TorchTensor))
        throw torchMisfit(`${name} writes ${kindOfTorch(value ?? null)} to ${kindOfTorch(target)}`);
      if (target.shape.join() !== value.shape.join())
        throw unsupportedTorch(
          `${name} writes ${kindOfTorch(value)} to ${kindOfTorch(target)}, which would change its size`,
        );
      target.write(cast(value.read(), target.dtype));
    }
    return out;
  }

  /** `x.add_(y)`: what `add` gives is written to x. */
  #inPlace(name: string, positional: readonly TorchValue[], keywords: ReadonlyMap<string, TorchValue>) {
    const [self] = positional;
    if (!name.endsWith("_") || name.endsWith("__") || !(self instanceof TorchTensor)) return undefined;
    const plain = name.slice(0, -1);
    if (!torchOperators.has(plain)) return undefined;
    const result = this.apply(plain, positional, keywords);
    if (!(result instanceof TorchTensor)) return undefined;
    self.write(cast(result.read(), self.dtype).broadcastTo(self.dimensions));
    return self;
  }

  /** What an operator gave as a value; no tensor is larger than tensors may be. */
  #wrapped(result: TorchResult, isTuple: boolean): TorchValue {
    if (isTensor(result)) return this.#limited(TorchTensor.of(result));
    if (!isTensors(result)) return this.#limited(result.value);
    const items = result.map((each) => this.#limited(TorchTensor.of(each)));
    return isTuple ? new TorchTuple(items) : items;
  }

  #limited(value: TorchValue): TorchValue {
    if (value instanceof TorchTensor) requireTensor(value.read().type);
    return value;
  }

  #run(statements: readonly Statement[], frame: Frame): Flow {
    for (const [at, statement] of statements.entries()) {
      const flow = this.#placed(statement, frame);
      const on = isGoingOn(flow);
      if (on === true) continue;
      const rest = statements.slice(at + 1);
      return on === false || rest.length === 0 ? flow : this.#either(on, () => this.#run(rest, frame), flow);
    }
    return next;
  }

  /** What another way leads to where it goes on, and else what led here. */
  #either(on: Tensor<"bool">, further: () => Flow, flow: Flow): Flow {
    return this.#joined(on, further, () => stopped(flow));
  }

  #joined(test: Tensor<"bool">, then: () => Flow, otherwise: () => Flow): Flow {
    return joined((one, other) => this.#flow.choose(test, one, other), then, otherwise);
  }

  /** Raises an error where any element is true, once the model runs. */
  #refuse(wrong: Tensor<"bool">, message: string): void {
    const place = this.place?.();
    const raise = (): TorchValue => {
      throw raised(message, place === undefined ? [] : [place]);
    };
    this.choose(TorchTensor.of(wrong.any()), raise, () => null);
  }

  #placed(statement: Statement, frame: Frame): Flow {
    const around = this.place;
    this.place = () => `at ${placeText(frame.file, statement.at)}`;
    try {
      if (++this.#statements > mostStatements) throw unsupportedTorch(`more than ${mostStatements} statements run`);
      return this.#step(statement, frame);
    } catch (error) {
      if (!(error instanceof IsochronError) || error.details.some((each) => each.startsWith("at code/"))) throw error;
      const { code, message, details, help, cause, place } = error;
      throw new IsochronError(code, message, {
        details: [...details, `at ${placeText(frame.file, statement.at)}`],
        cause,
        ...(help === undefined ? {} : { help }),
        ...(place === undefined ? {} : { place }),
      });
    } finally {
      this.place = around;
    }
  }

  #step(statement: Statement, frame: Frame): Flow {
    const evaluate = (expression: Parameters<Expressions["evaluate"]>[0]) =>
      this.#expressions.evaluate(expression, frame);
    switch (statement.kind) {
      case "assign":
        this.#assign(statement.target, evaluate(statement.value), frame);
        return next;
      case "augment": {
        const names = {
          "+": "add_",
          "-": "sub_",
          "*": "mul_",
          "/": "div_",
          "%": "remainder_",
          "**": "pow_",
          "&": "bitwise_and_",
          "|": "bitwise_or_",
          "^": "bitwise_xor_",
          "<<": "__lshift__",
          ">>": "__rshift__",
        } as const;
        const now = evaluate(statement.target);
        const name = names[statement.operator];
        const isTensor = now instanceof TorchTensor;
        const result = this.apply(
          isTensor ? name : name.replace(/_$/, ""),
          [now, evaluate(statement.value)],
          new Map(),
        );
        if (!isTensor) this.#assign(statement.target, result, frame);
        return next;
      }
      case "expression":
        evaluate(statement.value);
        return next;
      case "return":
        return flowTo(codes.return, evaluate(statement.value));
      case "if": {
        const test = this.#condition(evaluate(statement.test));
        const [then, otherwise] = [statement.whenTrue, statement.whenFalse].map(
          (body) => () => this.#run(body, frame),
        ) as [() => Flow, () => Flow];
        if (typeof test === "boolean") return test ? then() : otherwise();
        return this.#joined(test, then, otherwise);
      }
      case "while":
        return this.#while(
          () => this.#condition(evaluate(statement.test)),
          () => this.#run(statement.body, frame),
        );
      case "for":
        return this.#for(evaluate(statement.iterable), (item) => {
          this.#assign(statement.target, item, frame);
          return this.#run(statement.body, frame);
        });
      case "with":
        return this.#run(statement.body, frame);
      case "raise":
        throw raised(String(evaluate(statement.value)));
      case "assert":
        this.choose(
          evaluate(statement.test),
          () => null,
          () => {
            throw raised(statement.message ? String(evaluate(statement.message)) : "an assertion does not hold");
          },
        );
        return next;
      case "delete":
        for (const target of statement.targets) if (target.kind === "name") frame.variables.delete(target.name);
        return next;
      case "pass":
        return next;
      case "break":
      case "continue":
        return flowTo(codes[statement.kind]);
      case "function":
        throw unsupportedTorch("a function within a function, as fork makes it");
    }
  }

  #condition(value: TorchValue): boolean | Tensor<"bool"> {
    const converted = this.apply("bool", [value], noKeywords);
    if (typeof converted === "boolean") return converted;
    if (converted instanceof TorchNumber) return converted.tensor as Tensor<"bool">;
    throw torchMisfit(`a condition is ${kindOfTorch(value)}`);
  }

  choose(test: TorchValue, then: () => TorchValue, otherwise: () => TorchValue): TorchValue {
    const condition = this.#condition(test);
    if (typeof condition === "boolean") return condition ? then() : otherwise();
    return this.#flow.choose(condition, then, otherwise);
  }

  /** Turns whose conditions are known are written out; from the first on that is not, they are a loop of the graph. */
  #while(test: () => boolean | Tensor<"bool">, body: () => Flow): Flow {
    for (;;) {
      const condition = test();
      if (condition === false) return next;
      if (condition !== true) return this.#loop(test, body, next);
      const flow = afterTurn(body());
      const on = isGoingOn(flow);
      if (on === false) return afterLoop(flow);
      if (on !== true) return this.#loop(test, body, flow);
    }
  }

  /** A loop of the graph; `flow` is what the turn before led to. */
  #loop(test: () => boolean | Tensor<"bool">, body: () => Flow, flow: Flow, turnsAtMost = Infinity): Flow {
    const exits = new Map<string, TorchValue>([
      ["code", flow.code],
      ["value", flow.value],
    ]);
    const possible = new Set([codes.next, ...flow.possible]);
    const now = (): Flow => {
      const [code, value] = [exits.get("code") as Flow["code"], exits.get("value")!];
      return typeof code === "bigint" ? flowTo(code, value) : { code, value, possible };
    };
    this.#loops.push(exits);
    try {
      this.#flow.repeat({
        test: () => goesOn(now(), test()),
        body: () => {
          const { code, value, possible: left } = afterTurn(body());
          for (const each of left) possible.add(each);
          exits.set("code", code);
          exits.set("value", value);
        },
        atMost: Math.min(turnsAtMost, this.#atMost ?? defaultTurns),
      });
    } finally {
      this.#loops.pop();
    }
    return afterLoop(now());
  }

  #for(iterable: TorchValue, body: (item: TorchValue) => Flow): Flow {
    if (iterable instanceof TorchRange) return this.#forRange(iterable, body);
    const items = this.#items(iterable);
    const from = (at: number): Flow => {
      for (let turn = at; turn < items.length; turn++) {
        const flow = afterTurn(body(items[turn]!));
        const on = isGoingOn(flow);
        if (on === false) return afterLoop(flow);
        if (on !== true) return this.#either(on, () => from(turn + 1), afterLoop(flow));
      }
      return next;
    };
    return from(0);
  }

  /** A loop of the graph with so many turns. */
  #forRange({ start, count, step }: TorchRange, body: (item: TorchValue) => Flow): Flow {
    const turns = new Map<string, TorchValue>([["turn", 0n]]);
    const apply = (name: string, ...values: TorchValue[]) => this.apply(name, values, noKeywords);
    this.#loops.push(turns);
    try {
      return this.#loop(
        () => this.#condition(apply("lt", turns.get("turn")!, count)),
        () => {
          const turn = turns.get("turn")!;
          turns.set("turn", apply("add", turn, 1n));
          return body(apply("__derive_index", turn, start, step));
        },
        next,
        count.bounds?.most,
      );
    } finally {
      this.#loops.pop();
    }
  }

  #items(value: TorchValue): readonly TorchValue[] {
    if (Array.isArray(value)) return knownItems(value);
    if (value instanceof TorchTuple) return value.items;
    throw torchMisfit(`a loop goes over ${kindOfTorch(value)}`);
  }

  #assign(target: Target, value: TorchValue, frame: Frame): void {
    switch (target.kind) {
      case "name":
        frame.variables.set(target.name, value);
        return;
      case "tuple": {
        const items = Array.isArray(value) ? knownItems(value) : value instanceof TorchTuple ? value.items : undefined;
        if (items?.length !== target.elements.length)
          throw torchMisfit(`${kindOfTorch(value)} is taken apart into ${target.elements.length} names`);
        for (const [at, each] of target.elements.entries()) this.#assign(each, items[at]!, frame);
        return;
      }
      case "attribute": {
        const object = this.#expressions.evaluate(target.value, frame);
        if (!(object instanceof TorchObject))
          throw torchMisfit(`${kindOfTorch(object)} has no attribute ${target.name}`);
        this.#setAttribute(object, target.name, value);
        return;
      }
      case "subscript": {
        const container = this.#expressions.evaluate(target.value, frame);
        const [index] = target.indices;
        if (target.indices.length !== 1 || !index || index.kind === "slice")
          throw unsupportedTorch("an assignment to several elements of a list");
        this.apply("_set_item", [container, this.#expressions.evaluate(index, frame), value], new Map());
        return;
      }
    }
  }

  /** Sets an attribute. What is kept from step to step stays what it is: a tensor of one type, where it is none too, or a number. */
  #setAttribute(object: TorchObject, name: string, value: TorchValue): void {
    const now = object.attributes.get(name);
    if (object.lasts && !isKeptAs(now ?? null, value) && !sameValue(now ?? null, value))
      throw unsupportedTorch(
        `attribute ${name} becomes ${kindOfTorch(value)}, where it was ${kindOfTorch(now ?? null)}`,
        "what is kept from step to step is a tensor of one type or None, or a number: give the attribute one when the model is made",
      );
    object.attributes.set(name, value);
  }
}
