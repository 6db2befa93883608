// What a file that is not MCAP is, told by its first bytes, so that the error says what to do with it.
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
    begins: text("SQLite format 3\0"),
    name: "a SQLite database, such as rosbag2's .db3 bags",
    help: "Isochron does not read .db3 bags yet; convert it: ros2 bag convert, with storage_id: mcap",
  },
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
  { begins: text("PK\x03\x04"), name: "a ZIP archive", help: "unpack it, or name an .mcap file" },
  { begins: text("bag_file"), name: "a rosbag2 metadata file", help: "name the .mcap file beside it" },
  { begins: text("rosbag2_bagfile"), name: "a rosbag2 metadata file", help: "name the .mcap file beside it" },
  { begins: Uint8Array.of(0x1f, 0x8b), name: "a gzip archive", help: "unpack it first" },
  { begins: Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd), name: "a zstd archive", help: "unpack it first: unzstd FILE" },
];

const startsWith = (bytes: Uint8Array, begins: Uint8Array): boolean =>
  bytes.length >= begins.length && begins.every((byte, at) => bytes[at] === byte);

/** Throws `log/empty`, `log/truncated` or `log/foreign` unless these first bytes are an MCAP file's. */
export function checkKind(path: string, first: Uint8Array): void {
  if (startsWith(first, magic)) return;
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
  throw new IsochronError("log/foreign", `${path} is not an MCAP log: it is ${kind?.name ?? "another kind of file"}`, {
    details: kind ? [] : [`it begins ${start}`],
    help: kind?.help ?? "name an .mcap file",
  });
}
