// Arguments of an exported program's nodes as values: what they name, and numbers, texts and types as they stand there.
import { scalarTypeOf, unsupportedTorch } from "../call.ts";
import { TorchDevice, type TorchValue } from "../values.ts";
import {
  argumentKinds,
  type ExportedArgument,
  type ExportedGraph,
  exportedDtype,
  exportedError,
  kindOf,
} from "./schema.ts";

/** Values by name in one graph. */
export type Names = Map<string, TorchValue>;

type Argument = ReturnType<typeof kindOf<typeof argumentKinds>>;

/** An argument as its schema has it. */
export const argumentOf = (argument: ExportedArgument, what: string): Argument => kindOf(argumentKinds, argument, what);

const mostInt = 2n ** 63n - 1n;

/** An integer; JSON rounds those that JavaScript has no number for, of which PyTorch writes the greatest alone. */
function integer(value: number): bigint {
  if (!Number.isInteger(value)) throw exportedError(`${value} is no integer`);
  const exact = BigInt(value);
  return exact > mostInt ? mostInt : exact;
}

const floatOf = (value: number | "Infinity" | "-Infinity" | "NaN"): number => Number(value);

/** torch.export's numbers of memory formats, as ATen counts them. */
const memoryFormats: { readonly [number: number]: bigint } = { 1: 0n, 2: 2n, 3: 3n, 4: 1n };
const stridedLayout = 7;

function named(names: Names, name: string): TorchValue {
  const value = names.get(name);
  if (value !== undefined) return value;
  throw exportedError(`"${name}" is used, and nothing before it is called that`);
}

type Symbolic = { readonly as_name: string } | { readonly [key: string]: unknown };

function symbolic(names: Names, value: Symbolic): TorchValue {
  if ("as_name" in value) return named(names, value.as_name as string);
  if ("as_int" in value) return integer(value.as_int as number);
  if ("as_float" in value) return floatOf(value.as_float as number);
  return value.as_bool === true;
}

const optional = (
  names: Names,
  value: { readonly as_tensor: { readonly name: string } } | { readonly as_none?: unknown },
): TorchValue => ("as_tensor" in value ? named(names, value.as_tensor.name) : null);

/** The graph that an argument is; undefined for others. */
export function graphIn(argument: ExportedArgument): ExportedGraph | undefined {
  if (!Object.hasOwn(argument, "as_graph")) return undefined;
  const read = argumentOf(argument, "a graph");
  return read.kind === "as_graph" ? read.value.graph : undefined;
}

/** The value of an argument. Throws `import/model` for names that nothing has, `import/unsupported` for kinds that are not read. */
export function argumentValue(argument: ExportedArgument, names: Names, what: string): TorchValue {
  const read = argumentOf(argument, what);
  switch (read.kind) {
    case "as_none":
      return null;
    case "as_tensor":
      return named(names, read.value.name);
    case "as_tensors":
      return read.value.map((each) => named(names, each.name));
    case "as_optional_tensor":
      return optional(names, read.value);
    case "as_optional_tensors":
      return read.value.map((each) => optional(names, each));
    case "as_int":
      return integer(read.value);
    case "as_ints":
      return read.value.map(integer);
    case "as_int_lists":
      return read.value.map((each) => each.map(integer));
    case "as_float":
      return floatOf(read.value);
    case "as_floats":
      return read.value.map(floatOf);
    case "as_bool":
    case "as_string":
      return read.value;
    case "as_bools":
    case "as_strings":
      return [...read.value];
    case "as_sym_int":
    case "as_sym_bool":
    case "as_sym_float":
      return symbolic(names, read.value);
    case "as_sym_ints":
    case "as_sym_bools":
    case "as_sym_floats":
      return read.value.map((each) => symbolic(names, each));
    case "as_scalar_type":
      return scalarTypeOf(exportedDtype(read.value, what));
    case "as_memory_format": {
      const format = Object.hasOwn(memoryFormats, read.value) ? memoryFormats[read.value] : undefined;
      if (format === undefined) throw unsupportedTorch(`${what} is memory format ${read.value} of torch.export`);
      return format;
    }
    case "as_layout":
      if (read.value !== stridedLayout) throw unsupportedTorch(`${what} is a layout of sparse tensors`);
      return 0n;
    case "as_device":
      return new TorchDevice();
    case "as_graph":
      throw unsupportedTorch(`${what} is a graph`);
  }
}

/** The names that results get: of a list one for each element. */
export function resultNames(argument: ExportedArgument, what: string): string | readonly string[] | undefined {
  const read = argumentOf(argument, what);
  switch (read.kind) {
    case "as_tensor":
      return read.value.name;
    case "as_tensors":
      return read.value.map(({ name }) => name);
    case "as_optional_tensor":
      return "as_tensor" in read.value ? read.value.as_tensor.name : undefined;
    case "as_sym_int":
    case "as_sym_bool":
    case "as_sym_float":
      return "as_name" in read.value ? (read.value.as_name as string) : undefined;
    case "as_none":
      return undefined;
    default:
      throw unsupportedTorch(`${what} is of kind ${read.kind}`);
  }
}
