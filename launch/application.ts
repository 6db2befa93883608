// The application description: inputs, tasks, outputs and chains, typed end to end.
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Observable } from "rxjs";
import type { z } from "zod";
import { bytesOf, type Dtype, IsochronError } from "../kernels/index.ts";
import {
  Definitions,
  type DropCounter,
  type InputMessage,
  type LogicalClock,
  type MessageFileOptions,
  type MessageText,
  type OutputMapping,
  outputPlan,
  type ResolvedMessage,
  readMessageFiles,
  StreamHub,
} from "../nodes/index.ts";
import { type Graph, type Signature, showTensorType, staticShape, type TensorType } from "../runtime/index.ts";
import {
  type Analysis,
  analyse,
  type Chain,
  type Duration,
  formatDuration,
  layoutSlot,
  parseDuration,
  type ScheduleTable,
  scheduleTable,
  shortestIntervalOf,
} from "../scheduler/index.ts";
import type { World } from "../sim/index.ts";
import { Closers } from "./closers.ts";
import { callerPlace } from "./user-place.ts";

/** One tensor of a channel, as tasks read it. */
export interface Port<T extends TensorType = TensorType> {
  readonly kind: "port";
  readonly channel: Channel;
  readonly field: string;
  readonly type: T;
}

/** Something that carries samples: an input topic or a task's output. */
interface Channel {
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

type SinglePort<T extends TensorType> = Port<T> | Input<{ readonly [name: string]: T }>;
type Wiring<I extends Signature> = { readonly [K in keyof I]: SinglePort<TensorType<I[K]["dtype"]>> };

/** When a task is released, its limits, and what happens when it is late. */
interface Limits {
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
interface Periodic {
  readonly period: Duration;
  readonly phase?: Duration;
}
interface OnArrival {
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
export type TaskOptions<I extends Signature> = Limits & { readonly inputs: Wiring<I> } & (Periodic | OnArrival);

interface DeclaredTask {
  readonly task: Task;
  readonly graph: Graph;
  readonly options: Limits & { readonly inputs: Readonly<Record<string, SinglePort<TensorType>>> } & (
      | Periodic
      | OnArrival
    );
  readonly place: string | undefined;
}

const fail = (code: string, message: string, place: string | undefined, help?: string): never => {
  throw new IsochronError(`application/${code}`, message, {
    ...(place === undefined ? {} : { place }),
    ...(help === undefined ? {} : { help }),
  });
};

/** Errors within `body` are about the declaration at `place`. */
function at<T>(place: string | undefined, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof IsochronError) || error.place !== undefined || place === undefined) throw error;
    const { code, message, details, help, cause } = error;
    throw new IsochronError(code, message, { details, place, cause, ...(help === undefined ? {} : { help }) });
  }
}

const portOf = (source: SinglePort<TensorType>, reader: string, place: string | undefined): Port => {
  if (source.kind === "port") return source;
  const ports = Object.values(source.ports);
  if (ports.length === 1) return ports[0]!;
  return fail(
    "ports",
    `${reader}: "${source.channel.name}" has the tensors ${Object.keys(source.ports).join(", ")}`,
    place,
    "name one of them: input.ports.NAME",
  );
};

const portsOf = <S extends Signature>(channel: Channel, fields: S): Ports<S> =>
  Object.fromEntries(
    Object.entries(fields).map(([field, type]) => [field, { kind: "port", channel, field, type }]),
  ) as unknown as Ports<S>;

/** How an input topic's messages are taken. */
export interface InputOptions {
  /**
   * From a message's arrival to its tensors, where decoding takes long (pictures): it runs on a thread of its own.
   *
   * In virtual time the tensors stand exactly so long after the arrival; live, when they are decoded, which is logged.
   */
  readonly latency?: Duration;
}

/** The limits of a chain. */
export interface ChainLimits {
  readonly budget: Duration;
  readonly maxAge?: Duration;
}

/** What a run came to, by name. */
export type Facts = ReturnType<World["summary"]>;

