// What an application declares: ports, inputs, tasks, and the options of each, typed end to end.
import type { Quality } from "../nodes/index.ts";
import type { Graph, MethodGraphs, Signature, TensorType } from "../runtime/index.ts";
import type { Duration } from "../scheduler/index.ts";
import type { World } from "../sim/index.ts";

/** One tensor of a channel, as tasks read it. */
export interface Port<T extends TensorType = TensorType> {
  readonly kind: "port";
  readonly channel: Channel;
  readonly field: string;
  readonly type: T;
}

/** Something that carries samples: an input topic or a task's output. */
export interface Channel {
  readonly name: string;
  readonly fields: Signature;
  readonly origin: "input" | "task";
}

/** The ports of a record of tensors. */
export type Ports<S extends Signature> = { readonly [K in keyof S]: Port<S[K]> };

/** An input topic; one with a single tensor stands for its port. */
export interface Input<F extends Signature> {
  readonly kind: "input";
  readonly channel: Channel;
  readonly ports: Ports<F>;
}

/** A declared task. */
export interface Task<O extends Signature = Signature> {
  readonly kind: "task";
  readonly name: string;
  readonly channel: Channel;
  readonly outputs: Ports<O>;
}

/** What stands for one tensor. */
export type SinglePort<T extends TensorType> = Port<T> | Input<{ readonly [name: string]: T }>;
type Wiring<I extends Signature> = { readonly [K in keyof I]: SinglePort<TensorType<I[K]["dtype"]>> };

/** A task's limits, and what happens when it is late. */
export interface TaskLimits {
  /** Longest execution time expected on the core. */
  readonly budget: Duration;
  /** From release to publication; outputs become visible then, however early the computation ended. */
  readonly deadline: Duration;
  /** 1 to 98, higher first; 50 unless given. */
  readonly priority?: number;
  readonly core?: number;
  /** What stands at the publication instant of a late job: the previous value again, or nothing. `hold` unless given. */
  readonly onOverrun?: "hold" | "skip";
}
/** A task that is released by the clock. */
export interface Periodic {
  readonly period: Duration;
  readonly phase?: Duration;
}
/** A task that is released by what arrives. */
export interface OnArrival {
  readonly on: Input<Signature> | Task;
  readonly minInterval: Duration;
  /**
   * How much earlier than the interval asks an arrival may come; 0 unless given.
   *
   * In the long run the interval holds: a sender's jitter is taken, a faster sender is not. At most ⌈(t + tolerance) /
   * minInterval⌉ releases fall within any time t, which the analysis counts, and the deadline has to end before
   * minInterval − tolerance.
   */
  readonly tolerance?: Duration;
  /** Arrivals before the interval has passed: dropped (and counted), or released when it has. */
  readonly early?: "drop" | "defer";
}
/** How a task is wired, when it is released, and its limits. */
export type TaskOptions<I extends Signature> = TaskLimits & { readonly inputs: Wiring<I> } & (Periodic | OnArrival);

/** The methods that a task may name, and the one that it runs where it names none. */
export type MethodName<G> = G extends Graph ? never : keyof G & string;
export type DefaultMethod<G> = G extends Graph ? never : MethodName<G> & "forward";
/** The graph of a method: of one graph alone, itself. */
export type MethodOf<G, K> = G extends Graph ? G : G extends MethodGraphs ? (K extends keyof G ? G[K] : never) : never;
export type OptionsOf<G extends Graph> = TaskOptions<G["signature"]["inputs"]>;
export type TaskOf<G extends Graph> = Task<G["signature"]["outputs"]>;

/** A task as it was declared. */
export interface DeclaredTask {
  readonly task: Task;
  /** The methods of the program that it runs. */
  readonly methods: MethodGraphs;
  /** The one of them that it runs. */
  readonly method: string;
  readonly graph: Graph;
  readonly options: TaskLimits & { readonly inputs: Readonly<Record<string, SinglePort<TensorType>>> } & (
      | Periodic
      | OnArrival
    );
  readonly place: string | undefined;
}

/** How an input topic's messages are taken. */
export interface InputOptions {
  /**
   * From a message's arrival to its tensors, where decoding takes long (pictures): it runs on a thread of its own.
   *
   * In virtual time the tensors stand exactly so long after the arrival; live, when they are decoded, which is logged.
   */
  readonly latency?: Duration;
  /**
   * What is asked of those that publish the topic, where a transport carries it. Unless given best effort, volatile, the
   * newest ten: that meets every offer, and what was lost is not sent again when it is late.
   */
  readonly quality?: Quality;
}

/** How what a pipeline feeds is taken. */
export interface SourceOptions extends Pick<InputOptions, "latency"> {
  readonly topic?: string;
}

/** The dtypes that a parameter may have. */
export type ParameterDtype = "f32" | "f64" | "bool" | "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64";

/** What a parameter may be set to, and what it is for. */
export interface ParameterOptions {
  readonly min?: number;
  readonly max?: number;
  readonly description?: string;
}

/** How a transform becomes numbers. */
export interface TransformOptions<D extends "f32" | "f64" = "f32" | "f64"> {
  /** f32 unless given: seven digits, millimetres up to some kilometres. */
  readonly dtype?: D;
}

/** How a topic is published. */
export interface PublicationOptions {
  /** What is offered to those that subscribe, where a transport carries the topic: reliable, volatile, ten unless given. */
  readonly quality?: Quality;
}

/** How an output topic is published. */
export interface OutputOptions extends PublicationOptions {
  /**
   * When a message leaves a live run: at its publication instant, unless said, or already at `"completion"` of its job. Its tag,
   * stamp included, is the same, and so is when others of the schedule see the value.
   */
  readonly send?: "publication" | "completion";
}

/** The type of a service: `std_srvs/srv/Trigger`. */
export type ServiceType = `${string}/srv/${string}`;

/** The type of an action: `example_interfaces/action/Fibonacci`. */
export type ActionType = `${string}/action/${string}`;

/** How an action is served. */
export interface ActionOptions<Goal> {
  /** Which goals are taken on; all unless given. */
  readonly accept?: (goal: Goal) => boolean;
}

/** How a service or an action of another node is called. */
export interface ClientOptions {
  /** How long a call waits for a response, a goal for being accepted; 5 s unless given. */
  readonly timeout?: Duration;
}

/** The limits of a chain. */
export interface ChainLimits {
  readonly budget: Duration;
  readonly maxAge?: Duration;
}

/** What a run came to, by name. */
export type Facts = ReturnType<World["summary"]>;
