// The transports that the command line knows by name; each is loaded where it is asked for.
import { z } from "zod";
import { checkArgument, didYouMean, IsochronError } from "../../kernels/index.ts";
import type { Transport } from "./transport.ts";

/** The node that a transport is to be. */
export interface NodeOptions {
  readonly name: string;
  /** `/` or `/arm`: what relative names begin with. */
  readonly namespace: string;
  /** What the middleware's own logging is told, as words of `--ros-args`: `--log-level`, `rcl:=warn`. */
  readonly logging?: readonly string[];
  /** What stands behind the colon of `zeromq:ARGUMENTS`; each transport says what it takes. */
  readonly arguments?: string;
}

/** Opens a transport. Throws `transport/missing` where what it needs is not installed. */
export type OpenTransport = (node: NodeOptions) => Promise<Transport>;

const transports: Readonly<Record<string, OpenTransport>> = {
  rclnodejs: async (node) => (await import("./rclnodejs/index.ts")).openRclnodejs(node),
  zeromq: async (node) => (await import("./zeromq/index.ts")).openZeromq(node),
};

/** Opens the transport that `NAME` or `NAME:ARGUMENTS` names. Throws `transport/unknown`, and what the transport throws. */
export async function openTransport(
  text: string,
  node: Omit<NodeOptions, "arguments">,
  known: Readonly<Record<string, OpenTransport>> = transports,
): Promise<Transport> {
  checkArgument("transport", "openTransport", "text", z.string().min(1).describe("NAME or NAME:ARGUMENTS"), text);
  const [name, rest] = /^([^:]*)(?::(.*))?$/s.exec(text)!.slice(1);
  const open = Object.hasOwn(known, name!) ? known[name!] : undefined;
  if (!open) {
    const names = Object.keys(known);
    throw new IsochronError("transport/unknown", `there is no transport "${name}"`, {
      help: didYouMean(name!, names, names.length === 0 ? "none is installed" : `there are ${names.join(", ")}`),
    });
  }
  return await open({ ...node, ...(rest === undefined ? {} : { arguments: rest }) });
}
