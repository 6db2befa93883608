// Topics that go as datagrams, one message each, between a live run's own threads and the network: no JavaScript is on the way.
import { callNative, IsochronError } from "../kernels/index.ts";
import type { ApplicationDescription, LiveExecutive } from "../sim/index.ts";

/** Addresses by topic: `udp://127.0.0.1:7400`, `unix:///run/robot.sock`. An input is received there, an output is sent there. */
export type Datagrams = Readonly<Record<string, string>>;

/** Refuses topics that are neither inputs nor outputs. Throws `datagram/topic`. */
export function checkDatagrams(datagrams: Datagrams, { inputs, outputs }: ApplicationDescription): void {
  const known = [...inputs, ...outputs].map(({ topic }) => topic);
  const unknown = Object.keys(datagrams).find((topic) => !known.includes(topic));
  if (unknown === undefined) return;
  throw new IsochronError("datagram/topic", `there is no input and no output "${unknown}" to go as datagrams`, {
    help: `the application has ${known.join(", ")}`,
  });
}

/** Binds and connects the addresses, before the run starts. Throws `datagram/address`, `datagram/receive`, `datagram/send`. */
export function connectDatagrams(
  executive: LiveExecutive,
  datagrams: Datagrams,
  { inputs, outputs }: ApplicationDescription,
): void {
  // A socket that is sent to must be bound before: it may be one of these.
  for (const { topic, channel } of inputs) {
    const address = datagrams[topic];
    if (address !== undefined) callNative(() => executive.receiveAt(channel, address));
  }
  for (const [output, { topic }] of outputs.entries()) {
    const address = datagrams[topic];
    if (address !== undefined) callNative(() => executive.sendTo(output, address));
  }
}

/** Topics and addresses as the command line gives them: TOPIC=ADDRESS. Throws `command/datagram`. */
export const datagramsIn = (texts: readonly string[]): Datagrams =>
  Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf("=");
      if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
      throw new IsochronError("command/datagram", `"${text}" is not TOPIC=ADDRESS`, {
        help: "for example --datagram /imu=udp://0.0.0.0:7400",
      });
    }),
  );
