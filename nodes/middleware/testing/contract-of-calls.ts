// What every transport with services and actions must do, as cases like those of the contract.
import assert from "node:assert/strict";
import { Definitions } from "../../messages/index.ts";
import { partsOf } from "../actions.ts";
import { codecOf } from "../codec.ts";
import type { AcceptedGoal, CallEnd, GoalListener, Transport } from "../transport.ts";
import type { ContractCase } from "./contract.ts";

let names = 0;
const end = (type: string): CallEnd => ({
  name: `/contract/c${process.pid}_${names++}`,
  type,
  definitions: Definitions.common,
});

const callsOf = ({ calls }: Transport) => {
  assert.ok(calls, "it has services and actions");
  return calls;
};

const longestMs = 30_000;
const soon = (): AbortSignal => AbortSignal.timeout(longestMs);

/** A promise that is rejected where it takes so long that it would never be fulfilled. */
const inTime = <T>(promise: Promise<T>, what: string): Promise<T> => {
  const { promise: late, reject } = deferred<never>();
  const timer = setTimeout(() => reject(new Error(`it did not come to be in ${longestMs} ms that ${what}`)), longestMs);
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

function deferred<T>() {
  let [resolve, reject]: [(value: T) => void, (error: Error) => void] = [() => undefined, () => undefined];
  const promise = new Promise<T>((fulfil, refuse) => {
    [resolve, reject] = [fulfil, refuse];
  });
  return { promise, resolve, reject };
}

const action = "example_interfaces/action/Fibonacci";
const parts = partsOf({ type: action, definitions: Definitions.common });
const id = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const sequence = (bytes: Uint8Array, of: "feedback" | "result") =>
  Array.from((parts[of].read(bytes) as { readonly sequence: Int32Array }).sequence);

/** Sends a goal; what became of it, in words, and how to give it up. */
function goalSent(client: ReturnType<NonNullable<Transport["calls"]>["actionClient"]>, byte: number, order: number) {
  const told: string[] = [];
  const { promise: over, resolve } = deferred<void>();
  const { promise: begun, resolve: begin } = deferred<void>();
  const listener: GoalListener = {
    accepted: (yes) => {
      told.push(yes ? "accepted" : "refused");
      begin();
      if (!yes) resolve();
    },
    feedback: (message) => told.push(`feedback ${sequence(message, "feedback")}`),
    ended: (outcome, message) => {
      told.push(`${outcome} ${sequence(message, "result")}`);
      resolve();
    },
  };
  const giveUp = client.send(id(byte), parts.goal.write({ order }), listener);
  return { told, giveUp, begun: inTime(begun, "a goal is answered"), over: inTime(over, "a goal ends") };
}

export const callCases: readonly ContractCase[] = [
  {
    name: "gives each call of a service its own response, though it is called before anybody serves it",
    applies: ({ calls }) => calls,
    run: async ({ one, other }) => {
      const service = end("example_interfaces/srv/AddTwoInts");
      const request = codecOf(`${service.type}_Request`, service.definitions);
      const response = codecOf(`${service.type}_Response`, service.definitions);
      const client = callsOf(one).client(service);
      assert.equal(client.there, false);
      const early = client.call(request.write({ a: 1n, b: 2n }), soon());
      const served = callsOf(other).serve(service, async (bytes) => {
        const { a, b } = request.read(bytes) as { readonly a: bigint; readonly b: bigint };
        // The later one is answered first.
        await new Promise((resolve) => setTimeout(resolve, a === 1n ? 50 : 0));
        return response.write({ sum: a + b });
      });
      assert.deepEqual(response.read(await inTime(early, "the first call is answered")), { sum: 3n });
      assert.equal(client.there, true);
      const both = [1n, 20n].map((a) => client.call(request.write({ a, b: 2n }), soon()));
      const answers = await inTime(Promise.all(both), "both calls are answered");
      assert.deepEqual(
        answers.map((bytes) => response.read(bytes)),
        [{ sum: 3n }, { sum: 22n }],
      );
      client.close();
      served.close();
    },
  },
  {
    name: "carries goals of an action, feedback in order and results, and tells what is refused or to be given up",
    applies: ({ calls }) => calls,
    run: async ({ one, other }) => {
      const served = end(action);
      const orderOf = (goal: Uint8Array) => (parts.goal.read(goal) as { readonly order: number }).order;
      const ids: number[] = [];
      const server = callsOf(other).serveAction(served, {
        accepts: (goal) => orderOf(goal) > 0,
        start: (goal: AcceptedGoal) => {
          ids.push(goal.id[0]!, goal.id.length);
          goal.onCancel(() => goal.end("canceled", parts.result.write({ sequence: [9] })));
          if (orderOf(goal.goal) === 100) return;
          for (const at of [1, 2]) goal.feedback(parts.feedback.write({ sequence: [at] }));
          setTimeout(() => goal.end("succeeded", parts.result.write({ sequence: [1, 2] })), 20);
        },
      });
      const client = callsOf(one).actionClient(served);
      const [done, refused, long] = [goalSent(client, 1, 2), goalSent(client, 2, -1), goalSent(client, 3, 100)];
      await Promise.all([done.over, refused.over, long.begun]);
      long.giveUp();
      await long.over;
      assert.deepEqual(done.told, ["accepted", "feedback 1", "feedback 2", "succeeded 1,2"]);
      assert.deepEqual(refused.told, ["refused"]);
      assert.deepEqual(long.told, ["accepted", "canceled 9"]);
      assert.deepEqual(ids, [1, 16, 3, 16]);
      client.close();
      server.close();
    },
  },
];
