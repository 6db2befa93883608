// A restricted unpickler: values of pickles in which nothing is called but what a reader of model files knows by name.
// The opcodes are those of Python's pickletools, protocols 0 to 5; what PyTorch writes has protocol 2.
import { IsochronError } from "../../../kernels/index.ts";

/** A name of a module, as a pickle gives it: a class or a function, never looked up by the name alone. */
export class PickledName {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }

  get full(): string {
    return `${this.module}.${this.name}`;
  }
}

/** A tuple, which is not a list. */
export class PickledTuple<T> {
  readonly items: readonly Pickled<T>[];

  constructor(items: readonly Pickled<T>[]) {
    this.items = items;
  }
}

/** An object of a class: what it was made with, and its state. */
export class PickledObject<T> {
  readonly type: PickledName;
  readonly args: readonly Pickled<T>[];
  state: Pickled<T> | undefined;

  constructor(type: PickledName, args: readonly Pickled<T>[]) {
    this.type = type;
    this.args = args;
  }
}

/** A value: integers are bigint and floats number, since Python tells them apart; T is what the reader makes. */
export type Pickled<T> =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Pickled<T>[]
  | Map<Pickled<T>, Pickled<T>>
  | PickledTuple<T>
  | PickledObject<T>
  | PickledName
  | { readonly made: T };

/** What a reader of pickles knows. */
export interface Unpickling<T> {
  /** What a reference to something outside of the pickle, such as a storage, stands for. */
  persistent(id: Pickled<T>): Pickled<T>;
  /** What a call of a function gives; undefined where it is not known. */
  call(name: PickledName, args: readonly Pickled<T>[]): Pickled<T> | undefined;
  /** Whether objects of a class may be there. */
  isClass(name: PickledName): boolean;
}

/** Values on the stack and in the memo, at most. */
const mostValues = 2 ** 22;

/** A fault of a pickle. */
export const pickleError = (message: string): IsochronError =>
  new IsochronError("import/pickle", message, {
    help: "save it again with PyTorch: torch.jit.save, or torch.save of a state_dict",
  });

/** Refuses what could run code. */
const refused = (name: PickledName): IsochronError =>
  new IsochronError("import/pickle", `it asks for ${name.full}, which no model needs`, {
    help: "Isochron never runs what a pickle names; save tensors alone (torch.save of a state_dict), or the model by torch.jit.save",
  });

const mark = Symbol("mark");
type Slot<T> = Pickled<T> | typeof mark;

/** Reads a pickle. Throws `import/pickle`. */
export function unpickle<T>(bytes: Uint8Array, reader: Unpickling<T>): Pickled<T> {
  return new Unpickler(bytes, reader).read();
}

class Unpickler<T> {
  readonly #bytes: Buffer;
  readonly #reader: Unpickling<T>;
  readonly #memo = new Map<number, Pickled<T>>();
  #stack: Slot<T>[] = [];
  #at = 0;

