// What is said of a model at the command line: types of inputs, bounds, states.
import { type Dtype, dtypes, IsochronError } from "../../kernels/index.ts";
import { type TensorType, tensorType } from "../../runtime/index.ts";

/** The options of commands that take a model. */
export interface ModelArguments {
  readonly input: readonly string[];
  readonly bound: readonly string[];
  readonly state: readonly string[];
}

/** What the command line says of a model. */
export interface ModelOptions {
  readonly inputs: { readonly [name: string]: TensorType };
  readonly bounds: { readonly [name: string]: number };
  readonly states: { readonly [name: string]: string };
}

/** NAME=VALUE, of which a name may hold "=" too. */
function pair(option: string, text: string, example: string): readonly [name: string, value: string] {
  const at = text.lastIndexOf("=");
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
  throw new IsochronError("command/argument", `${option} "${text}" is not NAME=VALUE`, {
    help: `${option} ${example}`,
  });
}

/** A type such as f32[1,3,240,320]; a dtype alone is one number. */
function typeFrom(text: string, option: string): TensorType {
  const [, name = "", sizes] = /^(\w+)(?:\[\s*(\d+(?:\s*,\s*\d+)*)?\s*\])?$/.exec(text) ?? [];
  const dtype: Dtype | undefined = dtypes.find((each) => each === name);
  if (!dtype)
    throw new IsochronError("command/argument", `${option}: "${text}" is no type`, {
      help: `write it as f32[1,3,240,320]; dtypes are ${dtypes.join(", ")}`,
    });
  return tensorType(dtype, sizes === undefined ? [] : sizes.split(",").map(Number));
}

const wholeNumber = (text: string, option: string): number => {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new IsochronError("command/argument", `${option}: "${text}" is no whole number from 1`);
};

/** The options of a model's graph. Throws `command/argument`. */
export function graphOptions({ input, bound, state }: ModelArguments): ModelOptions {
  const inputs = input.map((text) => {
    const [name, value] = pair("--input", text, "image=f32[1,3,240,320]");
    return [name, typeFrom(value, `--input ${name}`)] as const;
  });
  const bounds = bound.map((text) => {
    const [name, value] = pair("--bound", text, "boxes=100");
    return [name, wholeNumber(value, `--bound ${name}`)] as const;
  });
  const states = state.map((text) => pair("--state", text, "h_in=h_out"));
  return {
    inputs: Object.fromEntries(inputs),
    bounds: Object.fromEntries(bounds),
    states: Object.fromEntries(states),
  };
}

const optionNames = ["input", "bound", "state"] as const;

/** Refuses what is said of a model where a file is none. Throws `command/argument`. */
export function refuseModelArguments(given: ModelArguments, path: string): void {
  const name = optionNames.find((each) => given[each].length > 0);
  if (name === undefined) return;
  throw new IsochronError("command/argument", `--${name} says what a model leaves open, and ${path} is no model`, {
    help: "leave it out, or name a model file",
  });
}
