// The memory map of a program: what lies where in its arena and among its weights, and between which kernels it has to stay.
import { bytesOf } from "../../kernels/index.ts";
import { type State, withRegions } from "../graph/graph.ts";
import { countOf, showTensorType, staticShape, type TensorType } from "../graph/tensor-type.ts";
import type { Home } from "./memory.ts";
import type { MethodCode, TargetCode } from "./target-code.ts";

/** A piece of memory; what it holds, in words. */
export interface Piece {
  readonly offset: number;
  readonly bytes: number;
  readonly name: string;
}

/** A piece of the scratch memory by its offset in the arena, and the first and the last step between which its bytes stay: kernels, branches and loops, counted. */
export interface ScratchPiece extends Piece {
  readonly first: number;
  readonly last: number;
  /** Where threads have a copy each: bytes from one to the next. */
  readonly copyBytes?: number;
}

/** What a method has of its own. */
export interface MethodMemory {
  readonly method: string;
  /** Bytes of its inputs and outputs, each from a multiple of 64 on. */
  readonly inputs: number;
  readonly outputs: number;
  readonly scratch: { readonly bytes: number; readonly pieces: readonly ScratchPiece[] };
}

/** The memory of a program on a target. Its arena has the states twice, as committed and as a step leaves them, and then scratch. */
export interface MemoryMap {
  readonly target: string;
  readonly arena: {
    readonly bytes: number;
    /** Offset of the scratch memory, which methods use by turns. */
    readonly scratch: number;
    /** As committed first; what a step leaves stands as far behind as these take together. */
    readonly states: readonly Piece[];
  };
  readonly weights: { readonly bytes: number; readonly pieces: readonly Piece[] };
  readonly methods: readonly MethodMemory[];
  /** Arena, weights, inputs and outputs. */
  readonly bytes: number;
}

const align = 64;
const roundUp = (bytes: number): number => Math.ceil(bytes / align) * align;
const sizeOf = ({ dtype, shape }: TensorType): number => countOf(staticShape(shape)) * bytesOf(dtype);
const sumOf = <T>(all: readonly T[], bytes: (each: T) => number): number =>
  all.reduce((sum, each) => sum + bytes(each), 0);

/** The states of all methods, each once, in the order in which an arena holds them. */
function statesOf(methods: readonly MethodCode[]): State[] {
  const states = methods.flatMap(({ planned }) => planned.states.map((state) => [state.name, state] as const));
  const first = new Map<string, State>();
  for (const [name, state] of states) if (!first.has(name)) first.set(name, state);
  return [...first.values()];
}

function methodMemory({ method, planned, calls, memory }: MethodCode, start: number): MethodMemory {
  const copies = new Map<Home, number>();
  for (const { operands } of calls)
    for (const { memory: own, copyBytes } of operands) if (copyBytes !== undefined) copies.set(own.home, copyBytes);
  return {
    method,
    inputs: sumOf(planned.inputs, ({ value }) => roundUp(sizeOf(value.type))),
    outputs: sumOf(planned.outputs, ({ value }) => roundUp(sizeOf(value.type))),
    scratch: {
      bytes: memory.bytes,
      pieces: memory.placed.map(({ home, offset, bytes, name, first, last }) => {
        const copyBytes = copies.get(home);
        return { offset: start + offset, bytes, name, first, last, ...(copyBytes === undefined ? {} : { copyBytes }) };
      }),
    },
  };
}

/** The map of the code that methods have on a target. */
export function memoryMapOf({ target, weights, methods }: TargetCode): MemoryMap {
  const all = statesOf(methods);
  let end = 0;
  const states = all.map(({ name, value }): Piece => {
    const piece = { offset: end, bytes: sizeOf(value.type), name: `${name}: ${showTensorType(value.type)}` };
    end += roundUp(piece.bytes);
    return piece;
  });
  const initials = all.map(
    (state): Piece => ({
      offset: weights.initialOf(state),
      bytes: sizeOf(state.value.type),
      name: `${state.name}, as it begins`,
    }),
  );
  const constants = methods
    .flatMap(({ planned }) => withRegions(planned))
    .flatMap(({ constants: own }) => own)
    .flatMap((constant): Piece[] => {
      const offset = weights.offsetOf(constant);
      const { type } = constant.value;
      return offset === undefined
        ? []
        : [{ offset, bytes: sizeOf(type), name: `${constant.name}: ${showTensorType(type)}` }];
    });
  // Methods share what they have in common.
  const placed = new Map([...constants, ...initials].map((piece) => [`${piece.offset} ${piece.name}`, piece]));
  const own = methods.map((method) => methodMemory(method, 2 * end));
  const arena = 2 * end + roundUp(Math.max(0, ...own.map(({ scratch }) => scratch.bytes)));
  return {
    target: target.name,
    arena: { bytes: arena, scratch: 2 * end, states },
    weights: { bytes: weights.size, pieces: [...placed.values()].sort((a, b) => a.offset - b.offset) },
    methods: own,
    bytes: arena + weights.size + sumOf(own, ({ inputs, outputs }) => inputs + outputs),
  };
}

const row = ({ offset, bytes }: Piece, text: string): string =>
  `    ${String(offset).padStart(9)} +${String(bytes).padEnd(9)} ${text}`;

/** A memory map as a table: one line for each piece, in the order of offsets. */
export function printMemoryMap({ target, arena, weights, methods, bytes }: MemoryMap): string {
  const bank = arena.scratch / 2;
  const scratch = methods.flatMap(({ method, scratch: { bytes: size, pieces }, inputs, outputs }) => [
    `  ${method}: ${inputs} bytes of inputs, ${outputs} of outputs, ${size} of scratch`,
    ...pieces.map((piece) => {
      const { first, last, name, copyBytes } = piece;
      const threads = copyBytes === undefined ? "" : `, ${piece.bytes / copyBytes} copies for threads`;
      return row(piece, `steps ${first}–${last}  ${name}${threads}`);
    }),
  ]);
  return [
    `memory on ${target}, ${bytes} bytes`,
    `  arena, ${arena.bytes} bytes: states twice, then the scratch of the method that runs`,
    ...arena.states.map((piece) => row(piece, piece.name)),
    ...arena.states.map((piece) =>
      row({ ...piece, offset: piece.offset + bank }, `${piece.name}, as the step leaves it`),
    ),
    ...scratch,
    `  weights, ${weights.bytes} bytes`,
    ...weights.pieces.map((piece) => row(piece, piece.name)),
  ].join("\n");
}
