// The calls of a TorchScript model one after the other over the same objects, with values in hand.
import type { ExportedModel } from "../../../runtime/import/torch/exported/model.ts";
import type { TorchData } from "../../../runtime/import/torch/interpreter.ts";
import type { TorchModel } from "../../../runtime/import/torch/model.ts";
import type { Tensors } from "./check.ts";
import { differenceOf } from "./difference.ts";
import { type Call, dtypeOf, type Fixture, type FixtureValue, flat } from "./fixtures.ts";

/** A value of a call as the interpreter takes it. */
function taken(value: FixtureValue, tensors: Tensors): TorchData {
  switch (value.type) {
    case "tensor": {
      const { data } = tensors[value.key]!;
      return { dtype: dtypeOf(value.dtype), shape: value.shape, data };
    }
    case "none":
      return null;
    case "list":
    case "tuple":
      return value.items.map((each) => taken(each, tensors));
    case "dict":
      return new Map(value.keys.map((key, at) => [String(key), taken(value.items[at]!, tensors)]));
    case "int":
      return BigInt(value.value as number);
    default:
      return value.value;
  }
}

const isData = (value: TorchData): value is Extract<TorchData, { readonly dtype: unknown }> =>
  typeof value === "object" && value !== null && "dtype" in value;

/** The tensors, numbers and texts of a result, one after the other; none has nothing. */
function flatResult(value: TorchData): Exclude<TorchData, null | readonly TorchData[]>[] {
  if (value === null) return [];
  if (Array.isArray(value)) return value.flatMap(flatResult);
  return value instanceof Map
    ? [...value.values()].flatMap(flatResult)
    : [value as Exclude<TorchData, null | readonly TorchData[]>];
}

/** Throws where a result or a state is not what PyTorch has. */
function requireCall(
  fixture: Fixture,
  call: Call,
  tensors: Tensors,
  result: TorchData,
  stateOf: (name: string) => TorchData,
): void {
  const found = flatResult(result);
  const wanted = flat(call.outputs);
  if (found.length !== wanted.length) throw new Error(`it gives ${found.length} values instead of ${wanted.length}`);
  for (const [at, each] of wanted.entries()) {
    const own = found[at]!;
    if (each.type === "tensor") {
      if (!isData(own)) throw new Error(`result ${at} is no tensor`);
      if (own.shape.join() !== each.shape.join() || own.dtype !== dtypeOf(each.dtype))
        throw new Error(`result ${at} is ${own.dtype}[${own.shape}] instead of ${each.dtype}[${each.shape}]`);
      const differs = differenceOf(own.data, tensors[each.key]!.data, fixture);
      if (differs) throw new Error(`result ${at} ${differs}`);
    } else if (each.type === "str") {
      if (own !== each.value) throw new Error(`result ${at} is ${own} instead of ${each.value}`);
    } else {
      const kinds = { int: "bigint", float: "number", bool: "boolean" } as const;
      if (typeof own !== kinds[each.type]) throw new Error(`result ${at} is a ${typeof own} instead of ${each.type}`);
      const differs = differenceOf([Number(own)], [Number(each.value)], fixture);
      if (differs) throw new Error(`result ${at} ${differs}`);
    }
  }
  for (const [name, each] of Object.entries(call.state_after)) {
    if (each.type !== "tensor") continue;
    const state = stateOf(name);
    if (!isData(state)) throw new Error(`there is no state ${name}`);
    const differs = differenceOf(state.data, tensors[each.key]!.data, fixture);
    if (differs) throw new Error(`state ${name} ${differs}`);
  }
}

/** Runs the calls of a model; `failed` is told of each that is not as it should be, and says what that means. */
export function interpretCalls<O>(
  model: TorchModel,
  fixture: Fixture,
  tensors: Tensors,
  passed: O,
  failed: (call: Call, error: unknown) => O,
): O[] {
  let interpreter = model.interpreter();
  return fixture.cases.map((call) => {
    if (!fixture.stateful) interpreter = model.interpreter();
    try {
      const result = interpreter.run(call.method, ...call.inputs.map((each) => taken(each, tensors)));
      if (call.raises) return failed(call, new Error("the call should fail, and does not"));
      requireCall(fixture, call, tensors, result, (name) => interpreter.tensor(name) ?? null);
      return passed;
    } catch (error) {
      const isRaised =
        call.raises && error instanceof Error && (error as { readonly code?: string }).code === "import/raised";
      return isRaised ? passed : failed(call, error);
    }
  });
}

/** Runs the calls of an exported program, each on the buffers that the file has, with values in hand. */
export function interpretExported<O>(
  model: ExportedModel,
  fixture: Fixture,
  tensors: Tensors,
  passed: O,
  failed: (call: Call, error: unknown) => O,
): O[] {
  return fixture.cases.map((call) => {
    try {
      const values = flat(call.inputs).flatMap((each) => (each.type === "tensor" ? [taken(each, tensors)] : []));
      const inputs = Object.fromEntries(model.inputs.map(({ name }, at) => [name, values[at] as never]));
      const found = Object.values(model.interpret(inputs));
      const wanted = flat(call.outputs);
      if (found.length !== wanted.length)
        throw new Error(`it gives ${found.length} values instead of ${wanted.length}`);
      for (const [at, each] of wanted.entries()) {
        const { data } = found[at] as { readonly data: ArrayLike<number | bigint> };
        const differs = differenceOf(
          data,
          each.type === "tensor" ? tensors[each.key]!.data : [Number(each.value)],
          fixture,
        );
        if (differs) throw new Error(`result ${at} ${differs}`);
      }
      return passed;
    } catch (error) {
      return failed(call, error);
    }
  });
}