/** Collects an application's declarations. */
export class ApplicationBuilder {
  readonly inputs: {
    readonly topic: string;
    readonly message: ResolvedMessage;
    readonly channel: Channel;
    readonly latencyNs: number;
  }[] = [];
  readonly tasks: DeclaredTask[] = [];
  readonly outputs: {
    readonly topic: string;
    readonly type: string;
    readonly channel: Channel;
    readonly ports: Readonly<Record<string, Port>>;
    readonly mapping: OutputMapping;
    readonly place: string | undefined;
  }[] = [];
  readonly chains: {
    readonly name: string;
    readonly path: readonly (Input<Signature> | Task)[];
    readonly budgetNs: number;
    readonly maxAgeNs: number | undefined;
    readonly place: string | undefined;
  }[] = [];
  worldFactory: (() => World) | undefined;
  /** Where pipelines and runs meet. */
  readonly streams = new StreamHub();
  readonly summaries: (() => Facts)[] = [];
  /** The message types that the application knows. */
  definitions: Definitions;
  readonly #carried: readonly MessageText[] | undefined;
  readonly #closers: Closers;

  /** `carried` are the definitions that a built application brings, where its `.msg` files are not. */
  constructor(carried?: readonly MessageText[], closers: Closers = new Closers()) {
    this.#carried = carried;
    this.#closers = closers;
    this.definitions = Definitions.common.with(carried ?? []);
  }

  /** Message types of the application's own: a `.msg` file, or a folder with them below it, relative to the calling file. */
  messages(path: string | URL, options: MessageFileOptions = {}): void {
    if (this.#carried) return;
    const place = callerPlace();
    const base = place === undefined ? process.cwd() : dirname(place.replace(/:\d+:\d+$/, ""));
    const full = typeof path === "string" ? resolve(base, path) : fileURLToPath(path);
    at(place, () => {
      this.definitions = this.definitions.with(readMessageFiles(full, options));
    });
  }

  /** An input topic. */
  input<F extends Signature>(topic: string, message: InputMessage<F>, options: InputOptions = {}): Input<F> {
    const resolved = at(callerPlace(), () => message.resolve(this.definitions));
    const channel: Channel = { name: topic, fields: resolved.fields, origin: "input" };
    this.#unique(topic);
    this.inputs.push({ topic, message: resolved, channel, latencyNs: parseDuration(options.latency ?? 0) });
    return { kind: "input", channel, ports: portsOf(channel, resolved.fields) };
  }

  /** A task that runs a graph; its inputs and outputs are typed by the graph. */
  task<I extends Signature, O extends Signature>(name: string, graph: Graph<I, O>, options: TaskOptions<I>): Task<O> {
    const place = callerPlace();
    this.#unique(name);
    const fields = Object.fromEntries(graph.outputs.map((each) => [each.name, each.value.type])) as unknown as O;
    const channel: Channel = { name, fields, origin: "task" };
    const task: Task<O> = { kind: "task", name, channel, outputs: portsOf(channel, fields) };
    this.tasks.push({
      task,
      graph: graph as unknown as Graph,
      options: options as unknown as DeclaredTask["options"],
      place,
    });
    return task;
  }

  /** An output topic that shows a task's outputs as a message; see `OutputMapping` for what fills which field. */
  output<S extends Signature>(
    topic: string,
    type: string,
    ports: Ports<S>,
    mapping: OutputMapping<keyof S & string> = {},
  ): void {
    const place = callerPlace();
    this.#unique(topic);
    const all: readonly Port[] = Object.values(ports);
    const channel = all[0]?.channel;
    if (!channel || all.some((port) => port.channel !== channel)) {
      fail("output", `output "${topic}" must show outputs of one task`, place, "pass task.outputs, or some of them");
    }
    this.outputs.push({ topic, type, channel: channel!, ports, mapping, place });
  }

  /**
   * An end-to-end latency budget along a path: from a sample's arrival to the first publication that used it.
   *
   * `maxAge` limits how old a sample may be whenever the last task publishes what derives from it, held values included, so
   * that a gap of the input is seen. It is refused where it cannot hold however the input comes, and measured in every run.
   */
  chain(name: string, path: readonly [Input<Signature>, ...Task[]], limits: ChainLimits): void {
    const maxAgeNs = limits.maxAge === undefined ? undefined : parseDuration(limits.maxAge);
    this.chains.push({ name, path, budgetNs: parseDuration(limits.budget), maxAgeNs, place: callerPlace() });
  }

  /** The world that the application drives in simulation. */
  world(factory: () => World): void {
    this.worldFactory = factory;
  }

  /** Logical time for pipelines: pass it to RxJS operators that take a scheduler. */
  get clock(): LogicalClock {
    return this.streams.clock;
  }

  /** Every message of an input or output topic during a run, in the order of their tags. */
  on<T = unknown>(topic: string): Observable<T> {
    return this.streams.on<T>(topic);
  }

  /** An input that a pipeline feeds: what it emits is admitted, and logged, like any message. */
  source<F extends Signature>(
    messages: Observable<object>,
    message: InputMessage<F>,
    options: InputOptions & { readonly topic?: string } = {},
  ): Input<F> {
    const topic = options.topic ?? `/stream/${this.inputs.length}`;
    const input = this.input(topic, message, options);
    this.streams.source(topic, messages);
    return input;
  }

  /** A counter of what a pipeline drops; the report shows it. */
  counter(name: string): DropCounter {
    return this.streams.counter(name);
  }

  /**
   * Says how to close what the application opened (sockets, timers, files): called once, what was said last first, at the
   * end of a run, of the start that `isochron build` tries, and by `application.close()` in tests. It may be async.
   */
  closing(close: () => void | Promise<void>): void {
    this.#closers.add(close, callerPlace());
  }

  /** What a run came to, asked for at its end: printed, and put into the report. */
  summary(facts: () => Facts): void {
    this.summaries.push(facts);
  }

  #unique(name: string): void {
    const names = [
      ...this.inputs.map((each) => each.topic),
      ...this.tasks.map((each) => each.task.name),
      ...this.outputs.map((each) => each.topic),
    ];
    if (names.includes(name))
      fail(
        "name",
        `there are two things named "${name}"`,
        callerPlace(),
        "give each input, task and output a name of its own",
      );
  }
}