  constructor(bytes: Uint8Array, reader: Unpickling<T>) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#reader = reader;
  }

  read(): Pickled<T> {
    for (;;) {
      const at = this.#at;
      const opcode = String.fromCharCode(this.#take(1)[0]!);
      if (opcode === ".") break;
      const step = opcodes.get(opcode);
      if (!step)
        throw pickleError(`byte ${at} of the pickle is no opcode that a model needs: ${JSON.stringify(opcode)}`);
      step(this as Machine);
      if (this.#stack.length > mostValues) throw pickleError(`the pickle has more than ${mostValues} values at once`);
    }
    const result = this.pop();
    if (this.#stack.length > 0) throw pickleError(`the pickle ends with ${this.#stack.length} values too many`);
    return result;
  }

  #take(count: number): Buffer {
    if (count < 0 || this.#at + count > this.#bytes.length)
      throw pickleError(`the pickle ends within a value, at byte ${this.#at}`);
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }

  unsigned(width: 1 | 2 | 4): number {
    return this.#take(width).readUIntLE(0, width);
  }

  /** A length of eight bytes. */
  long(): number {
    const length = this.#take(8).readBigUInt64LE();
    if (length > BigInt(this.#bytes.length))
      throw pickleError("a length in the pickle is more than the pickle has bytes");
    return Number(length);
  }

  text(length: number): string {
    return this.#take(length).toString("utf8");
  }

  data(length: number): Uint8Array {
    return Uint8Array.from(this.#take(length));
  }

  /** An integer in two's complement of any width. */
  integer(width: number): bigint {
    let value = 0n;
    const taken = this.#take(width);
    for (let byte = width - 1; byte >= 0; byte--) value = (value << 8n) | BigInt(taken[byte]!);
    return width === 0 ? 0n : BigInt.asIntN(width * 8, value);
  }

  float(): number {
    return this.#take(8).readDoubleBE();
  }

  /** The text up to the end of a line. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw pickleError("the pickle ends within a line");
    const line = this.text(end - this.#at);
    this.#at++;
    return line;
  }

  push(value: Slot<T>): void {
    this.#stack.push(value);
  }

  pop(): Pickled<T> {
    const value = this.#stack.pop();
    if (value === undefined || value === mark) throw pickleError("the pickle takes a value that is not there");
    return value;
  }

  top(): Pickled<T> {
    const value = this.pop();
    this.push(value);
    return value;
  }

  /** The values behind the last mark, which goes with them. */
  popToMark(): Pickled<T>[] {
    const at = this.#stack.lastIndexOf(mark);
    if (at < 0) throw pickleError("the pickle takes values up to a mark that is not there");
    const values = this.#stack.slice(at + 1) as Pickled<T>[];
    this.#stack.length = at;
    return values;
  }

  /** Drops a value, or a mark. */
  drop(): void {
    if (this.#stack.pop() === undefined) throw pickleError("the pickle takes a value that is not there");
  }

  keep(key: number): void {
    this.#memo.set(key, this.top());
  }

  memoize(): void {
    this.keep(this.#memo.size);
  }

  recall(key: number): void {
    const value = this.#memo.get(key);
    if (value === undefined) throw pickleError(`the pickle takes value ${key}, which it has not kept`);
    this.push(value);
  }

  append(values: readonly Pickled<T>[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw pickleError("the pickle appends to what is no list");
    for (const value of values) list.push(value);
  }

  setItems(values: readonly Pickled<T>[]): void {
    const map = this.top();
    if (!(map instanceof Map)) throw pickleError("the pickle sets items of what is no dictionary");
    if (values.length % 2 !== 0) throw pickleError("the pickle has a key without a value");
    for (let at = 0; at < values.length; at += 2) map.set(values[at]!, values[at + 1]!);
  }

  #name(): PickledName {
    const name = this.pop();
    if (!(name instanceof PickledName)) throw pickleError("the pickle calls what is no name");
    return name;
  }

  #tuple(): readonly Pickled<T>[] {
    const args = this.pop();
    if (!(args instanceof PickledTuple)) throw pickleError("the pickle gives arguments that are no tuple");
    return args.items;
  }

  reduce(): void {
    const args = this.#tuple();
    const name = this.#name();
    const result = this.#reader.call(name, args);
    if (result === undefined) throw refused(name);
    this.push(result);
  }

  newObject(): void {
    const args = this.#tuple();
    const name = this.#name();
    if (!this.#reader.isClass(name)) throw refused(name);
    this.push(new PickledObject(name, args));
  }

  build(): void {
    const state = this.pop();
    const object = this.top();
    if (!(object instanceof PickledObject)) throw pickleError("the pickle gives a state to what is no object");
    object.state = state;
  }

  persistent(): void {
    this.push(this.#reader.persistent(this.pop()));
  }
}

type Machine = Unpickler<unknown>;

const name = (machine: Machine): void => {
  const module = machine.line();
  machine.push(new PickledName(module, machine.line()));
};

const stackName = (machine: Machine): void => {
  const [last, module] = [machine.pop(), machine.pop()];
  if (typeof last !== "string" || typeof module !== "string") throw pickleError("the pickle names what is no text");
  machine.push(new PickledName(module, last));
};

/** A number of the text form of protocol 0. */
const numberOf = (line: string): number => {
  if (!/^[0-9]{1,9}$/.test(line))
    throw pickleError(`${JSON.stringify(line.slice(0, 20))} is no place in the pickle's memo`);
  return Number(line);
};

const integerLine = (line: string): boolean | bigint => {
  if (line === "00" || line === "01") return line === "01";
  const digits = line.replace(/L$/, "");
  if (!/^[+-]?[0-9]{1,40}$/.test(digits)) throw pickleError(`${JSON.stringify(line.slice(0, 20))} is no integer`);
  return BigInt(digits);
};

const floatLine = (line: string): number => {
  const value = Number(line);
  if (!/^[-+0-9.e]{1,40}$/i.test(line) || Number.isNaN(value))
    throw pickleError(`${JSON.stringify(line.slice(0, 20))} is no float`);
  return value;
};

const tuple = (machine: Machine, count: number): void => {
  const items = Array.from({ length: count }, () => machine.pop()).reverse();
  machine.push(new PickledTuple(items));
};

/** What each opcode does. */
const opcodes: ReadonlyMap<string, (machine: Machine) => void> = new Map(
  Object.entries<(machine: Machine) => void>({
    "\x80": (m) => void m.unsigned(1),
    "\x95": (m) => void m.long(),
    "(": (m) => m.push(mark),
    "0": (m) => m.drop(),
    "1": (m) => void m.popToMark(),
    "2": (m) => m.push(m.top()),
    N: (m) => m.push(null),
    "\x88": (m) => m.push(true),
    "\x89": (m) => m.push(false),
    I: (m) => m.push(integerLine(m.line())),
    L: (m) => m.push(integerLine(m.line())),
    J: (m) => m.push(m.integer(4)),
    K: (m) => m.push(BigInt(m.unsigned(1))),
    M: (m) => m.push(BigInt(m.unsigned(2))),
    "\x8a": (m) => m.push(m.integer(m.unsigned(1))),
    F: (m) => m.push(floatLine(m.line())),
    G: (m) => m.push(m.float()),
    X: (m) => m.push(m.text(m.unsigned(4))),
    "\x8c": (m) => m.push(m.text(m.unsigned(1))),
    "\x8d": (m) => m.push(m.text(m.long())),
    U: (m) => m.push(m.text(m.unsigned(1))),
    T: (m) => m.push(m.text(m.unsigned(4))),
    B: (m) => m.push(m.data(m.unsigned(4))),
    C: (m) => m.push(m.data(m.unsigned(1))),
    "\x8e": (m) => m.push(m.data(m.long())),
    "]": (m) => m.push([]),
    l: (m) => m.push(m.popToMark()),
    a: (m) => m.append([m.pop()]),
    e: (m) => m.append(m.popToMark()),
    ")": (m) => m.push(new PickledTuple([])),
    t: (m) => m.push(new PickledTuple(m.popToMark())),
    "\x85": (m) => tuple(m, 1),
    "\x86": (m) => tuple(m, 2),
    "\x87": (m) => tuple(m, 3),
    "}": (m) => m.push(new Map()),
    d: (m) => {
      const items = m.popToMark();
      m.push(new Map());
      m.setItems(items);
    },
    s: (m) => {
      const [value, key] = [m.pop(), m.pop()];
      m.setItems([key, value]);
    },
    u: (m) => m.setItems(m.popToMark()),
    c: name,
    "\x93": stackName,
    R: (m) => m.reduce(),
    "\x81": (m) => m.newObject(),
    b: (m) => m.build(),
    Q: (m) => m.persistent(),
    p: (m) => m.keep(numberOf(m.line())),
    q: (m) => m.keep(m.unsigned(1)),
    r: (m) => m.keep(m.unsigned(4)),
    "\x94": (m) => m.memoize(),
    g: (m) => m.recall(numberOf(m.line())),
    h: (m) => m.recall(m.unsigned(1)),
    j: (m) => m.recall(m.unsigned(4)),
  }),
);
