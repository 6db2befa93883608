// Interprets kernels exactly on typed arrays: the oracle that compiled code equals bit for bit.

import { IsochronError } from "../base/error.ts";
import { bytesOf, isStored, typedArrays } from "../dtype.ts";
import { canonicalStored, storedConstant } from "../stored.ts";
import {
  binaryOf,
  bitcastOf,
  canonical,
  compareOf,
  convertOf,
  fmaOf,
  isWide,
  type Lane,
  unaryOf,
} from "./arithmetic.ts";
import { endOf } from "./build.ts";
import type { Buffer, Expression, Kernel, Local, Scalar, Statement } from "./ir.ts";
import { printStatement } from "./print.ts";
import { verifyKernel } from "./verify.ts";
import { expressionsOf, sharedBelow } from "./walk.ts";

type Value = readonly Lane[];
/** The values of locals and of shared subexpressions, by slot. */
type Frame = Value[];
type Evaluate = (frame: Frame) => Value;
type Execute = (frame: Frame) => void;

/** The elements of a buffer, as lanes. */
interface Memory {
  readonly length: number;
  get(at: number): Lane;
  set(at: number, lane: Lane): void;
}

/**
 * Runs a kernel on typed arrays, one per buffer in order, of exactly the buffer's bytes; writes in place.
 *
 * Every operation gives the bits that compiled code gives, save for NaN: which NaN an operation yields, and which one is
 * stored, is not specified; here it is always the canonical quiet one (a NaN's payload does not survive being loaded).
 * Throws what `verifyKernel` throws, `loop/buffers` where the arrays do not fit, and `loop/bounds` on access outside a buffer.
 */
export function interpretKernel(kernel: Kernel, arrays: readonly ArrayBufferView[], chunk = 0): void {
  prepareKernel(kernel)(arrays, chunk);
}

/** Makes a kernel ready to be interpreted many times; each call gives the number of iterations that its loops made. */
export function prepareKernel(kernel: Kernel): (arrays: readonly ArrayBufferView[], chunk?: number) => number {
  verifyKernel(kernel);
  const preparation = new Preparation(kernel);
  const slot = kernel.chunk && preparation.slot(kernel.chunk);
  const run = preparation.body(kernel.body);
  return (arrays, chunk = 0) => {
    preparation.bind(arrays);
    const frame: Frame = [];
    if (slot !== undefined) frame[slot] = [BigInt(chunk)];
    preparation.iterations = 0;
    run(frame);
    return preparation.iterations;
  };
}

