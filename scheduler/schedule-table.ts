// The schedule table: channels and tasks with every time resolved, as the executive runs it and recordings carry it.
import { z } from "zod";
import { dtypes } from "../kernels/index.ts";
import { formatDuration } from "./duration.ts";

const ns = z.int().min(0);
const index = z.int().min(0).max(0xffff);

const field = z.strictObject({
  name: z.string().min(1),
  dtype: z.enum(dtypes),
  shape: z.array(z.int().min(0)),
  /** Bytes from the start of the slot; a multiple of 64. */
  offset: z.int().min(0).multipleOf(64),
  bytes: z.int().min(0),
});

const channel = z.strictObject({
  name: z.string().min(1),
  source: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("external") }),
    z.strictObject({ kind: z.literal("task"), task: index }),
  ]),
  /** From a message's arrival to its sample, decoded on a thread of its own; absent where it is decoded as it arrives. */
  latencyNs: ns.optional(),
  /** Samples that stay readable. */
  depth: z.int().min(1).max(4096),
  slotBytes: z.int().min(0),
  /** None where no task reads anything of the messages: they are observed. */
  fields: z.array(field),
});

const trigger = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("periodic"), periodNs: z.int().min(1), phaseNs: ns }),
  z.strictObject({
    kind: z.literal("arrival"),
    channel: index,
    minIntervalNs: z.int().min(1),
    /** How much earlier than the interval asks a sample may come; 0 where absent. */
    toleranceNs: ns.optional(),
    early: z.enum(["drop", "defer"]),
  }),
]);

/** Above it are threads of the system's. */
export const highestPriority = 98;

const task = z.strictObject({
  name: z.string().min(1),
  /** Which of the application's programs the task runs. */
  program: index,
  /** Which of the program's methods; `forward` where absent. */
  method: z.string().min(1).optional(),
  trigger,
  budgetNs: z.int().min(1),
  deadlineNs: z.int().min(1),
  letNs: z.int().min(1),
  priority: z.int().min(1).max(highestPriority),
  core: z.int().min(0).max(1023),
  onOverrun: z.enum(["hold", "skip"]),
  inputs: z.array(z.strictObject({ channel: index, field: index })),
  output: index,
});

const rows = z.strictObject({
  version: z.literal(1),
  name: z.string().min(1),
  channels: z.array(channel),
  tasks: z.array(task).min(1),
});

/** Where a table names what it does not have, or has fields beyond a slot: a path in it, and what is wrong there. */
function* inconsistencies({
  channels,
  tasks,
}: z.infer<typeof rows>): Generator<readonly [(string | number)[], string]> {
  for (const [at, { source, slotBytes, fields }] of channels.entries()) {
    if (source.kind === "task" && tasks[source.task]?.output !== at)
      yield [["channels", at, "source", "task"], `task ${source.task} does not write channel ${at}`];
    for (const [number, { offset, bytes }] of fields.entries())
      if (offset + bytes > slotBytes)
        yield [["channels", at, "fields", number], `it ends at byte ${offset + bytes} of a slot of ${slotBytes}`];
  }
  for (const [at, { trigger, inputs, output }] of tasks.entries()) {
    const path = ["tasks", at];
    if (trigger.kind === "arrival" && !channels[trigger.channel])
      yield [[...path, "trigger", "channel"], `there is no channel ${trigger.channel}`];
    const source = channels[output]?.source;
    if (source?.kind !== "task" || source.task !== at)
      yield [[...path, "output"], `channel ${output} is not what task ${at} writes`];
    for (const [number, { channel: of, field: which }] of inputs.entries())
      if (!channels[of]?.fields[which]) yield [[...path, "inputs", number], `channel ${of} has no field ${which}`];
  }
}

/** The schedule table; times are whole nanoseconds, tasks and channels name each other by index. */
export const scheduleTable = rows.superRefine((table, { addIssue }) => {
  for (const [path, message] of inconsistencies(table)) addIssue({ code: "custom", path, message });
});

