// A log cut at any byte: one clear error, or a counted recovery that delivers what was written up to the cut.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { IsochronError } from "../../kernels/index.ts";
import { type Log, type LogMessage, openLog } from "./index.ts";
import { forms, type MadeMessage, madeLog, saved } from "./testing/made-logs.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-cuts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const types = { "/a": "std_msgs/msg/String", "/b": "std_msgs/msg/String" };
const messages: MadeMessage[] = [...Array(9).keys()].map((at) => ({
  topic: at % 2 === 0 ? "/a" : "/b",
  timeNs: BigInt(at),
  sequence: at,
  bytes: Buffer.from(`\u0000\u0001\u0000\u0000\u0009\u0000\u0000\u0000number ${at}\u0000`),
}));

/** Whether a message is what was written; a hundred thousand are compared, for each of which `expect` would take long. */
const isWritten = (found: LogMessage, sent: MadeMessage | undefined): boolean =>
  found.topic === sent?.topic &&
  found.timeNs === sent.timeNs &&
  found.sequence === sent.sequence &&
  Buffer.from(found.bytes).equals(sent.bytes);

/** How many messages a log delivers, each checked to be what was written there. */
async function delivered(log: Log): Promise<number> {
  let count = 0;
  for await (const found of log.messages({ by: "log" }))
    if (!isWritten(found, messages[count++])) expect(found).toEqual(messages[count - 1]);
  return count;
}

describe.each(Object.entries(forms))("a log with %s", (name, form) => {
  it("that is cut at any byte is an error, or says so and delivers the messages before the cut", async () => {
    const bytes = await madeLog(messages, form, types);
    const path = join(folder, `${name}.mcap`);
    let most = 0;
    for (let cut = 0; cut < bytes.length; cut++) {
      saved(path, bytes.subarray(0, cut));
      let log: Log;
      try {
        log = await openLog(path);
      } catch (error) {
        expect(error).toBeInstanceOf(IsochronError);
        expect(cut, `${cut}: ${String(error)}`).toBeLessThan(8);
        continue;
      }
      const found = await delivered(log);
      // What is missing is said, and a longer file holds no less.
      expect(log.recovered, `cut at ${cut}`).toBeDefined();
      expect(log.recovered!.messages).toBe(found);
      expect(log.recovered!.at).toBeLessThanOrEqual(cut);
      expect(log.recovered!.why).not.toBe("");
      expect(found).toBeGreaterThanOrEqual(most);
      most = found;
    }
    expect(most).toBe(messages.length);
  });

  it("that ends in zeros where the disk had no more is delivered up to them", async () => {
    const bytes = await madeLog(messages, form, types);
    const path = join(folder, `${name}-zeros.mcap`);
    let most = 0;
    for (let cut = 8; cut < bytes.length; cut += 7) {
      saved(path, Buffer.concat([bytes.subarray(0, cut), Buffer.alloc(600)]));
      const log = await openLog(path);
      expect(log.recovered, `zeros from ${cut}`).toBeDefined();
      most = Math.max(most, await delivered(log));
    }
    expect(most).toBe(messages.length);
  });

  it("with any byte changed ends in an error, or delivers nothing but what was written", async () => {
    const bytes = await madeLog(messages, form, types);
    const path = join(folder, `${name}-changed.mcap`);
    const rounds = process.env.ISOCHRON_NIGHTLY ? 20_000 : 300;
    for (let round = 0; round < rounds; round++) {
      const changed = Uint8Array.from(bytes);
      // A step that is prime to most lengths reaches every part of the file, and other bytes in each round.
      changed[8 + ((round * 7919) % (bytes.length - 8))]! ^= 1 + (round % 255);
      saved(path, changed);
      try {
        const log = await openLog(path);
        for await (const found of log.messages({ by: "log" }))
          if (!isWritten(found, messages[found.sequence]))
            expect(found, `byte changed in round ${round}`).toEqual(messages[found.sequence]);
      } catch (error) {
        if (!(error instanceof IsochronError)) throw error;
      }
    }
  });
});