/** A declared application; `isochron` compiles and runs it. */
export interface Application {
  readonly kind: "application";
  readonly name: string;
  /** Throws `message/files` where the application's .msg files are not. */
  readonly declarations: ApplicationBuilder;
  /** The same application with the message definitions that a built one carries, instead of its `.msg` files. */
  carrying(messages: readonly MessageText[]): Application;
  /**
   * Closes what the application opened, by what `app.closing` was given; `onSlow` hears of what takes more than a second.
   *
   * Throws `application/closing` where something fails, or takes more than five seconds.
   */
  close(onSlow?: (what: string) => void): Promise<void>;
}

/** Declares an application. */
export function application(name: string, define: (app: ApplicationBuilder) => void): Application {
  // Declared twice, it may have opened something twice.
  const closers = new Closers();
  const declare = (carried?: readonly MessageText[]): Application => {
    const builder = new ApplicationBuilder(carried, closers);
    let missing: IsochronError | undefined;
    try {
      define(builder);
    } catch (error) {
      // Where a built application runs there are no .msg files: `carrying` brings what they said.
      if (!(error instanceof IsochronError) || error.code !== "message/files") throw error;
      missing = error;
    }
    const declared: Application = {
      kind: "application",
      name,
      get declarations() {
        if (missing) throw missing;
        return builder;
      },
      // Where its own files told it everything, it is not declared, and nothing opened, a second time.
      carrying: (messages) => (missing ? declare(messages) : declared),
      close: (onSlow) => closers.close(onSlow),
    };
    return declared;
  };
  return declare();
}

