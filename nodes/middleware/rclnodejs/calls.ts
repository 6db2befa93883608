// Services and actions of a ROS 2 node: rclnodejs has their messages as objects, the transport as bytes.
import { IsochronError } from "../../../kernels/index.ts";
import { goalStatus, outcomeOf, partsOf } from "../actions.ts";
import { codecOf } from "../codec.ts";
import type {
  AcceptedGoal,
  ActionClient,
  ActionHandlers,
  CallEnd,
  Calls,
  GoalListener,
  GoalOutcome,
  ServiceClient,
} from "../transport.ts";
import { untilServed } from "../until-served.ts";
import type {
  ActionClasses,
  Handled,
  Rclnodejs,
  RosActionClient,
  RosGoal,
  RosNode,
  RosServerGoal,
  ServiceClasses,
} from "./api.ts";
import { requireTypeSupport } from "./type-support.ts";

/** What rclnodejs calls accepting and refusing. */
const [reject, accept] = [1, 2];

/** Services and actions of a node; `requireOpen` throws once it is closed. */
export class RclnodejsCalls implements Calls {
  readonly #rcl: Rclnodejs;
  readonly #node: RosNode;
  readonly #requireOpen: () => void;

  constructor(rcl: Rclnodejs, node: RosNode, requireOpen: () => void) {
    this.#rcl = rcl;
    this.#node = node;
    this.#requireOpen = requireOpen;
  }

  serve(end: CallEnd, answer: (request: Uint8Array) => Promise<Uint8Array>): { close(): void } {
    const classes = this.#classes<ServiceClasses>(end);
    const { request, response } = serviceParts(end);
    const service = this.#node.createService(classes, end.name, {}, (asked, reply) => {
      guarded(async () => {
        const answered = await answer(request.write(asked));
        if (!service.isDestroyed()) reply.send(response.read(answered));
      });
    });
    return { close: () => this.#close(service, () => this.#node.destroyService(service)) };
  }

  client(end: CallEnd): ServiceClient {
    const classes = this.#classes<ServiceClasses>(end);
    const { request, response } = serviceParts(end);
    const client = this.#node.createClient(classes, end.name, {});
    const isThere = () => !client.isDestroyed() && client.isServiceServerAvailable();
    return {
      get there() {
        return isThere();
      },
      call: async (asked, signal) => {
        await untilServed(isThere, signal);
        return await new Promise((resolve) =>
          client.sendRequest(request.read(asked), (answered) => resolve(response.write(answered))),
        );
      },
      close: () => this.#close(client, () => this.#node.destroyClient(client)),
    };
  }

  serveAction(end: CallEnd, handlers: ActionHandlers): { close(): void } {
    const classes = this.#classes<ActionClasses>(end);
    const parts = partsOf(end);
    const cancels = new Map<string, () => void>();
    const execute = (handle: RosServerGoal): Promise<object> =>
      new Promise((resolve) => {
        const id = Uint8Array.from(handle.goalId.uuid);
        const key = Buffer.from(id).toString("hex");
        const accepted: AcceptedGoal = {
          id,
          goal: parts.goal.write(handle.request.toPlainObject(true)),
          onCancel: (listener) => void cancels.set(key, listener),
          feedback: (message) => {
            // One that is being given up tells nothing more.
            if (handle.status === goalStatus.executing)
              handle.publishFeedback(new classes.Feedback(parts.feedback.read(message)));
          },
          end: (outcome, message) => {
            cancels.delete(key);
            ends[outcome](handle);
            resolve(new classes.Result(parts.result.read(message)));
          },
        };
        guarded(() => handlers.start(accepted));
      });
    const server = new this.#rcl.ActionServer(
      this.#node,
      end.type,
      end.name,
      execute,
      (goal) => (guarded(() => handlers.accepts(parts.goal.write(goal))) === true ? accept : reject),
      undefined,
      (handle) => {
        const cancel = cancels.get(Buffer.from(handle.goalId.uuid).toString("hex"));
        // Its state is that of one to be given up once this has returned.
        if (cancel) setImmediate(() => guarded(cancel));
        return cancel ? accept : reject;
      },
    );
    return { close: () => this.#close(server, () => server.destroy()) };
  }

  actionClient(end: CallEnd): ActionClient {
    const classes = this.#classes<ActionClasses>(end);
    const parts = partsOf(end);
    const client = new this.#rcl.ActionClient(this.#node, end.type, end.name);
    const isThere = () => !client.isDestroyed() && client.isActionServerAvailable();
    const follow = async (id: Uint8Array, goal: Uint8Array, listener: GoalListener, given: GivenUp) => {
      await untilServed(isThere, given.signal);
      const handle = await sent(client, new classes.Goal(parts.goal.read(goal)), id, (feedback) =>
        guarded(() => listener.feedback(parts.feedback.write(feedback))),
      );
      guarded(() => listener.accepted(handle.accepted));
      if (!handle.accepted) return;
      given.handle = handle;
      if (given.signal.aborted) void handle.cancelGoal();
      const result = await handle.getResult();
      guarded(() => listener.ended(outcomeOf(handle.status) ?? "aborted", parts.result.write(result)));
    };
    return {
      get there() {
        return isThere();
      },
      send: (id, goal, listener) => {
        const leaving = new AbortController();
        const given: GivenUp = { signal: leaving.signal };
        void follow(id, goal, listener, given);
        return () => {
          leaving.abort();
          if (!client.isDestroyed()) void given.handle?.cancelGoal();
        };
      },
      close: () => this.#close(client, () => client.destroy()),
    };
  }

  #close(handled: Handled, close: () => void): void {
    if (!handled.isDestroyed()) close();
  }

  /** What rclnodejs has made of a type. Throws `transport/type` where ROS 2, or rclnodejs, does not have it. */
  #classes<C>(end: CallEnd): C {
    this.#requireOpen();
    requireTypeSupport({ topic: end.name, ...end });
    try {
      return this.#rcl.require(end.type) as C;
    } catch (cause) {
      throw new IsochronError("transport/type", `rclnodejs has not made the messages of ${end.type}`, {
        details: [cause instanceof Error ? cause.message : String(cause)],
        help: "with the workspace of its package sourced: npx generate-ros-messages",
        cause,
      });
    }
  }
}

interface GivenUp {
  readonly signal: AbortSignal;
  handle?: RosGoal;
}

const ends: Readonly<Record<GoalOutcome, (handle: RosServerGoal) => void>> = {
  succeeded: (handle) => handle.succeed(),
  aborted: (handle) => handle.abort(),
  canceled: (handle) => handle.canceled(),
};

function serviceParts({ type, definitions }: CallEnd) {
  return {
    request: codecOf(`${type}_Request`, definitions),
    response: codecOf(`${type}_Response`, definitions),
  };
}

/** Sends a goal; its id is a message whose bytes are an array's. */
const sent = (client: RosActionClient, goal: object, uuid: Uint8Array, feedback: (message: object) => void) =>
  client.sendGoal(goal, feedback, { uuid });

/** An error that went into the executor's thread would end it. */
function guarded<T>(body: () => T): T | undefined {
  const raise = (error: unknown) =>
    process.nextTick(() => {
      throw error;
    });
  try {
    const result = body();
    if (result instanceof Promise) result.catch(raise);
    return result;
  } catch (error) {
    raise(error);
    return undefined;
  }
}
