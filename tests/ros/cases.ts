// What is tested beside a real ROS 2, in the one process that has its environment.
import { openTransport, type Transport } from "../../nodes/index.ts";
import { contract } from "../../nodes/middleware/testing/contract.ts";
import { applicationCases } from "./application-cases.ts";
import { argumentCases } from "./argument-cases.ts";
import { exampleCases } from "./example-cases.ts";
import { frameCases } from "./frame-cases.ts";
import { Peer } from "./peer.ts";
import { peerCases } from "./peer-cases.ts";
import { refusalCases } from "./refusal-cases.ts";
import { soakCases } from "./soak-cases.ts";

/** One test. */
export interface RosCase {
  readonly name: string;
  run(): Promise<void>;
}

/** What is opened once for all cases. */
export interface Opened {
  readonly one: Transport;
  readonly other: Transport;
  readonly peer: Peer;
  /** Opens one more node. */
  open(): Promise<Transport>;
}

let opened: Promise<Opened> | undefined;
let nodes = 0;

const open = (): Promise<Transport> => openTransport("rclnodejs", { name: `isochron_${nodes++}`, namespace: "/tests" });

const all = (): Promise<Opened> => {
  opened ??= (async () => {
    const [peer, one, other] = await Promise.all([Peer.start(), open(), open()]);
    return { one, other, peer, open };
  })();
  return opened;
};

/** What rclnodejs cannot do is told of by name when it is asked for. */
const abilities = {
  tells: ["incompatible-quality", "incompatible-type", "matched"],
  keeps: true,
  calls: true,
} as const;

const inContract: readonly RosCase[] = contract
  .filter(({ applies }) => applies(abilities))
  .map(({ name, run }) => ({
    name: `the rclnodejs transport ${name}`,
    run: async () => run(await all()),
  }));

/** All cases, by names of their own. */
export const cases: readonly RosCase[] = [
  ...inContract,
  ...[
    ...peerCases,
    ...refusalCases,
    ...argumentCases,
    ...applicationCases,
    ...frameCases,
    ...exampleCases,
    ...soakCases,
  ].map(({ name, run }) => ({
    name,
    run: async () => run(await all()),
  })),
];

/** Closes what was opened. */
export async function end(): Promise<void> {
  const found = await opened?.catch(() => undefined);
  await Promise.all([found?.one.close(), found?.other.close(), found?.peer.close()]);
}
