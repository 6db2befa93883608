// Messages as values: reads CDR by a layout, with the checks and the errors of the codec that feeds the executive.
import { type Arithmetic, bytesOf, IsochronError } from "../../kernels/index.ts";
import { type Layout, placeholder } from "./layout.ts";
import { fullTypeName } from "./names.ts";

/** Reads a message. Throws `codec/header`, `codec/truncated`, `codec/length`. */
export type MessageReader = (bytes: Uint8Array) => unknown;

const headerBytes = 4;

/** A place in a message's bytes. */
interface Cursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly little: boolean;
  at: number;
}

type Read = (cursor: Cursor) => unknown;

/**
 * The reader of messages of a layout. Values are as `isochron messages` types them: typed arrays for lists of numbers,
 * bigint for 64 bits, `{ sec, nanosec }` for times. Bytes behind the last field are passed over.
 *
 * Throws `message/unsupported-field` for lists whose elements have no bytes.
 */
export function messageReader(layout: Layout): MessageReader {
  const type = fullTypeName(layout.type);
  const read = new Readers(type).of(layout, "");
  return (bytes) => {
    if (bytes.length < headerBytes) throw truncated(type, "header", bytes.length);
    const [first, second] = bytes;
    if (first !== 0 || second! > 1) throw wrongHeader(type, bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return read({ bytes, view, little: second === 1, at: headerBytes });
  };
}

const truncated = (type: string, path: string, length: number): IsochronError =>
  new IsochronError("codec/truncated", `${type}.${path}: the message ends after ${length} bytes`);

function wrongHeader(type: string, bytes: Uint8Array): IsochronError {
  const header = Array.from(bytes.subarray(0, headerBytes), (byte) => byte.toString(16).padStart(2, "0")).join(", ");
  return new IsochronError("codec/header", `${type}: the encapsulation header is [${header}], not CDR`, {
    help: "the sender must use XCDR1 (00 01 or 00 00)",
  });
}

const wrongLength = (type: string, path: string, found: string, expected: string): IsochronError =>
  new IsochronError("codec/length", `${type}.${path} has ${found}, its type takes ${expected}`, {
    help: "make the sender and the definition agree",
  });

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Makes the readers of a message's parts, each of which knows its path. */
class Readers {
  readonly #type: string;

  constructor(type: string) {
    this.#type = type;
  }

  of(layout: Layout, path: string): Read {
    switch (layout.kind) {
      case "struct":
        return this.#struct(layout, path);
      case "number":
        return this.#number(layout.dtype, path);
      case "string":
        return layout.wide ? this.#wideString(layout.most, path) : this.#string(layout.most, path);
      case "time": {
        const [sec, nanosec] = [this.#number("i32", path), this.#number("u32", path)];
        return (cursor) => ({ sec: sec(cursor), nanosec: nanosec(cursor) });
      }
      case "list":
        return layout.element.kind === "number"
          ? this.#numbers(layout, layout.element.dtype, path)
          : this.#list(layout, path);
    }
  }

  #struct(layout: Layout & { readonly kind: "struct" }, path: string): Read {
    const [only] = layout.fields;
    if (only === placeholder) {
      const read = this.of(placeholder.layout, join(path, placeholder.name));
      return (cursor) => {
        read(cursor);
        return {};
      };
    }
    const fields = layout.fields.map(({ name, layout: field }) => ({ name, read: this.of(field, join(path, name)) }));
    return (cursor) => {
      const value: Record<string, unknown> = {};
      for (const { name, read } of fields) value[name] = read(cursor);
      return value;
    };
  }

  #number(dtype: Arithmetic, path: string): Read {
    const size = bytesOf(dtype);
    const get = getters[dtype];
    return (cursor) => get(cursor.view, this.#take(cursor, 1, size, path), cursor.little);
  }

  /** Passes over `count` numbers, which are aligned if there are any; where they begin. */
  #take(cursor: Cursor, count: number, size: number, path: string): number {
    if (count === 0) return cursor.at;
    const start = headerBytes + Math.ceil((cursor.at - headerBytes) / size) * size;
    if (start + count * size > cursor.bytes.length) throw truncated(this.#type, path, cursor.bytes.length);
    cursor.at = start + count * size;
    return start;
  }

  #length(cursor: Cursor, path: string): number {
    return cursor.view.getUint32(this.#take(cursor, 1, 4, path), cursor.little);
  }

  #string(most: number | undefined, path: string): Read {
    return (cursor) => {
      const length = this.#length(cursor, path);
      const start = this.#take(cursor, length, 1, path);
      // Some writers leave out the zero at the end, of an empty text or of any.
      const end = length > 0 && cursor.bytes[start + length - 1] === 0 ? start + length - 1 : start + length;
      if (most !== undefined && end - start > most) {
        throw wrongLength(this.#type, path, `${end - start} bytes`, `at most ${most}`);
      }
      return utf8.decode(cursor.bytes.subarray(start, end));
    };
  }

  /** As ROS 2 Humble writes them: four bytes a character, no zero at the end. */
  #wideString(most: number | undefined, path: string): Read {
    return (cursor) => {
      const length = this.#length(cursor, path);
      const start = this.#take(cursor, length * 4, 1, path);
      if (most !== undefined && length > most) {
        throw wrongLength(this.#type, path, `${length} characters`, `at most ${most}`);
      }
      let text = "";
      for (let at = 0; at < length; at++) {
        const code = cursor.view.getUint32(start + at * 4, cursor.little);
        const isCharacter = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        text += isCharacter ? String.fromCodePoint(code) : "\ufffd";
      }
      return text;
    };
  }

  /** How many elements a list has: what its type says, or what the message does. */
  #count({ length, most }: Layout & { readonly kind: "list" }, path: string): (cursor: Cursor) => number {
    if (length !== undefined) return () => length;
    return (cursor) => {
      const found = this.#length(cursor, path);
      if (most !== undefined && found > most) {
        throw wrongLength(this.#type, path, `${found} elements`, `at most ${most}`);
      }
      return found;
    };
  }

  #numbers(list: Layout & { readonly kind: "list" }, dtype: Arithmetic, path: string): Read {
    const size = bytesOf(dtype);
    const count = this.#count(list, path);
    return (cursor) => {
      const length = count(cursor);
      const start = this.#take(cursor, length, size, path);
      return arrays[dtype](cursor, start, length);
    };
  }

  #list(list: Layout & { readonly kind: "list" }, path: string): Read {
    const { element } = list;
    if (fewestBytes(element) === 0) {
      throw new IsochronError(
        "message/unsupported-field",
        `${this.#type}.${path} is a list of elements without bytes`,
        {
          help: "nothing but the sender says how long such a list is; leave the field out",
        },
      );
    }
    const count = this.#count(list, path);
    const read = this.of(element, `${path}[*]`);
    return (cursor) => {
      const length = count(cursor);
      const values: unknown[] = [];
      // Every element takes bytes, so that a false count ends where the message does.
      for (let at = 0; at < length; at++) values.push(read(cursor));
      return values;
    };
  }
}

