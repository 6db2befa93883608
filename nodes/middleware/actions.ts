// Actions as ROS 2 makes them of three services and two topics, for transports that have services alone.
import { Definitions } from "../messages/definitions.ts";
import { codecOf } from "./codec.ts";
import { defaultQuality, type QualityOfService } from "./quality-of-service.ts";
import type {
  AcceptedGoal,
  ActionClient,
  ActionHandlers,
  CallEnd,
  Calls,
  GoalListener,
  GoalOutcome,
  Transport,
} from "./transport.ts";

/** `action_msgs/msg/GoalStatus`. */
export const goalStatus = { executing: 2, succeeded: 4, canceled: 5, aborted: 6 } as const;
const outcomes: readonly GoalOutcome[] = ["succeeded", "canceled", "aborted"];

/** How a goal of a status has ended; undefined where it has not. */
export const outcomeOf = (status: number): GoalOutcome | undefined =>
  outcomes.find((each) => goalStatus[each] === status);

/** Reads and writes messages of the parts of an action. */
export function partsOf({ type, definitions }: Pick<CallEnd, "type" | "definitions">) {
  const codec = <M>(of: string, known: Definitions = definitions) => codecOf<M>(of, known);
  return {
    goal: codec<object>(`${type}_Goal`),
    feedback: codec<object>(`${type}_Feedback`),
    result: codec<object>(`${type}_Result`),
    sendGoal: codec<{ readonly goal_id: Id; readonly goal: object }>(`${type}_SendGoal_Request`),
    accepted: codec<{ readonly accepted: boolean }>(`${type}_SendGoal_Response`),
    getResult: codec<{ readonly goal_id: Id }>(`${type}_GetResult_Request`),
    ended: codec<{ readonly status: number; readonly result: object }>(`${type}_GetResult_Response`),
    told: codec<{ readonly goal_id: Id; readonly feedback: object }>(`${type}_FeedbackMessage`),
    id: codec<Id>("unique_identifier_msgs/msg/UUID", Definitions.common),
    cancel: codec<{ readonly goal_info: { readonly goal_id: Id } }>(
      "action_msgs/srv/CancelGoal_Request",
      Definitions.common,
    ),
    canceling: codec<object>("action_msgs/srv/CancelGoal_Response", Definitions.common),
    statuses: codec<object>("action_msgs/msg/GoalStatusArray", Definitions.common),
  };
}

interface Id {
  readonly uuid: Uint8Array;
}

const key = ({ uuid }: Id): string => Buffer.from(uuid).toString("hex");
const statusQuality: QualityOfService = { reliability: "reliable", durability: "transient-local", depth: 1 };

/** The services and topics of an action, by ROS 2's names. */
const around = ({ name, type, definitions }: CallEnd) => ({
  sendGoal: { name: `${name}/_action/send_goal`, type: `${type}_SendGoal`, definitions },
  getResult: { name: `${name}/_action/get_result`, type: `${type}_GetResult`, definitions },
  cancelGoal: {
    name: `${name}/_action/cancel_goal`,
    type: "action_msgs/srv/CancelGoal",
    definitions: Definitions.common,
  },
  feedback: {
    ...{ topic: `${name}/_action/feedback`, type: `${type}_FeedbackMessage`, definitions },
    quality: defaultQuality,
  },
  status: {
    ...{ topic: `${name}/_action/status`, type: "action_msgs/msg/GoalStatusArray" },
    ...{ definitions: Definitions.common, quality: statusQuality },
  },
});

/** A goal that is served. */
interface Running {
  readonly id: Id;
  status: number;
  cancel: () => void;
  readonly result: Promise<Uint8Array>;
}

/** Services with the actions that are made of them. */
export function actionsOver(transport: Transport, services: Pick<Calls, "serve" | "client">): Calls {
  return {
    ...services,
    serveAction: (end, handlers) => serveAction(transport, services, end, handlers),
    actionClient: (end) => actionClient(transport, services, end),
  };
}

type Services = Pick<Calls, "serve" | "client">;

