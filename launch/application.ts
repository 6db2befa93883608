// The application description: inputs, tasks, outputs and chains, typed end to end.
import { bytesOf, type Dtype, IsochronError } from "../kernels/index.ts";
import { type InputMessage, outputPlan } from "../nodes/index.ts";
import { type Graph, type Signature, showTensorType, staticShape, type TensorType } from "../runtime/index.ts";
import {
  type Analysis,
  analyse,
  type Chain,
  type Duration,
  intervalOf,
  layoutSlot,
  parseDuration,
  type ScheduleTable,
  scheduleTable,
} from "../scheduler/index.ts";
import type { World } from "../sim/index.ts";

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
  /** Arrivals before the interval has passed: dropped (and counted), or released when it has. */
  readonly early?: "drop" | "defer";
}
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

/** The place of the caller in the user's own file. */
function callerPlace(): string | undefined {
  const here = new URL(".", import.meta.url);
  const frames = new Error().stack?.split("\n").slice(1) ?? [];
  const frame = frames.find((line) => !line.includes(here.href) && !line.includes(here.pathname));
  return /\(?((?:file:\/\/)?\/[^\s()]+:\d+:\d+)\)?$/.exec(frame ?? "")?.[1]?.replace("file://", "");
}

const fail = (code: string, message: string, place: string | undefined, help?: string): never => {
  throw new IsochronError(`application/${code}`, message, {
    ...(place === undefined ? {} : { place }),
    ...(help === undefined ? {} : { help }),
  });
};

const portOf = (source: SinglePort<TensorType>): Port => {
  if (source.kind === "port") return source;
  const ports = Object.values(source.ports);
  if (ports.length === 1) return ports[0]!;
  return fail(
    "ports",
    `input "${source.channel.name}" has the tensors ${Object.keys(source.ports).join(", ")}`,
    undefined,
    "name one: input.ports.NAME",
  );
};

const portsOf = <S extends Signature>(channel: Channel, fields: S): Ports<S> =>
  Object.fromEntries(
    Object.entries(fields).map(([field, type]) => [field, { kind: "port", channel, field, type }]),
  ) as unknown as Ports<S>;

/** Collects an application's declarations. */
export class ApplicationBuilder {
  readonly inputs: { readonly topic: string; readonly message: InputMessage; readonly channel: Channel }[] = [];
  readonly tasks: DeclaredTask[] = [];
  readonly outputs: {
    readonly topic: string;
    readonly type: string;
    readonly channel: Channel;
    readonly ports: readonly Port[];
    readonly place: string | undefined;
  }[] = [];
  readonly chains: {
    readonly name: string;
    readonly path: readonly (Input<Signature> | Task)[];
    readonly budgetNs: number;
    readonly place: string | undefined;
  }[] = [];
  worldFactory: (() => World) | undefined;

  /** An input topic. */
  input<F extends Signature>(topic: string, message: InputMessage<F>): Input<F> {
    const channel: Channel = { name: topic, fields: message.fields, origin: "input" };
    this.#unique(topic);
    this.inputs.push({ topic, message, channel });
    return { kind: "input", channel, ports: portsOf(channel, message.fields) };
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

  /** An output topic that shows a task's outputs as a message. */
  output(topic: string, type: string, ports: Ports<Signature>): void {
    const place = callerPlace();
    this.#unique(topic);
    const all = Object.values(ports);
    const channel = all[0]?.channel;
    if (!channel || all.some((port) => port.channel !== channel)) {
      fail("output", `output "${topic}" must show outputs of one task`, place, "pass task.outputs, or some of them");
    }
    this.outputs.push({ topic, type, channel: channel!, ports: all, place });
  }

  /** An end-to-end latency budget along a path. */
  chain(name: string, path: readonly [Input<Signature>, ...Task[]], limits: { readonly budget: Duration }): void {
    this.chains.push({ name, path, budgetNs: parseDuration(limits.budget), place: callerPlace() });
  }

  /** The world that the application drives in simulation. */
  world(factory: () => World): void {
    this.worldFactory = factory;
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
  readonly declarations: ApplicationBuilder;
}

/** Declares an application. */
export function application(name: string, define: (app: ApplicationBuilder) => void): Application {
  const declarations = new ApplicationBuilder();
  define(declarations);
  return { kind: "application", name, declarations };
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
    readonly plan: InputMessage["plan"];
  }[];
  readonly outputs: readonly {
    readonly topic: string;
    readonly type: string;
    readonly channel: number;
    readonly plan: ReturnType<typeof outputPlan>;
  }[];
  /** One per program index. */
  readonly graphs: readonly Graph[];
}

const fieldsOf = (channel: Channel): { name: string; dtype: Dtype; shape: number[]; bytes: number }[] =>
  Object.entries(channel.fields).map(([name, { dtype, shape }]) => {
    const sizes = staticShape(shape);
    return { name, dtype, shape: sizes, bytes: sizes.reduce((a, b) => a * b, bytesOf(dtype)) };
  });

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
  const channelId = (channel: Channel): number => channels.indexOf(channel);
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
      const port = portOf(given);
      if (
        port.type.dtype !== value.type.dtype ||
        String(staticShape(port.type.shape)) !== String(staticShape(value.type.shape))
      ) {
        return fail(
          "wiring",
          `task "${task.name}": input "${input}" is ${showTensorType(value.type)}, but "${port.channel.name}.${port.field}" is ${showTensorType(port.type)}`,
          place,
        );
      }
      return { channel: channelId(port.channel), field: Object.keys(port.channel.fields).indexOf(port.field) };
    });
    const deadlineNs = parseDuration(options.deadline);
    const trigger =
      "period" in options
        ? {
            kind: "periodic" as const,
            periodNs: parseDuration(options.period),
            phaseNs: parseDuration(options.phase ?? 0),
          }
        : {
            kind: "arrival" as const,
            channel: channelId(options.on.channel),
            minIntervalNs: parseDuration(options.minInterval),
            early: options.early ?? ("drop" as const),
          };
    if (deadlineNs > intervalOf(trigger)) {
      fail(
        "deadline",
        `task "${task.name}": its deadline is longer than the time between releases`,
        place,
        "shorten the deadline or lengthen the period",
      );
    }
    return {
      name: task.name,
      program: graphs.indexOf(graph),
      trigger,
      budgetNs: parseDuration(options.budget),
      deadlineNs,
      letNs: deadlineNs,
      priority: options.priority ?? 50,
      core: options.core ?? 0,
      onOverrun: options.onOverrun ?? ("hold" as const),
      inputs: wired,
      output: channelId(task.channel),
    };
  });

  const table = scheduleTable.parse({
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
        depth: depthOf(interval && intervalOf(interval.trigger), readers),
        ...layoutSlot(fieldsOf(channel)),
      };
    }),
    tasks: rows,
  });
  const laidChains = chains.map(({ name: chainName, path, budgetNs, place }): Chain => {
    const [from, ...rest] = path;
    return {
      name: chainName,
      from: channelId(from!.channel),
      tasks: rest.map((each) => rows.findIndex((row) => row.output === channelId(each.channel))),
      budgetNs,
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
      channel: channelId(channel),
      plan: message.plan,
    })),
    outputs: outputs.map(({ topic, type, channel, ports }) => {
      const row = table.channels[channelId(channel)]!;
      const shown = row.fields.filter((field) => ports.some((port) => port.field === field.name));
      return { topic, type, channel: channelId(channel), plan: outputPlan(type, row.slotBytes, shown) };
    }),
    graphs,
  };
}
