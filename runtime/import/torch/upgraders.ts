// What calls of operators in older files mean today, as PyTorch's own upgraders say (torch/csrc/jit/operator_upgraders).
import { isFloatDtype } from "../../../kernels/index.ts";
import { TorchNumber, TorchTensor, type TorchValue } from "./values.ts";

type Keywords = ReadonlyMap<string, TorchValue>;

interface Arguments {
  readonly positional: readonly TorchValue[];
  readonly keywords: Keywords;
}

interface Upgrader {
  /** The version of the file's format from which on the operator means what it means today. */
  readonly since: number;
  readonly upgrade: (call: Arguments) => Arguments;
}

const isFloat = (value: TorchValue): boolean => {
  if (value instanceof TorchTensor) return isFloatDtype(value.dtype);
  return value instanceof TorchNumber ? value.kind === "float" : typeof value === "number";
};

/** Of integers alone a quotient was cut towards zero. */
const cutQuotient: Upgrader = {
  since: 4,
  upgrade: ({ positional, keywords }) => {
    const operands = [...positional, ...keywords.values()];
    if (keywords.has("rounding_mode") || !operands.some((each) => each instanceof TorchTensor))
      return { positional, keywords };
    if (operands.some(isFloat)) return { positional, keywords };
    return { positional, keywords: new Map([...keywords, ["rounding_mode", "trunc"]]) };
  },
};

/** A tensor that was filled without a dtype was one of floats. */
const floatFill: Upgrader = {
  since: 5,
  upgrade: ({ positional, keywords }) => {
    if ((keywords.get("dtype") ?? null) !== null || keywords.has("out")) return { positional, keywords };
    const float = (value: TorchValue): TorchValue =>
      typeof value === "bigint" || typeof value === "boolean" ? Number(value) : value;
    const named = [...keywords].map(([key, value]) => [key, key === "fill_value" ? float(value) : value] as const);
    return {
      positional: positional.map((value, at) => (at === 1 ? float(value) : value)),
      keywords: new Map(named),
    };
  },
};

/** Without a number of steps there were 100. */
const hundredSteps = (since: number): Upgrader => ({
  since,
  upgrade: ({ positional, keywords }) => {
    const isMissing = (positional[2] ?? keywords.get("steps") ?? null) === null;
    if (!isMissing) return { positional, keywords };
    const named = [...keywords].filter(([key]) => key !== "steps");
    if (positional.length > 2) return { positional: positional.with(2, 100n), keywords: new Map(named) };
    return { positional, keywords: new Map([...named, ["steps", 100n]]) };
  },
});

/** `gelu` before version 10 had no other form than today's default. */
const upgraders: { readonly [name: string]: Upgrader } = {
  div: cutQuotient,
  div_: cutQuotient,
  full: floatFill,
  linspace: hundredSteps(8),
  logspace: hundredSteps(9),
};

/** The arguments of a call in a file of a version as the operator of today takes them; version 0 is of no file. */
export function upgraded(
  version: number,
  name: string,
  positional: readonly TorchValue[],
  keywords: Keywords,
): Arguments {
  const found = version > 0 && Object.hasOwn(upgraders, name) ? upgraders[name] : undefined;
  return found && version < found.since ? found.upgrade({ positional, keywords }) : { positional, keywords };
}