function serveAction(transport: Transport, { serve }: Services, end: CallEnd, handlers: ActionHandlers) {
  const [parts, ends] = [partsOf(end), around(end)];
  const goals = new Map<string, Running>();
  const feedback = transport.advertise(ends.feedback);
  const status = transport.advertise(ends.status);
  const tell = () => {
    const status_list = [...goals.values()].map((each) => ({
      goal_info: { goal_id: each.id, stamp: { sec: 0, nanosec: 0 } },
      status: each.status,
    }));
    status.publish(parts.statuses.write({ status_list }));
  };
  const start = (id: Id, goal: Uint8Array) => {
    let resolve: (response: Uint8Array) => void = () => undefined;
    const result = new Promise<Uint8Array>((given) => {
      resolve = given;
    });
    const running: Running = { id, status: goalStatus.executing, cancel: () => undefined, result };
    goals.set(key(id), running);
    tell();
    handlers.start({
      id: id.uuid,
      goal,
      onCancel: (listener) => (running.cancel = listener),
      feedback: (message) =>
        feedback.publish(parts.told.write({ goal_id: id, feedback: parts.feedback.read(message) })),
      end: (outcome, message) => {
        running.status = goalStatus[outcome];
        tell();
        resolve(parts.ended.write({ status: running.status, result: parts.result.read(message) }));
      },
    } satisfies AcceptedGoal);
  };
  const served = [
    serve(ends.sendGoal, async (request) => {
      const { goal_id, goal } = parts.sendGoal.read(request);
      const bytes = parts.goal.write(goal);
      const accepted = !goals.has(key(goal_id)) && handlers.accepts(bytes);
      // Its client hears first that it is accepted.
      if (accepted) setImmediate(() => start({ uuid: Uint8Array.from(goal_id.uuid) }, bytes));
      return parts.accepted.write({ accepted });
    }),
    serve(ends.getResult, async (request) => {
      const goal = goals.get(key(parts.getResult.read(request).goal_id));
      return (await goal?.result) ?? parts.ended.write({ status: 0 });
    }),
    serve(ends.cancelGoal, async (request) => {
      const { goal_info } = parts.cancel.read(request);
      const goal = goals.get(key(goal_info.goal_id));
      const runs = goal?.status === goalStatus.executing;
      if (runs) goal.cancel();
      return parts.canceling.write({ return_code: runs ? 0 : 2, goals_canceling: runs ? [goal_info] : [] });
    }),
  ];
  return {
    close: () => {
      for (const each of [...served, feedback, status]) each.close();
    },
  };
}

function actionClient(transport: Transport, { client }: Services, end: CallEnd): ActionClient {
  const [parts, ends] = [partsOf(end), around(end)];
  const [sendGoal, getResult, cancelGoal] = [client(ends.sendGoal), client(ends.getResult), client(ends.cancelGoal)];
  const listeners = new Map<string, GoalListener>();
  const feedback = transport.subscribe(ends.feedback, ({ bytes }) => {
    let told: ReturnType<typeof parts.told.read>;
    try {
      told = parts.told.read(bytes);
    } catch {
      // Whoever sent it is no server of the action.
      return;
    }
    listeners.get(key(told.goal_id))?.feedback(parts.feedback.write(told.feedback));
  });
  const closing = new AbortController();
  const follow = async (goal_id: Id, goal: Uint8Array, listener: GoalListener, signal: AbortSignal) => {
    listeners.set(key(goal_id), listener);
    const request = parts.sendGoal.write({ goal_id, goal: parts.goal.read(goal) });
    const { accepted } = parts.accepted.read(await sendGoal.call(request, signal));
    listener.accepted(accepted);
    if (accepted) {
      // The server begins behind its answer.
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      const { status, result } = parts.ended.read(
        await getResult.call(parts.getResult.write({ goal_id }), closing.signal),
      );
      listener.ended(outcomeOf(status) ?? "aborted", parts.result.write(result));
    }
    listeners.delete(key(goal_id));
  };
  return {
    get there() {
      return sendGoal.there;
    },
    send: (uuid, goal, listener) => {
      const [goal_id, leaving] = [{ uuid: Uint8Array.from(uuid) }, new AbortController()];
      follow(goal_id, goal, listener, AbortSignal.any([closing.signal, leaving.signal])).catch(() =>
        // An answer that cannot be read ends the goal here.
        listener.ended("aborted", parts.result.write({})),
      );
      return () => {
        leaving.abort();
        const request = parts.cancel.write({ goal_info: { goal_id, stamp: { sec: 0, nanosec: 0 } } });
        void cancelGoal.call(request, closing.signal);
      };
    },
    close: () => {
      closing.abort();
      for (const each of [sendGoal, getResult, cancelGoal, feedback]) each.close();
    },
  };
}