class Preparation {
  /** Those that loops have made. */
  iterations = 0;
  readonly #kernel: Kernel;
  readonly #memories = new Map<Buffer, { memory: Memory }>();
  readonly #slots = new Map<Local, number>();
  #slotCount = 0;
  #statement: Statement | undefined;
  #shared: ReadonlySet<Expression> = new Set();
  #computed = new Map<Expression, Evaluate>();
  #temporaries: Execute[] = [];

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    for (const buffer of kernel.buffers) this.#memories.set(buffer, { memory: memoryOf("u8", new Uint8Array(0)) });
  }

  bind(arrays: readonly ArrayBufferView[]): void {
    const { name, buffers } = this.#kernel;
    const fail = (message: string): never => {
      throw new IsochronError("loop/buffers", `kernel ${name}: ${message}`, {
        help: "pass one typed array per buffer, in the order of the kernel's parameters",
      });
    };
    if (arrays.length !== buffers.length) fail(`${arrays.length} arrays for ${buffers.length} buffers`);
    buffers.forEach((buffer, at) => {
      const bytes = bytesOf(buffer.scalar) * buffer.length;
      const array = arrays[at]!;
      if (array.byteLength !== bytes) fail(`${buffer.name} has ${bytes} bytes, the array ${array.byteLength}`);
      if (array.byteOffset % bytesOf(buffer.scalar) !== 0) fail(`the array for ${buffer.name} is not aligned`);
      this.#holder(buffer).memory = memoryOf(buffer.scalar, array);
    });
  }

  #holder(buffer: Buffer): { memory: Memory } {
    const holder = this.#memories.get(buffer);
    if (!holder) throw new RangeError(`${buffer.name} is not a buffer of ${this.#kernel.name}`);
    return holder;
  }

  body(statements: readonly Statement[]): Execute {
    const steps = statements.map((statement) => this.#prepare(statement));
    return (frame) => {
      for (const step of steps) step(frame);
    };
  }

  #prepare(s: Statement): Execute {
    this.#statement = s;
    this.#shared = sharedBelow(expressionsOf(s));
    this.#computed = new Map();
    this.#temporaries = [];
    return this.#action(s);
  }

  /** What computes the shared subexpressions met so far, in order, once per execution of the statement. */
  #before(act: Execute): Execute {
    const temporaries = this.#temporaries;
    if (temporaries.length === 0) return act;
    return (frame) => {
      for (const compute of temporaries) compute(frame);
      act(frame);
    };
  }

  #action(s: Statement): Execute {
    switch (s.kind) {
      case "let":
      case "var":
      case "assign": {
        const value = this.#expression(s.value);
        const slot = this.slot(s.local);
        return this.#before((frame) => {
          frame[slot] = value(frame);
        });
      }
      case "store":
        return this.#store(s);
      case "prefetch":
        return () => {};
      case "for": {
        const [from, to] = [this.#expression(s.from), this.#expression(endOf(s))];
        const slot = this.slot(s.index);
        const step = BigInt(s.step);
        const before = this.#before(() => {});
        const body = this.body(s.body);
        return (frame) => {
          before(frame);
          const end = to(frame)[0]!;
          for (let i = BigInt(from(frame)[0]!); i < end; i += step) {
            frame[slot] = [i];
            this.iterations++;
            body(frame);
          }
        };
      }
      case "if": {
        const condition = this.#expression(s.condition);
        const before = this.#before(() => {});
        const [whenTrue, whenFalse] = [this.body(s.whenTrue), this.body(s.whenFalse)];
        return (frame) => {
          before(frame);
          (condition(frame)[0] ? whenTrue : whenFalse)(frame);
        };
      }
    }
  }

  slot(local: Local): number {
    const known = this.#slots.get(local);
    if (known !== undefined) return known;
    const slot = this.#slotCount++;
    this.#slots.set(local, slot);
    return slot;
  }

  #store(s: Extract<Statement, { kind: "store" }>): Execute {
    const value = this.#expression(s.value);
    const index = this.#expression(s.index);
    const mask = s.mask && this.#expression(s.mask);
    const holder = this.#holder(s.buffer);
    const { lanes } = s.value.type;
    const outside = this.#outside(s.buffer);
    return this.#before((frame) => {
      const lanesOf = value(frame);
      const first = Number(index(frame)[0]);
      const enabled = mask?.(frame);
      const { memory } = holder;
      for (let lane = 0; lane < lanes; lane++) {
        if (enabled && !enabled[lane]) continue;
        const at = first + lane;
        if (at < 0 || at >= memory.length) outside(at);
        memory.set(at, lanesOf[lane]!);
      }
    });
  }

  #outside(buffer: Buffer): (at: number) => never {
    const [kernel, statement] = [this.#kernel, this.#statement];
    return (at) => {
      throw new IsochronError(
        "loop/bounds",
        `kernel ${kernel.name}: element ${at} of ${buffer.name}, which has ${buffer.length}`,
        { details: statement ? printStatement(kernel, statement).map((line) => line.trim()) : [] },
      );
    };
  }

  #expression(e: Expression): Evaluate {
    const known = this.#computed.get(e);
    if (known) return known;
    const evaluate = this.#evaluation(e);
    if (!this.#shared.has(e)) return evaluate;
    const slot = this.#slotCount++;
    this.#temporaries.push((frame) => {
      frame[slot] = evaluate(frame);
    });
    const recall: Evaluate = (frame) => frame[slot]!;
    this.#computed.set(e, recall);
    return recall;
  }

  #evaluation(e: Expression): Evaluate {
    const { scalar, lanes } = e.type;
    switch (e.kind) {
      case "constant": {
        const { value: given } = e;
        const lane: Lane = isStored(scalar)
          ? storedConstant(scalar, Number(given))
          : typeof given === "boolean"
            ? Number(given)
            : given;
        const value = Array.from({ length: lanes }, () => lane);
        return () => value;
      }
      case "local": {
        const slot = this.slot(e.local);
        return (frame) => frame[slot]!;
      }
      case "binary":
        return zip(binaryOf(e.operator, scalar), this.#expression(e.left), this.#expression(e.right));
      case "compare":
        return zip(compareOf(e.operator), this.#expression(e.left), this.#expression(e.right));
      case "unary":
        return map(unaryOf(e.operator, scalar), this.#expression(e.operand));
      case "convert":
        return map(convertOf(e.operand.type.scalar, scalar, e.narrowing), this.#expression(e.operand));
      case "bitcast":
        return map(bitcastOf(e.operand.type.scalar, scalar), this.#expression(e.operand));
      case "fma": {
        const f = fmaOf(scalar);
        const [a, b, c] = [this.#expression(e.left), this.#expression(e.right), this.#expression(e.addend)];
        return (frame) => {
          const [left, right, addend] = [a(frame), b(frame), c(frame)];
          return left.map((lane, at) => f(lane, right[at]!, addend[at]!));
        };
      }
      case "dot4": {
        const [a, b, c] = [this.#expression(e.left), this.#expression(e.right), this.#expression(e.addend)];
        return (frame) => {
          const [left, right] = [a(frame), b(frame)];
          return c(frame).map((start, lane) => {
            let sum = Number(start);
            for (let j = 4 * lane; j < 4 * lane + 4; j++) sum += Number(left[j]) * Number(right[j]);
            return sum | 0;
          });
        };
      }
      case "select": {
        const condition = this.#expression(e.condition);
        const [whenTrue, whenFalse] = [this.#expression(e.whenTrue), this.#expression(e.whenFalse)];
        return (frame) => {
          const [choice, yes, no] = [condition(frame), whenTrue(frame), whenFalse(frame)];
          return choice.map((lane, at) => (lane ? yes[at]! : no[at]!));
        };
      }
      case "broadcast": {
        const operand = this.#expression(e.operand);
        return (frame) => new Array<Lane>(lanes).fill(operand(frame)[0]!);
      }
      case "ramp": {
        const base = this.#expression(e.base);
        const steps = Array.from({ length: lanes }, (_, lane) => BigInt(e.step) * BigInt(lane));
        return (frame) => {
          const first = BigInt(base(frame)[0]!);
          return steps.map((step) => BigInt.asIntN(64, first + step));
        };
      }
      case "extract": {
        const operand = this.#expression(e.operand);
        return (frame) => [operand(frame)[e.lane]!];
      }
      case "shuffle": {
        const a = this.#expression(e.a);
        const b = e.b && this.#expression(e.b);
        return (frame) => {
          const all = b ? [...a(frame), ...b(frame)] : a(frame);
          return e.lanes.map((lane) => all[lane]!);
        };
      }
      case "load":
        return this.#load(e);
    }
  }

  #load(e: Extract<Expression, { kind: "load" }>): Evaluate {
    const index = this.#expression(e.index);
    const mask = e.mask && this.#expression(e.mask);
    const holder = this.#holder(e.buffer);
    const outside = this.#outside(e.buffer);
    const zero: Lane = isWide(e.type.scalar) ? 0n : 0;
    const gathers = e.index.type.lanes > 1;
    const { lanes } = e.type;
    return (frame) => {
      const where = index(frame);
      const enabled = mask?.(frame);
      const { memory } = holder;
      const value = new Array<Lane>(lanes);
      for (let lane = 0; lane < lanes; lane++) {
        if (enabled && !enabled[lane]) {
          value[lane] = zero;
          continue;
        }
        const at = gathers ? Number(where[lane]) : Number(where[0]) + lane;
        if (at < 0 || at >= memory.length) outside(at);
        value[lane] = memory.get(at);
      }
      return value;
    };
  }
}

const map =
  (f: (a: Lane) => Lane, operand: Evaluate): Evaluate =>
  (frame) =>
    operand(frame).map((lane) => f(lane));

const zip =
  (f: (a: Lane, b: Lane) => Lane, left: Evaluate, right: Evaluate): Evaluate =>
  (frame) => {
    const [a, b] = [left(frame), right(frame)];
    return a.map((lane, at) => f(lane, b[at]!));
  };

/** The elements of an array's bytes. bool reads the lowest bit of its byte, as compiled code does. */
function memoryOf(scalar: Scalar, { buffer, byteOffset, byteLength }: ArrayBufferView): Memory {
  const length = byteLength / bytesOf(scalar);
  if (scalar === "i64" || scalar === "u64") {
    const wide =
      scalar === "i64" ? new BigInt64Array(buffer, byteOffset, length) : new BigUint64Array(buffer, byteOffset, length);
    return {
      length,
      get: (at) => wide[at]!,
      set: (at, lane) => {
        wide[at] = BigInt(lane);
      },
    };
  }
  const narrow = new typedArrays[scalar](buffer as ArrayBuffer, byteOffset, length);
  return {
    length,
    get: scalar === "bool" ? (at) => narrow[at]! & 1 : (at) => narrow[at]!,
    set: (at, lane) => {
      narrow[at] = isStored(scalar) ? canonicalStored(scalar, Number(lane)) : canonical(Number(lane));
    },
  };
}
