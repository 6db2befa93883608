// Brings messages into the order of their times, where they do not lie in it already.
import { IsochronError } from "../../kernels/index.ts";
import type { LogMessage, MessageQuery } from "./log.ts";

/** The order of times. */
export const earlierFirst = (one: bigint, other: bigint): number => (one < other ? -1 : one > other ? 1 : 0);

/** The first and last of several spans of time; both 0 where there is none. */
export function spanOf(spans: readonly { readonly startNs: bigint; readonly endNs: bigint }[]): [bigint, bigint] {
  const starts = spans.map(({ startNs }) => startNs).sort(earlierFirst);
  const ends = spans.map(({ endNs }) => endNs).sort(earlierFirst);
  return [starts[0] ?? 0n, ends.at(-1) ?? 0n];
}

/** What messages that are not in order may take in memory, to be sorted. */
export const mostSortedBytes = 2 ** 30;

/**
 * The messages of `written`, which begins anew at each call, in the order of their times; those of equal time in the order in
 * which they come. Where it is not known whether they are `inOrder`, they are gone through once more.
 *
 * Memory: nothing where they are in order; all that are chosen where they are not (`log/too-large` beyond `mostSortedBytes`).
 */
export async function* inOrderOfTime(
  path: string,
  written: () => AsyncGenerator<LogMessage>,
  { from, to }: Pick<MessageQuery, "from" | "to">,
  inOrder: boolean | undefined,
): AsyncGenerator<LogMessage> {
  const chosen = ({ timeNs }: LogMessage) =>
    (from === undefined || timeNs >= from) && (to === undefined || timeNs <= to);
  if (inOrder ?? (await areInOrder(written()))) {
    for await (const message of written()) {
      if (to !== undefined && message.timeNs > to) return;
      if (chosen(message)) yield message;
    }
    return;
  }
  const kept: LogMessage[] = [];
  let bytes = 0;
  for await (const message of written()) {
    if (!chosen(message)) continue;
    kept.push(message);
    bytes += message.bytes.length;
    if (bytes > mostSortedBytes) throw tooLarge(path);
  }
  // Sorting is stable, so that equal times keep the order of the file.
  kept.sort((one, other) => earlierFirst(one.timeNs, other.timeNs));
  yield* kept;
}

async function areInOrder(messages: AsyncGenerator<LogMessage>): Promise<boolean> {
  let before: bigint | undefined;
  for await (const { timeNs } of messages) {
    if (before !== undefined && timeNs < before) return false;
    before = timeNs;
  }
  return true;
}

const tooLarge = (path: string): IsochronError =>
  new IsochronError("log/too-large", `${path} has too much out of order to be sorted in memory`, {
    details: [`more than ${mostSortedBytes / 2 ** 20} MiB of messages would have to be held`],
    help: "sort it once: mcap sort FILE -o OTHER; or take fewer topics or a shorter time",
  });
