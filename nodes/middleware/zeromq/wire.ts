// What goes over the wire between nodes of ZeroMQ: the frames of a message, and what nodes say of themselves.
import { z } from "zod";
import { qualityOfService } from "../quality-of-service.ts";

const end = z.object({
  id: z.string(),
  kind: z.enum(["publication", "subscription"]),
  topic: z.string(),
  type: z.string(),
  quality: qualityOfService,
});

/** One end of a topic, as its node tells others of it. */
export type RemoteEnd = z.infer<typeof end>;

/** What a node says of itself, again whenever that changes, and now and then. */
export const announcement = z.object({
  node: z.string().min(1),
  name: z.string().default(""),
  /** Where it publishes; without one it publishes nothing. */
  data: z.string().optional(),
  /** Where it answers; without one it is only told. */
  graph: z.string().optional(),
  ends: z.array(end).default([]),
  /** Where the other nodes that it knows answer. */
  others: z.array(z.string()).default([]),
  /** Set where it ends. */
  leaves: z.boolean().default(false),
});

export type Announcement = z.infer<typeof announcement>;

/** What stands in the third frame of a message. */
export interface Tag {
  /** When it was sent by the sender's clock, nanoseconds since 1970. */
  readonly sentNs: bigint;
  /** Counts the messages of a publication from 0. */
  readonly sequence: number;
  /** The publication. */
  readonly id: string;
}

const fixedBytes = 16;

/** Two integers of 64 bits, little-endian, then the publication's name. */
export function writeTag({ sentNs, sequence, id }: Tag): Buffer {
  const bytes = Buffer.alloc(fixedBytes + Buffer.byteLength(id));
  bytes.writeBigInt64LE(sentNs, 0);
  bytes.writeBigUInt64LE(BigInt(sequence), 8);
  bytes.write(id, fixedBytes);
  return bytes;
}

/** Undefined where the bytes are no tag. */
export function readTag(bytes: Buffer): Tag | undefined {
  if (bytes.length < fixedBytes) return undefined;
  return {
    sentNs: bytes.readBigInt64LE(0),
    sequence: Number(bytes.readBigUInt64LE(8)),
    id: bytes.toString("utf8", fixedBytes),
  };
}

/** What a subscription asks for besides its topic, last: who sees it knows that the topic has been asked for too. */
export const markerOf = (id: string): string => `@${id}`;
