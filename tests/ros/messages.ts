// Messages with numbers, made here as peer.py makes them, and what of them is compared.
import { createHash } from "node:crypto";
import { Definitions, layoutOf, messageReader, messageWriter } from "../../nodes/index.ts";
import type { Told } from "./peer.ts";

/** A type of which messages are sent: how one is made, and what of it is compared. */
export interface Kind {
  readonly type: string;
  made(number: number): Uint8Array;
  told(bytes: Uint8Array): Told;
}

/** Reads and writes a type's messages as plain objects. */
export function codec<M extends object>(type: string, definitions = Definitions.common) {
  const layout = layoutOf(type, definitions);
  const [read, write] = [messageReader(layout), messageWriter(layout)];
  return { read: (bytes: Uint8Array): M => read(bytes) as M, write: (message: object): Uint8Array => write(message) };
}

const hash = (...parts: readonly (string | Uint8Array)[]): string => {
  const sum = createHash("sha256");
  for (const each of parts) sum.update(each);
  return sum.digest("hex");
};

const header = (number: number) => ({ stamp: { sec: 0, nanosec: 0 }, frame_id: String(number) });

interface Headed {
  readonly header: { readonly frame_id: string };
}

const text = codec<{ readonly data: string }>("std_msgs/msg/String");
const joints = codec<Headed & { readonly name: string[]; readonly position: Float64Array }>(
  "sensor_msgs/msg/JointState",
);
const picture = codec<Headed & { readonly data: Uint8Array }>("sensor_msgs/msg/Image");

/** Pictures of a megabyte, nightly of eight. */
const rows = process.env.ISOCHRON_NIGHTLY === "1" ? 8192 : 1024;

/** A picture's bytes, which differ from number to number. */
function pattern(number: number): Uint8Array {
  const bytes = new Uint8Array(rows * 1024);
  for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 31 + number) % 251;
  return bytes;
}

/** A text, a joint's state and a picture. */
export const kinds: readonly Kind[] = [
  {
    type: "std_msgs/msg/String",
    made: (number) => text.write({ data: `${number}:${"x".repeat(number * 7)}` }),
    told: (bytes) => {
      const { data } = text.read(bytes);
      return [Number.parseInt(data, 10), hash(data)];
    },
  },
  {
    type: "sensor_msgs/msg/JointState",
    made: (number) => {
      const joints_ = Array.from({ length: 7 }, (_, at) => at);
      return joints.write({
        header: header(number),
        name: joints_.map((at) => `joint_${at}`),
        position: joints_.map((at) => number + at / 8),
      });
    },
    told: (bytes) => {
      const message = joints.read(bytes);
      const positions = Float64Array.from(message.position);
      return [Number(message.header.frame_id), hash(message.name.join(","), new Uint8Array(positions.buffer))];
    },
  },
  {
    type: "sensor_msgs/msg/Image",
    made: (number) =>
      picture.write({
        header: header(number),
        height: rows,
        width: 1024,
        step: 1024,
        encoding: "mono8",
        data: pattern(number),
      }),
    told: (bytes) => {
      const message = picture.read(bytes);
      return [Number(message.header.frame_id), hash(message.data)];
    },
  },
];