/** An application with every time resolved and analysed, before its graphs are compiled. */
export interface LaidOut {
  readonly table: ScheduleTable;
  readonly chains: readonly Chain[];
  readonly analysis: Analysis;
  readonly inputs: readonly {
    readonly topic: string;
    readonly type: string;
    readonly channel: number;
    readonly plan: ResolvedMessage["plan"];
  }[];
  readonly outputs: readonly {
    readonly topic: string;
    readonly type: string;
    readonly channel: number;
    readonly plan: ReturnType<typeof outputPlan>;
  }[];
  /** Definitions that the messages need besides the common ones. */
  readonly messages: readonly MessageText[];
  /** One per program index. */
  readonly graphs: readonly Graph[];
}

const fieldsOf = (channel: Channel): { name: string; dtype: Dtype; shape: number[]; bytes: number }[] =>
  Object.entries(channel.fields).map(([name, { dtype, shape }]) => {
    const sizes = staticShape(shape);
    return { name, dtype, shape: sizes, bytes: sizes.reduce((a, b) => a * b, bytesOf(dtype)) };
  });

/** A number of a declaration that no schedule can hold, such as a priority of 100. */
function outOfRange(application: string, error: z.ZodError, tasks: readonly DeclaredTask[]): IsochronError {
  const { path, message } = error.issues[0]!;
  const declared = path[0] === "tasks" ? tasks[Number(path[1])] : undefined;
  const about = declared ? `task "${declared.task.name}"` : `application "${application}"`;
  const option = path.slice(declared ? 2 : 0).join(".");
  return new IsochronError("application/range", `${about}, ${option}: ${message}`, {
    help: "budgets, deadlines and periods are above 0, priorities 1 to 98, cores from 0; every name has a letter",
    ...(declared?.place === undefined ? {} : { place: declared.place }),
  });
}

/** Samples that must stay readable: as many as can be published while the slowest reader has not started, and one more. */
function depthOf(interval: number | undefined, readers: readonly { readonly letNs: number }[]): number {
  const longest = Math.max(0, ...readers.map((each) => each.letNs));
  return interval === undefined ? 8 : Math.min(64, Math.ceil(longest / interval) + 2);
}

