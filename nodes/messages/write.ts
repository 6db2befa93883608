// Messages from values: writes CDR by a layout, as `read.ts` and the executive's codec read it.
import { type Arithmetic, bytesOf, IsochronError, typedArrays } from "../../kernels/index.ts";
import { type Layout, placeholder } from "./layout.ts";
import type { Literal } from "./literal.ts";
import { fullTypeName } from "./names.ts";

/** Writes a message. Throws `message/field` where a list has another length than its type. */
export type MessageWriter = (message: object) => Uint8Array;

const headerBytes = 4;

/** Bytes that grow. */
class Sink {
  #bytes = new Uint8Array(256);
  view = new DataView(this.#bytes.buffer);
  #end = headerBytes;

  constructor() {
    this.#bytes[1] = 1;
  }

  /** Makes room for `count` numbers, aligned if there are any; where they begin. */
  room(count: number, size: number): number {
    if (count === 0) return this.#end;
    const start = headerBytes + Math.ceil((this.#end - headerBytes) / size) * size;
    this.#end = start + count * size;
    if (this.#end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#end, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    return start;
  }

  length(count: number): void {
    const at = this.room(1, 4);
    this.view.setUint32(at, count, true);
  }

  set(bytes: Uint8Array, at: number): void {
    this.#bytes.set(bytes, at);
  }

  finish = (): Uint8Array => this.#bytes.slice(0, this.#end);
}

type Write = (sink: Sink, value: unknown) => void;

/**
 * The writer of messages of a layout, little-endian. Fields that a message lacks have their definition's default; values are
 * taken as `isochron messages` types them, lists as arrays of any kind.
 */
export function messageWriter(layout: Layout): MessageWriter {
  const write = new Writers(fullTypeName(layout.type)).of(layout, "");
  return (message) => {
    const sink = new Sink();
    write(sink, message);
    return sink.finish();
  };
}

/** Makes the writers of a message's parts, each of which knows its path. */
class Writers {
  readonly #type: string;

  constructor(type: string) {
    this.#type = type;
  }

  of(layout: Layout, path: string): Write {
    switch (layout.kind) {
      case "struct": {
        const fields = layout.fields.map(({ name, layout: field }) => ({
          name,
          write: this.of(field, path === "" ? name : `${path}.${name}`),
        }));
        if (layout.fields[0] === placeholder) return (sink) => fields[0]!.write(sink, 0);
        return (sink, value) => {
          const given = (value ?? {}) as Readonly<Record<string, unknown>>;
          for (const { name, write } of fields) write(sink, given[name]);
        };
      }
      case "number":
        return number(layout.dtype, layout.initial);
      case "string":
        return layout.wide ? wideString(layout.initial) : string(layout.initial);
      case "time": {
        const [seconds, nanoseconds] = [number("i32", 0), number("u32", 0)];
        return (sink, value) => {
          const { sec, nanosec } = (value ?? {}) as { readonly sec?: unknown; readonly nanosec?: unknown };
          seconds(sink, sec);
          nanoseconds(sink, nanosec);
        };
      }
      case "list":
        return this.#list(layout, path);
    }
  }

  #list({ element, length, initial }: Layout & { readonly kind: "list" }, path: string): Write {
    const write = this.of(element, `${path}[*]`);
    const dtype = element.kind === "number" ? element.dtype : undefined;
    return (sink, value) => {
      const given = (value ?? initial ?? Array.from({ length: length ?? 0 })) as ArrayLike<unknown>;
      if (length === undefined) sink.length(given.length);
      else if (given.length !== length) {
        throw new IsochronError("message/field", `${this.#type}.${path} has ${length} elements, not ${given.length}`, {
          help: "an array of fixed length is given whole, or left out",
        });
      }
      // Bytes of a bool may be other than 0 and 1: those are written one by one.
      if (dtype !== undefined && dtype !== "bool" && given instanceof typedArrays[dtype]) {
        const bytes = new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
        const at = sink.room(given.length, bytesOf(dtype));
        sink.set(bytes, at);
        return;
      }
      for (let at = 0; at < given.length; at++) write(sink, given[at]);
    };
  }
}

type Setter = (view: DataView, at: number, value: Literal) => void;

const setters: { readonly [d in Arithmetic]: Setter } = {
  bool: (view, at, value) => view.setUint8(at, value ? 1 : 0),
  i8: (view, at, value) => view.setInt8(at, Number(value)),
  u8: (view, at, value) => view.setUint8(at, Number(value)),
  i16: (view, at, value) => view.setInt16(at, Number(value), true),
  u16: (view, at, value) => view.setUint16(at, Number(value), true),
  i32: (view, at, value) => view.setInt32(at, Number(value), true),
  u32: (view, at, value) => view.setUint32(at, Number(value), true),
  i64: (view, at, value) => view.setBigInt64(at, BigInt(value), true),
  u64: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
  f32: (view, at, value) => view.setFloat32(at, Number(value), true),
  f64: (view, at, value) => view.setFloat64(at, Number(value), true),
};

function number(dtype: Arithmetic, initial: Literal): Write {
  const [set, size] = [setters[dtype], bytesOf(dtype)];
  return (sink, value) => {
    const at = sink.room(1, size);
    set(sink.view, at, (value ?? initial) as Literal);
  };
}

const utf8 = new TextEncoder();

const string =
  (initial: string): Write =>
  (sink, value) => {
    const bytes = utf8.encode(String(value ?? initial));
    sink.length(bytes.length + 1);
    const at = sink.room(bytes.length + 1, 1);
    sink.set(bytes, at);
  };

/** As ROS 2 Humble writes them: four bytes a character, no zero at the end. */
const wideString =
  (initial: string): Write =>
  (sink, value) => {
    const characters = Array.from(String(value ?? initial), (character) => character.codePointAt(0)!);
    sink.length(characters.length);
    const at = sink.room(characters.length * 4, 1);
    characters.forEach((code, index) => {
      sink.view.setUint32(at + index * 4, code >= 0xd800 && code <= 0xdfff ? 0xfffd : code, true);
    });
  };