const join = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

/** The fewest bytes that a part of a message has. */
function fewestBytes(layout: Layout): number {
  switch (layout.kind) {
    case "number":
      return bytesOf(layout.dtype);
    case "string":
      return 4;
    case "time":
      return 8;
    case "struct":
      return layout.fields.reduce((sum, field) => sum + fewestBytes(field.layout), 0);
    case "list":
      return layout.length === undefined ? 4 : layout.length * fewestBytes(layout.element);
  }
}

type Getter = (view: DataView, at: number, little: boolean) => number | bigint | boolean;

const getters: { readonly [d in Arithmetic]: Getter } = {
  bool: (view, at) => view.getUint8(at) !== 0,
  i8: (view, at) => view.getInt8(at),
  u8: (view, at) => view.getUint8(at),
  i16: (view, at, little) => view.getInt16(at, little),
  u16: (view, at, little) => view.getUint16(at, little),
  i32: (view, at, little) => view.getInt32(at, little),
  u32: (view, at, little) => view.getUint32(at, little),
  i64: (view, at, little) => view.getBigInt64(at, little),
  u64: (view, at, little) => view.getBigUint64(at, little),
  f32: (view, at, little) => view.getFloat32(at, little),
  f64: (view, at, little) => view.getFloat64(at, little),
};

type ArrayReader = (cursor: Cursor, start: number, length: number) => unknown;

interface TypedArrayType {
  new (buffer: ArrayBuffer): ArrayBufferView;
}

/** Numbers as an array of their own, in this machine's byte order, which is little-endian. */
const typed =
  (Type: TypedArrayType, size: number): ArrayReader =>
  ({ bytes, little }, start, length) => {
    const copy = bytes.slice(start, start + length * size);
    // Of a Buffer, `slice` would give a view.
    const own = copy.buffer === bytes.buffer ? Uint8Array.from(copy) : copy;
    if (!little) for (let at = 0; at < own.length; at += size) own.subarray(at, at + size).reverse();
    return new Type(own.buffer as ArrayBuffer);
  };

const arrays: { readonly [d in Arithmetic]: ArrayReader } = {
  bool: ({ bytes }, start, length) => Array.from(bytes.subarray(start, start + length), (byte) => byte !== 0),
  // Bytes are the greatest part of most messages, and are not copied.
  u8: ({ bytes }, start, length) => new Uint8Array(bytes.buffer, bytes.byteOffset + start, length),
  i8: ({ bytes }, start, length) => new Int8Array(bytes.buffer, bytes.byteOffset + start, length),
  i16: typed(Int16Array, 2),
  u16: typed(Uint16Array, 2),
  i32: typed(Int32Array, 4),
  u32: typed(Uint32Array, 4),
  i64: typed(BigInt64Array, 8),
  u64: typed(BigUint64Array, 8),
  f32: typed(Float32Array, 4),
  f64: typed(Float64Array, 8),
};
