// Copies an MCAP file with changes, as somebody would who tampers with a recording and keeps its checksums right.
import { readFileSync, writeFileSync } from "node:fs";
import { McapStreamReader, McapWriter, type TypedMcapRecords } from "@mcap/core";

type Message = TypedMcapRecords["Message"];

/** What to change; a message becomes those that `message` returns, on the topics that they name, or on its own. */
export interface Changes {
  readonly message?: (topic: string, message: Message) => Changed | readonly Changed[] | undefined;
  readonly attachment?: (name: string, data: Uint8Array) => Uint8Array;
  /** Changes what the run says at its end. */
  readonly metadata?: (facts: Readonly<Record<string, string>>) => Readonly<Record<string, string>>;
}

/** A message, on another topic where it says so. */
export type Changed = Message & { readonly topic?: string };

/** A channel of a topic that the file did not have. */
const other = (topic: string) => ({ topic, schemaId: 0, messageEncoding: "cdr", metadata: new Map<string, string>() });

/** Copies `from` to `to` record by record. */
export async function rewrite(from: string, to: string, changes: Changes): Promise<void> {
  const reader = new McapStreamReader();
  reader.append(readFileSync(from));
  const written: Uint8Array[] = [];
  let position = 0n;
  const writer = new McapWriter({
    writable: {
      write: async (bytes) => {
        written.push(bytes.slice());
        position += BigInt(bytes.length);
      },
      position: () => position,
    },
  });
  const schemas = new Map<number, number>();
  const channels = new Map<number, { readonly id: number; readonly topic: string }>();
  // A second copy of schemas, channels and indexes follows the data; the writer makes its own.
  for (let record = reader.nextRecord(), data = true; record; record = reader.nextRecord()) {
    if (record.type === "DataEnd") data = false;
    else if (record.type === "Header") await writer.start(record);
    else if (!data) continue;
    else if (record.type === "Schema") schemas.set(record.id, await writer.registerSchema(record));
    else if (record.type === "Channel") {
      const id = await writer.registerChannel({ ...record, schemaId: schemas.get(record.schemaId) ?? 0 });
      channels.set(record.id, { id, topic: record.topic });
    } else if (record.type === "Message") {
      const channel = channels.get(record.channelId)!;
      const kept: Changed | readonly Changed[] = changes.message
        ? (changes.message(channel.topic, record) ?? [])
        : record;
      for (const { topic = channel.topic, ...message } of [kept].flat()) {
        const known = [...channels.values()].find((each) => each.topic === topic);
        const id = known?.id ?? (await writer.registerChannel(other(topic)));
        if (!known) channels.set(-1 - channels.size, { id, topic });
        await writer.addMessage({ ...message, channelId: id });
      }
    } else if (record.type === "Attachment") {
      const data = changes.attachment?.(record.name, record.data) ?? record.data;
      await writer.addAttachment({ ...record, data });
    } else if (record.type === "Metadata") {
      const facts = Object.fromEntries(record.metadata);
      const said = record.name === "isochron" ? (changes.metadata?.(facts) ?? facts) : facts;
      await writer.addMetadata({ ...record, metadata: new Map(Object.entries(said)) });
    }
  }
  await writer.end();
  writeFileSync(to, Buffer.concat(written));
}