export type ScheduleTable = z.infer<typeof scheduleTable>;
export type ChannelRow = z.infer<typeof channel>;
export type FieldRow = z.infer<typeof field>;
export type TaskRow = z.infer<typeof task>;
export type Trigger = z.infer<typeof trigger>;
export type OverrunPolicy = TaskRow["onOverrun"];

/** How much earlier than its interval asks a task may be released; in the long run the interval holds. */
export const toleranceOf = (trigger: Trigger): number => (trigger.kind === "periodic" ? 0 : (trigger.toleranceNs ?? 0));

/** The time between two releases of a task that holds in the long run: no more than (t + tolerance) / interval, rounded up, fall within t. */
export const intervalOf = (trigger: Trigger): number =>
  trigger.kind === "periodic" ? trigger.periodNs : trigger.minIntervalNs;

/** The option that says it. */
export const intervalName = (trigger: Trigger): "period" | "minInterval" =>
  trigger.kind === "periodic" ? "period" : "minInterval";

/** The shortest time between two releases of a task. */
export const shortestIntervalOf = (trigger: Trigger): number => intervalOf(trigger) - toleranceOf(trigger);

/** When a task is released, in words; `channel` is the name of what releases it on arrival. */
export function describeTrigger(trigger: Trigger, channel: string): string {
  if (trigger.kind === "periodic") return `every ${formatDuration(trigger.periodNs)}`;
  const tolerated = toleranceOf(trigger) > 0 ? `, ${formatDuration(toleranceOf(trigger))} early tolerated` : "";
  return `on ${channel}, at least ${formatDuration(trigger.minIntervalNs)} apart${tolerated}`;
}

/** Lays fields out in a slot, each at a multiple of 64 bytes. */
export function layoutSlot(fields: readonly Omit<FieldRow, "offset">[]): {
  readonly slotBytes: number;
  readonly fields: FieldRow[];
} {
  let end = 0;
  const placed = fields.map((each) => {
    const offset = Math.ceil(end / 64) * 64;
    end = offset + each.bytes;
    return { ...each, offset };
  });
  return { slotBytes: end, fields: placed };
}

/** The table in readable, stable text. */
export function printScheduleTable(table: ScheduleTable): string {
  const time = formatDuration;
  const channelName = (id: number) => table.channels[id]?.name ?? `?${id}`;
  const lines = [`schedule ${table.name}`];
  for (const each of table.channels) {
    const from = each.source.kind === "external" ? "external" : `task ${table.tasks[each.source.task]?.name ?? "?"}`;
    const fields = each.fields.map((f) => `${f.name}: ${f.dtype}[${f.shape.join(",")}]@${f.offset}`).join(", ");
    const latency = each.latencyNs ? `, decoded within ${time(each.latencyNs)}` : "";
    lines.push(
      `  channel ${each.name} from ${from}${latency}  depth ${each.depth}, slot ${each.slotBytes} B { ${fields} }`,
    );
  }
  for (const each of table.tasks) {
    const { trigger } = each;
    const when =
      trigger.kind === "periodic"
        ? `${describeTrigger(trigger, "")}${trigger.phaseNs ? ` + ${time(trigger.phaseNs)}` : ""}`
        : `${describeTrigger(trigger, channelName(trigger.channel))} (${trigger.early})`;
    const method = each.method === undefined ? "" : `  method ${each.method}`;
    lines.push(
      `  task ${each.name}${method}  ${when}  budget ${time(each.budgetNs)}, deadline ${time(each.deadlineNs)}, LET ${time(each.letNs)}, ` +
        `priority ${each.priority}, core ${each.core}, overrun ${each.onOverrun}`,
    );
    const inputs = each.inputs.map(
      (port) => `${channelName(port.channel)}.${table.channels[port.channel]?.fields[port.field]?.name}`,
    );
    lines.push(`    (${inputs.join(", ")}) → ${channelName(each.output)}`);
  }
  return lines.join("\n");
}
