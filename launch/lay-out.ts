// Lays an application out: channels and tasks by number, every time resolved, and the analysis of what comes of it.
import { bytesOf, type Dtype } from "../kernels/index.ts";
import { type MessageText, outputPlan, type QualityOfService, type ResolvedMessage } from "../nodes/index.ts";
import {
  countsAmong,
  largestSize,
  type MethodGraphs,
  programName,
  showDimension,
  showTensorType,
  staticShape,
  type TensorType,
} from "../runtime/index.ts";
import {
  type Analysis,
  analyse,
  type Chain,
  formatDuration,
  intervalName,
  layoutSlot,
  parseDuration,
  type ScheduleTable,
  scheduleTable,
  shortestIntervalOf,
} from "../scheduler/index.ts";
import type { ApplicationDescription } from "../sim/index.ts";
import type { Application } from "./application.ts";
import { at, fail, requireApplication } from "./declarations.ts";
import type { Channel, DeclaredTask, Periodic, Port, SinglePort } from "./declared.ts";

const isPeriodic = (options: DeclaredTask["options"]): options is Extract<DeclaredTask["options"], Periodic> =>
  "period" in options && options.period !== undefined;

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
    readonly quality?: QualityOfService;
  }[];
  readonly outputs: readonly {
    readonly topic: string;
    readonly type: string;
    readonly channel: number;
    readonly plan: ReturnType<typeof outputPlan>;
    readonly quality?: QualityOfService;
    readonly send?: "publication" | "completion";
  }[];
  readonly parameters: ApplicationDescription["parameters"];
  readonly transforms: ApplicationDescription["transforms"];
  readonly publications: ApplicationDescription["publications"];
  readonly calls: ApplicationDescription["calls"];
  /** Definitions that the messages need besides the common ones. */
  readonly messages: readonly MessageText[];
  /** One per program index. */
  readonly programs: readonly DeclaredProgram[];
}

/** What tasks that are given the same graphs under the same names run. */
export interface DeclaredProgram {
  /** The name of its graph, or of that of `forward`; no two programs have one name. */
  readonly name: string;
  readonly methods: MethodGraphs;
}

const sameMethods = (a: MethodGraphs, b: MethodGraphs): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.keys(a).every((method) => a[method] === b[method]);

/** The programs that tasks run, in the order in which they are first named. */
function programsOf(tasks: readonly DeclaredTask[]): DeclaredProgram[] {
  const programs: DeclaredProgram[] = [];
  for (const { methods } of tasks) {
    if (programs.some((each) => sameMethods(each.methods, methods))) continue;
    const wanted = programName(methods);
    let name = wanted;
    for (let count = 2; programs.some((each) => each.name === name); count++) name = `${wanted}-${count}`;
    programs.push({ name, methods });
  }
  return programs;
}

/** A tensor's shape in a slot: of a bounded dimension, as many elements as there may be. */
const slotShape = (shape: TensorType["shape"]): number[] => staticShape(shape.map(largestSize));

const fieldsOf = (channel: Channel): { name: string; dtype: Dtype; shape: number[]; bytes: number }[] =>
  Object.entries(channel.fields).map(([name, { dtype, shape }]) => {
    const sizes = slotShape(shape);
    return { name, dtype, shape: sizes, bytes: sizes.reduce((a, b) => a * b, bytesOf(dtype)) };
  });

/** Samples that must stay readable: as many as can be published while the slowest reader has not started, and one more. */
function depthOf(interval: number | undefined, readers: readonly { readonly letNs: number }[]): number {
  const longest = Math.max(0, ...readers.map((each) => each.letNs));
  return interval === undefined ? 8 : Math.min(64, Math.ceil(longest / interval) + 2);
}

/** Resolves names and times, and refuses what cannot be met: see `analyse`. */
export function layOut(application: Application): LaidOut {
  requireApplication(application);
  const { name, declarations } = application;
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
  const programs = programsOf(tasks);

  const rows = tasks.map(({ task, methods, method, graph, options, place }) => {
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
        String(slotShape(port.type.shape)) !== String(slotShape(value.type.shape))
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
      trigger: isPeriodic(options)
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
          ? "shorten the deadline or the tolerance, or lengthen the minInterval"
          : `shorten the deadline or lengthen the ${intervalName(trigger)}`,
      );
    }
    return {
      name: task.name,
      program: programs.findIndex((each) => sameMethods(each.methods, methods)),
      ...(method === "forward" ? {} : { method }),
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

  // What could not be held was refused where it was declared.
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
        ...(inputs[id]?.latencyNs ? { latencyNs: inputs[id].latencyNs } : {}),
        depth: depthOf(interval && shortestIntervalOf(interval.trigger), readers),
        ...layoutSlot(fieldsOf(channel)),
      };
    }),
    tasks: rows,
  });
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
    inputs: inputs.map(({ topic, message, channel, quality }) => ({
      topic,
      type: message.type,
      channel: channels.indexOf(channel),
      plan: message.plan,
      ...(quality === undefined ? {} : { quality }),
    })),
    outputs: outputs.map(({ topic, type, channel, ports, mapping, quality, send, place }) => {
      const id = channelId(channel, `output "${topic}"`, place);
      const row = table.channels[id]!;
      const placed = (field: string) => row.fields.find((each) => each.name === field)!;
      const { nodes = [], outputs: all = [] } = tasks.find(({ task }) => task.channel === channel)?.graph ?? {};
      const counts = countsAmong(nodes, all);
      const shown = Object.entries(ports).map(([name, { field, type: tensor }]) => ({
        ...placed(field),
        name,
        counts: tensor.shape.map((size) => {
          const count = counts.get(showDimension(size));
          return count ? placed(count.name) : undefined;
        }),
      }));
      const plan = at(place, () => outputPlan(type, row.slotBytes, shown, mapping, declarations.definitions));
      return {
        ...{ topic, type, channel: id, plan },
        ...(quality === undefined ? {} : { quality }),
        ...(send === undefined ? {} : { send }),
      };
    }),
    parameters: declarations.parameters.map(({ name: parameter, channel, value, min, max, description }) => ({
      name: parameter,
      input: inputs.findIndex((each) => each.channel === channel),
      value,
      ...(min === undefined ? {} : { min }),
      ...(max === undefined ? {} : { max }),
      ...(description === undefined ? {} : { description }),
    })),
    calls: declarations.calls.map(({ enters, leaves, ...call }) => ({
      ...call,
      enters: [...enters],
      leaves: [...leaves],
    })),
    transforms: declarations.transforms.map(({ channel, target, source }) => ({
      ...{ input: inputs.findIndex((each) => each.channel === channel), target, source },
    })),
    publications: declarations.publications.map(({ topic, type, quality }) => ({
      topic,
      type,
      ...(quality === undefined ? {} : { quality }),
    })),
    messages: declarations.definitions.textsOf([
      ...inputs.map((each) => each.message.type),
      ...outputs.map((each) => each.type),
      ...declarations.publications.map((each) => each.type),
      // Some of their parts go over no topic.
      ...declarations.calls.flatMap(({ type }) => declarations.definitions.ownPartsOf(type)),
    ]),
    programs,
  };
}
