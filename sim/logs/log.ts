// What a log is to those who read it, whatever files it lies in.
import { IsochronError } from "../../kernels/index.ts";
import type { LogTopic } from "./topics.ts";

/** A message as it was logged. */
export interface LogMessage {
  readonly topic: string;
  /** The time that was chosen: the log's, or the stamp in the message's header. */
  readonly timeNs: bigint;
  readonly logNs: bigint;
  /** When it was published, as its publisher or recorder says. */
  readonly publishNs: bigint;
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** How a log was recovered that its recorder did not finish, or that was cut. */
export interface Recovery {
  /** Bytes of the file that are whole. */
  readonly at: number;
  readonly why: string;
  /** Messages that could be read. */
  readonly messages: number;
}

/** Which messages, and in the order of which time. */
export interface MessageQuery {
  /** All where not given. */
  readonly topics?: readonly string[];
  /** The first and last time that count, both inclusive, of the chosen kind. */
  readonly from?: bigint;
  readonly to?: bigint;
  /** When the message was logged, or what its header says. */
  readonly by: "log" | "header";
}

/** What a log holds. */
export interface LogFacts {
  readonly topics: readonly LogTopic[];
  readonly messageCount: number;
  /** First and last log time; both 0 where there is no message. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** Set where the file is not whole: what could be read is delivered. */
  readonly recovered?: Recovery;
  /** The program that wrote it. */
  readonly library: string;
  /** Compressions of its chunks; empty where it has no index or no chunks. */
  readonly compressions: readonly string[];
}

/** A log: an MCAP file, a SQLite bag, or a bag's folder. */
export interface Log extends LogFacts {
  readonly path: string;

  /**
   * Messages in the order of their time, those of equal time in the order in which they were written.
   *
   * Memory: the chunks that overlap in time; where the file has no index, or the header's stamps count, and messages are
   * not in order already, all chosen messages (`log/too-large` beyond `mostSortedBytes`). Throws `log/missing-topic`,
   * `log/no-header`, `log/damaged`.
   */
  messages(query: MessageQuery): AsyncGenerator<LogMessage>;

  /** A topic by its name. Throws `log/missing-topic`, which lists those that are there. */
  topic(name: string): LogTopic;
}

/** The error of a file whose bytes are not what they should be. */
export const damaged = (path: string, why: string, cause?: unknown): IsochronError =>
  new IsochronError("log/damaged", `${path} is damaged: ${why}`, {
    help: path.endsWith(".db3")
      ? `sqlite3 ${path} .recover keeps what can be read`
      : "mcap recover FILE -o OTHER keeps what can be read",
    ...(cause === undefined ? {} : { cause }),
  });

/** The error of a message whose header cannot be read. */
export const noStamp = (path: string, topic: string, sequence: number): IsochronError =>
  damaged(path, `message ${sequence} on ${topic} is too short for a header, or not in plain CDR`);
