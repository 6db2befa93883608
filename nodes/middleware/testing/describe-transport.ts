// Holds a transport to the contract, as a suite of tests: each transport's own test file calls it.
import { afterAll, beforeAll, describe, it } from "vitest";
import type { Transport } from "../transport.ts";
import { type Abilities, contract } from "./contract.ts";

/** How the suite gets nodes of a transport. */
export interface TransportUnderTest extends Abilities {
  /** Opens a node that reaches the others. */
  open(): Promise<Transport>;
}

/** Holds a transport to the contract. */
export function describeTransport(name: string, under: TransportUnderTest): void {
  describe(`the ${name} transport`, () => {
    let [one, other]: Transport[] = [];
    beforeAll(async () => {
      [one, other] = await Promise.all([under.open(), under.open()]);
    });
    afterAll(async () => {
      await Promise.all([one?.close(), other?.close()]);
    });
    for (const { name: what, applies, run } of contract) {
      it.skipIf(!applies(under))(what, () => run({ one: one!, other: other!, open: () => under.open() }));
    }
  });
}
