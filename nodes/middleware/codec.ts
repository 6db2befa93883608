// Reads and writes messages of one type as objects.
import type { Definitions } from "../messages/definitions.ts";
import { layoutOf } from "../messages/layout.ts";
import { messageReader } from "../messages/read.ts";
import { type MessageWriter, messageWriter } from "../messages/write.ts";

/** What reads and writes messages of a type. */
export interface Codec<M> {
  readonly read: (bytes: Uint8Array) => M;
  readonly write: MessageWriter;
}

/** The codec of a type. Throws `message/unknown-type`. */
export function codecOf<M = object>(type: string, definitions: Definitions): Codec<M> {
  const layout = layoutOf(type, definitions);
  const read = messageReader(layout);
  return { read: (bytes) => read(bytes) as M, write: messageWriter(layout) };
}
