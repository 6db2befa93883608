// What stands behind `zeromq:` at the command line: where nodes meet, and options.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { didYouMean, IsochronError } from "../../../kernels/index.ts";

/** How a node of ZeroMQ meets others. */
export interface ZeromqAddress {
  /** Where nodes meet: the first one listens there, later ones ask it for the others. */
  readonly meeting: string;
  /** Where this node listens otherwise. */
  readonly listen: string;
  /** Messages that wait in a socket for one that is slow; what comes then is dropped, and counted. */
  readonly highWaterMark: number;
  /** The key pair that all nodes share; without one nothing is encrypted. */
  readonly keys?: { readonly publicKey: string; readonly secretKey: string };
}

const options = ["listen", "high-water-mark", "curve"];

const wrong = (why: string, cause?: unknown): IsochronError =>
  new IsochronError("transport/address", `zeromq: ${why}`, {
    help: "zeromq:tcp://HOST:PORT, then options: ,listen=tcp://HOST:* ,high-water-mark=COUNT ,curve=FILE",
    cause,
  });

const keyPair = z.object({ publicKey: z.string().length(40), secretKey: z.string().length(40) });

function readKeys(file: string): ZeromqAddress["keys"] {
  try {
    return keyPair.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    throw wrong(`${file} is no pair of keys: { "publicKey": …, "secretKey": … }, 40 characters each`, cause);
  }
}

/** Parses an address. Throws `transport/address`. */
export function parseAddress(text: string | undefined): ZeromqAddress {
  const [meeting = "", ...rest] = (text || "tcp://127.0.0.1:7447").split(",");
  if (!/^tcp:\/\/.+:\d+$/.test(meeting)) throw wrong(`"${meeting}" is no place to meet`);
  const given = new Map<string, string>();
  for (const each of rest) {
    const [, name, value] = /^([^=]*)=(.*)$/.exec(each) ?? [];
    if (name === undefined || !options.includes(name))
      throw wrong(
        `there is no option "${each}"; ${didYouMean(name ?? each, options, `there are ${options.join(", ")}`)}`,
      );
    given.set(name, value!);
  }
  const highWaterMark = Number(given.get("high-water-mark") ?? 1000);
  if (!Number.isInteger(highWaterMark) || highWaterMark < 1) throw wrong("high-water-mark is a whole number above 0");
  const file = given.get("curve");
  const keys = file === undefined ? undefined : readKeys(file);
  return {
    meeting,
    listen: given.get("listen") ?? "tcp://127.0.0.1:*",
    highWaterMark,
    ...(keys === undefined ? {} : { keys }),
  };
}
