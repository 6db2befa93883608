// Every operator of PyTorch against values that numpy computed, or that PyTorch's documentation shows.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Dtype } from "../../../../kernels/index.ts";
import { isTensor } from "../../../capture/methods/symbolic.ts";
import { constant, type Tensor } from "../../../capture/tensor.ts";
import { trace } from "../../../capture/trace.ts";
import { Interpreter } from "../../../interpreters/interpreter.ts";
import { bound, scalarTypeOf, TorchCall } from "../call.ts";
import { numberTensor } from "../numbers.ts";
import { TorchComplex, TorchDevice, TorchObject, TorchTensor, TorchTuple, type TorchValue } from "../values.ts";
import { torchOperators } from "./index.ts";

type Number = number | boolean | string;
interface Stored {
  readonly tensor: Dtype;
  readonly shape: readonly number[];
  readonly data: readonly Number[];
  readonly complex?: boolean;
}
type Argument =
  | Stored
  | { readonly object: { readonly [name: string]: Stored } }
  | { readonly float: Number }
  | { readonly dtype: Dtype }
  | { readonly device: string }
  | Number
  | null
  | readonly Argument[];
interface Case {
  readonly operator: string;
  readonly arguments: readonly Argument[];
  readonly keywords: { readonly [name: string]: Argument };
  readonly results: readonly Stored[];
}

const path = new URL("../testing/operator-cases.jsonl", import.meta.url);
const cases = readFileSync(path, "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Case);

const numberOf = (value: Number): number =>
  typeof value === "string" ? Number(value.replace("inf", "Infinity")) : Number(value);

function torchValueOf(argument: Argument): TorchValue {
  if (Array.isArray(argument)) return argument.map(torchValueOf);
  if (typeof argument === "number") return BigInt(argument);
  if (argument === null || typeof argument !== "object") return argument as string | boolean | null;
  if ("object" in argument) {
    const object = new TorchObject("packed");
    for (const [key, each] of Object.entries(argument.object)) object.attributes.set(key, torchValueOf(each));
    return object;
  }
  if ("device" in argument) return new TorchDevice();
  if ("float" in argument) return numberOf(argument.float);
  if ("dtype" in argument) return scalarTypeOf(argument.dtype);
  const { tensor, shape, data, complex } = argument as Stored;
  const made = constant(data.map(numberOf), tensor, shape) as Tensor;
  return complex ? new TorchComplex(made) : TorchTensor.of(made);
}

/** The tensors of a result, in their order. */
function tensorsOf(value: TorchValue): Tensor[] {
  if (value instanceof TorchTensor) return [value.read()];
  if (value instanceof TorchComplex) return [value.pairs];
  const number = numberTensor(value);
  if (number) return [number];
  const items = value instanceof TorchTuple ? value.items : Array.isArray(value) ? value : [];
  return items.flatMap(tensorsOf);
}

/** Calls an operator with constants, and runs the graph that it becomes. */
function called({ operator, arguments: given, keywords }: Case) {
  const [name, overload = ""] = operator.split(".") as [string, string?];
  const overloads = torchOperators.get(name) ?? [];
  const found = overloads.find(({ schema }) => schema.overload === overload) ?? overloads[0];
  if (!found) throw new Error(`there is no ${operator}`);
  const graph = trace(
    () => {
      const named = new Map(Object.entries(keywords).map(([key, each]) => [key, torchValueOf(each)]));
      const candidates =
        found.schema.overload === overload ? overloads.filter((each) => each.schema.overload === overload) : [found];
      for (const { schema, run } of candidates) {
        const call = bound(schema, given.map(torchValueOf), named);
        if (!call) continue;
        const result = run(new TorchCall(call));
        const tensors = isTensor(result)
          ? [result]
          : Array.isArray(result)
            ? (result as readonly Tensor[])
            : tensorsOf((result as { readonly value: TorchValue }).value);
        return Object.fromEntries(tensors.map((each, at) => [`y${at}`, each]));
      }
      throw new Error(`${operator} does not take these operands`);
    },
    {},
    { name: "call" },
  );
  const results = new Interpreter(graph).run({}) as { readonly [name: string]: ArrayLike<number | bigint> };
  // What has as many elements as values say comes with their count, which has a name of its own.
  const own = graph.outputs.filter(({ name: key }) => /^y[0-9]+$/.test(key));
  return own.map(({ name: key, value: { type } }) => ({
    dtype: type.dtype,
    shape: type.shape,
    data: Array.from(results[key]!, Number),
  }));
}

/** Whether numbers agree to what the dtype's functions promise. */
function expectClose(data: readonly number[], wanted: readonly number[], dtype: Dtype): void {
  const room = dtype === "f64" ? 1e-10 : dtype === "f32" ? 2e-5 : 0;
  expect(data.length).toBe(wanted.length);
  for (const [at, each] of data.entries()) {
    const other = wanted[at]!;
    const isSame = Object.is(each, other) || each === other;
    if (!isSame && !(Math.abs(each - other) <= room * (1 + Math.abs(other))))
      expect.fail(`element ${at} is ${each} instead of ${other}`);
  }
}

const names = [...new Set(cases.map(({ operator }) => operator))];

describe("PyTorch's operators give what PyTorch gives", () => {
  test.each(names)("%s gives its documented values", (name) => {
    for (const each of cases.filter(({ operator }) => operator === name)) {
      const found = called(each);
      expect(found.length).toBe(each.results.length);
      for (const [at, { tensor, shape, data }] of each.results.entries()) {
        const one = found[at]!;
        expect(one.dtype).toBe(tensor);
        const isBounded = (one.shape as readonly unknown[]).some((size) => typeof size !== "number");
        if (!isBounded) expect(one.shape).toEqual(shape);
        // Behind what there is stands nothing that counts.
        expectClose(isBounded ? one.data.slice(0, data.length) : one.data, data.map(numberOf), tensor);
      }
    }
  });

  /** They draw numbers, which a graph does not do without a generator. */
  const drawing = new Set([
    "rand",
    "randn",
    "rand_like",
    "randn_like",
    "randint",
    "randint.low",
    "randint_like",
    "randperm",
    "bernoulli",
    "bernoulli.p",
    "exponential",
    "multinomial",
    "normal",
    "normal.Tensor_Tensor",
    "poisson",
    "uniform",
  ]);

  test("every operator has a case of its own, but for those that draw numbers", () => {
    const all = [...torchOperators.values()].flatMap((overloads) =>
      overloads.map(({ schema: { name, overload } }) => (overload === "" ? name : `${name}.${overload}`)),
    );
    // Overloads "run" take numbers of a step, which control flow brings: its tests have them.
    const missing = all.filter((each) => !names.includes(each) && !drawing.has(each) && !each.endsWith(".run"));
    expect([...new Set(missing)]).toEqual([]);
  });

  test("operators that draw numbers are refused with a way out", () => {
    const call = { operator: "rand", arguments: [[2]], keywords: {}, results: [] };
    expect(() => called(call)).toThrow(/rand draws numbers/);
  });
});