/** Resolves names and times, and refuses what cannot be met: see `analyse`. */
export function layOut({ name, declarations }: Application): LaidOut {
  const { inputs, tasks, outputs, chains } = declarations;
  if (tasks.length === 0) fail("empty", `application "${name}" has no task`, undefined, "declare one with app.task()");
  const channels = [...inputs.map((each) => each.channel), ...tasks.map((each) => each.task.channel)];
  const channelId = (channel: Channel, what: string, place: string | undefined): number => {
    const id = channels.indexOf(channel);
    if (id >= 0) return id;
    return fail(
      "foreign",
      `${what} uses "${channel.name}" of another application`,
      place,
      "use what this application declared",
    );
  };
  const graphs = [...new Set(tasks.map((each) => each.graph))];

  const rows = tasks.map(({ task, graph, options, place }) => {
    const wired = graph.inputs.map(({ name: input, value }) => {
      const given = options.inputs[input];
      if (!given)
        return fail(
          "wiring",
          `task "${task.name}": input "${input}" is not connected`,
          place,
          `add inputs: { ${input}: … }`,
        );
      const port = portOf(given, `task "${task.name}": input "${input}"`, place);
      if (
        port.type.dtype !== value.type.dtype ||
        String(staticShape(port.type.shape)) !== String(staticShape(value.type.shape))
      ) {
        return fail(
          "wiring",
          `task "${task.name}": input "${input}" is ${showTensorType(value.type)}, but "${port.channel.name}.${port.field}" is ${showTensorType(port.type)}`,
          place,
          `connect a tensor of that type, or trace "${graph.name}" with ${showTensorType(port.type)}`,
        );
      }
      const channel = channelId(port.channel, `task "${task.name}"`, place);
      return { channel, field: Object.keys(port.channel.fields).indexOf(port.field) };
    });
    const { budgetNs, deadlineNs, trigger } = at(place, () => ({
      budgetNs: parseDuration(options.budget),
      deadlineNs: parseDuration(options.deadline),
      trigger:
        "period" in options
          ? {
              kind: "periodic" as const,
              periodNs: parseDuration(options.period),
              phaseNs: parseDuration(options.phase ?? 0),
            }
          : {
              kind: "arrival" as const,
              channel: channelId(options.on.channel, `task "${task.name}"`, place),
              minIntervalNs: parseDuration(options.minInterval),
              ...(parseDuration(options.tolerance ?? 0) > 0
                ? { toleranceNs: parseDuration(options.tolerance ?? 0) }
                : {}),
              early: options.early ?? ("drop" as const),
            },
    }));
    const shortest = shortestIntervalOf(trigger);
    if (deadlineNs > shortest) {
      const tolerated = trigger.kind === "arrival" && trigger.toleranceNs !== undefined;
      fail(
        "deadline",
        `task "${task.name}": its deadline, ${formatDuration(deadlineNs)}, is longer than the ${formatDuration(Math.max(0, shortest))} between releases${tolerated ? ", the tolerance counted" : ""}`,
        place,
        tolerated
          ? "shorten the deadline or the tolerance, or lengthen the interval"
          : "shorten the deadline or lengthen the period",
      );
    }
    return {
      name: task.name,
      program: graphs.indexOf(graph),
      trigger,
      budgetNs,
      deadlineNs,
      letNs: deadlineNs,
      priority: options.priority ?? 50,
      core: options.core ?? 0,
      onOverrun: options.onOverrun ?? ("hold" as const),
      inputs: wired,
      output: channels.indexOf(task.channel),
    };
  });

  const laid = scheduleTable.safeParse({
    version: 1,
    name,
    channels: channels.map((channel, id) => {
      const producer = rows.findIndex((row) => row.output === id);
      const readers = rows.filter((row) => row.inputs.some((port) => port.channel === id));
      const interval =
        producer < 0
          ? readers.find((row) => row.trigger.kind === "arrival" && row.trigger.channel === id)
          : rows[producer];
      return {
        name: channel.name,
        source: producer < 0 ? { kind: "external" } : { kind: "task", task: producer },
        ...(inputs[id]?.latencyNs ? { latencyNs: inputs[id].latencyNs } : {}),
        depth: depthOf(interval && shortestIntervalOf(interval.trigger), readers),
        ...layoutSlot(fieldsOf(channel)),
      };
    }),
    tasks: rows,
  });
  if (!laid.success) throw outOfRange(name, laid.error, tasks);
  const table = laid.data;
  const laidChains = chains.map(({ name: chainName, path, budgetNs, maxAgeNs, place }): Chain => {
    const [from, ...rest] = path.map((each) => channelId(each.channel, `chain "${chainName}"`, place));
    const passed = rest.map((channel) => rows.findIndex((row) => row.output === channel));
    return {
      name: chainName,
      from: from!,
      tasks: passed,
      budgetNs,
      ...(maxAgeNs === undefined ? {} : { maxAgeNs }),
      place,
    };
  });
  return {
    table,
    chains: laidChains,
    analysis: analyse(
      table,
      laidChains,
      tasks.map((each) => each.place),
    ),
    inputs: inputs.map(({ topic, message, channel }) => ({
      topic,
      type: message.type,
      channel: channels.indexOf(channel),
      plan: message.plan,
    })),
    outputs: outputs.map(({ topic, type, channel, ports, mapping, place }) => {
      const id = channelId(channel, `output "${topic}"`, place);
      const row = table.channels[id]!;
      const shown = Object.entries(ports).map(([name, port]) => ({
        ...row.fields.find((field) => field.name === port.field)!,
        name,
      }));
      const plan = at(place, () => outputPlan(type, row.slotBytes, shown, mapping, declarations.definitions));
      return { topic, type, channel: id, plan };
    }),
    messages: declarations.definitions.textsOf([
      ...inputs.map((each) => each.message.type),
      ...outputs.map((each) => each.type),
    ]),
    graphs,
  };
}
