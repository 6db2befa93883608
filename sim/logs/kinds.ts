// What a file is, told by its first bytes; of one that is no log, the error says what to do with it.
import { IsochronError } from "../../kernels/index.ts";

/** The bytes that an MCAP file begins and ends with. */
export const magic: Uint8Array = Uint8Array.of(0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a);

interface Kind {
  readonly begins: Uint8Array;
  readonly name: string;
  readonly help: string;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

const kinds: readonly Kind[] = [
  {
    begins: text("#ROSBAG V"),
    name: "a ROS 1 bag",
    help: "convert it: mcap convert FILE.bag FILE.mcap",
  },
  {
    begins: Uint8Array.of(0x55, 0x4c, 0x6f, 0x67, 0x01, 0x12, 0x35),
    name: "a PX4 log (ULog)",
    help: "Isochron does not read ULog yet; convert it to MCAP",
  },
  { begins: text("PK\x03\x04"), name: "a ZIP archive", help: "unpack it, or name a log" },
  { begins: Uint8Array.of(0x1f, 0x8b), name: "a gzip archive", help: "unpack it first" },
];

const startsWith = (bytes: Uint8Array, begins: Uint8Array): boolean =>
  bytes.length >= begins.length && begins.every((byte, at) => bytes[at] === byte);

/** The kinds of files that are read. */
export type FileKind = "mcap" | "sqlite" | "zstd";

const read: { readonly [kind in FileKind]: Uint8Array } = {
  mcap: magic,
  sqlite: text("SQLite format 3\0"),
  zstd: Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd),
};

/** The kind of a file with these first bytes. Throws `log/empty`, `log/truncated` or `log/foreign` where it is none that is read. */
export function kindOfFile(path: string, first: Uint8Array): FileKind {
  for (const kind of ["mcap", "sqlite", "zstd"] as const) if (startsWith(first, read[kind])) return kind;
  if (first.length === 0) {
    throw new IsochronError("log/empty", `${path} is empty`, { help: "the recorder was stopped before it wrote" });
  }
  if (first.length < magic.length && startsWith(magic, first)) {
    throw new IsochronError("log/truncated", `${path} has only ${first.length} bytes, not even the mark of a log`, {
      help: "the recorder was stopped before it wrote",
    });
  }
  const kind = kinds.find(({ begins }) => startsWith(first, begins));
  const start = [...first.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  throw new IsochronError("log/foreign", `${path} is not a log: it is ${kind?.name ?? "another kind of file"}`, {
    details: kind ? [] : [`it begins ${start}`],
    help: kind?.help ?? "name an .mcap or .db3 file, or a bag's folder",
  });
}
