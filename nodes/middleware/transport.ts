// What a run needs of the middleware that carries its topics, whichever that is.
import type { Definitions } from "../messages/index.ts";
import type { QualityOfService, QualityPolicy } from "./quality-of-service.ts";

/** A topic as one end of it sees it. */
export interface TopicEnd {
  /** The full name, `/arm/joint_states`. */
  readonly topic: string;
  /** The full name of the type, `sensor_msgs/msg/JointState`. */
  readonly type: string;
  readonly quality: QualityOfService;
  /** What knows the type and all that it is made of: some transports send that along, or compare it. */
  readonly definitions: Definitions;
}

/** A message as it came; `bytes` are CDR with their encapsulation header, the receiver's to keep. */
export interface ReceivedMessage {
  readonly bytes: Uint8Array;
  /** When it was sent by the sender's clock, nanoseconds since 1970, where the transport says so. */
  readonly sentNs?: bigint;
}

/** One end of a topic that messages leave by. */
export interface Publication {
  /** Sends a message: CDR with its encapsulation header. The bytes may be used again once it returns. */
  publish(bytes: Uint8Array): void;
  close(): void;
}

/** One end of a topic that messages come in by. */
export interface Subscription {
  close(): void;
}

/** What a transport has to tell of its topics; none of it ends a run. */
export type TransportEvent = { readonly topic: string } & (
  | {
      /** Another end of the topic does not fit, so that no message passes between the two. */
      readonly kind: "incompatible-quality";
      readonly end: "publication" | "subscription";
      readonly policies: readonly QualityPolicy[];
    }
  | { readonly kind: "incompatible-type"; readonly ours: string; readonly theirs: string }
  /** How many other ends there are now. */
  | { readonly kind: "matched"; readonly end: "publication" | "subscription"; readonly count: number }
  /** Messages that were lost on the way here, or dropped here since the queue was full. */
  | { readonly kind: "lost"; readonly count: number; readonly reason: string }
  /** The deadline or the lease of a publication has passed. */
  | { readonly kind: "missed"; readonly policy: "deadline" | "lease" }
);

/** A topic in the graph of nodes. */
export interface TopicInGraph {
  readonly topic: string;
  readonly types: readonly string[];
  readonly publications: number;
  readonly subscriptions: number;
}

/** A parameter of a node, as others see it and may set it. */
export interface NodeParameter {
  readonly name: string;
  readonly type: "bool" | "integer" | "double";
  readonly value: number | boolean;
  readonly min?: number;
  readonly max?: number;
  readonly description?: string;
}

/** A service or an action as one side of it sees it. */
export interface CallEnd {
  /** The full name, `/reset`. */
  readonly name: string;
  /** The full name of the type, `std_srvs/srv/Trigger` or `example_interfaces/action/Fibonacci`. */
  readonly type: string;
  readonly definitions: Definitions;
}

/** What calls a service. */
export interface ServiceClient {
  /** Whether somebody serves it now. */
  readonly there: boolean;
  /** Sends a request once somebody serves it, and gives the response; never where `signal` is aborted before. */
  call(request: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  close(): void;
}

/** How a goal of an action ends. */
export type GoalOutcome = "succeeded" | "canceled" | "aborted";

/** A goal that was accepted, as its server sees it. */
export interface AcceptedGoal {
  /** 16 bytes. */
  readonly id: Uint8Array;
  /** A message of `NAME_Goal`. */
  readonly goal: Uint8Array;
  /** Calls `listener` when the goal is to be given up. */
  onCancel(listener: () => void): void;
  /** Tells how far the goal is: a message of `NAME_Feedback`. */
  feedback(message: Uint8Array): void;
  /** Ends the goal with a message of `NAME_Result`. */
  end(outcome: GoalOutcome, result: Uint8Array): void;
}

/** What serves an action. */
export interface ActionHandlers {
  /** Whether a goal is taken on; a message of `NAME_Goal`. */
  accepts(goal: Uint8Array): boolean;
  start(goal: AcceptedGoal): void;
}

/** Told what becomes of a goal. */
export interface GoalListener {
  accepted(isAccepted: boolean): void;
  feedback(message: Uint8Array): void;
  ended(outcome: GoalOutcome, result: Uint8Array): void;
}

/** What sends goals of an action. */
export interface ActionClient {
  /** Whether somebody serves it now. */
  readonly there: boolean;
  /** Sends a goal under an id of 16 bytes once somebody serves the action; the function that it returns gives the goal up. */
  send(id: Uint8Array, goal: Uint8Array, listener: GoalListener): () => void;
  close(): void;
}

/** Services and actions; messages are CDR with their encapsulation header. */
export interface Calls {
  serve(end: CallEnd, answer: (request: Uint8Array) => Promise<Uint8Array>): { close(): void };
  client(end: CallEnd): ServiceClient;
  serveAction(end: CallEnd, handlers: ActionHandlers): { close(): void };
  actionClient(end: CallEnd): ActionClient;
}

/**
 * Carries messages between nodes.
 *
 * One transport is one node: what it publishes reaches its own subscriptions too, as in ROS 2. Messages of one publication
 * reach a subscription in the order in which they were sent. `receive` and listeners are called on the main thread, none
 * after `close`. Errors of use are thrown where they are made: `transport/type` where the type is not to be had,
 * `transport/quality` where a policy cannot be set, `transport/closed`.
 */
export interface Transport {
  /** What it is called at the command line: `in-process`, `rclnodejs`, `zeromq`. */
  readonly name: string;
  advertise(end: TopicEnd): Publication;
  subscribe(end: TopicEnd, receive: (message: ReceivedMessage) => void): Subscription;
  /** Calls `listener` with each later event; the function that it returns ends that. */
  onEvent(listener: (event: TransportEvent) => void): () => void;
  /** The topics that are known of now, in the order of their names. */
  graph(): readonly TopicInGraph[];
  /**
   * Shows parameters to others, who set them: `set` is called with each value on the main thread, and gives the reason where
   * it is refused. Absent where the transport has no parameters.
   */
  parameters?(
    shown: readonly NodeParameter[],
    set: (name: string, value: number | boolean) => string | undefined,
  ): void;
  /** Services and actions; absent where the transport has none. */
  readonly calls?: Calls;
  /** Closes all ends, and waits until what was published has left. */
  close(): Promise<void>;
}
