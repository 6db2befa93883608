// The description of an application that a recording or an .isoapp carries: all that running it again takes, save its programs.
import { z } from "zod";
import { Definitions, decodePlan, encodePlan, qualityOfService } from "../nodes/index.ts";
import { scheduleTable } from "../scheduler/index.ts";

const index = z.int().min(0);

const parts = z.strictObject({
  format: z.literal("isochron-application"),
  version: z.literal(1),
  name: z.string(),
  table: scheduleTable,
  inputs: z.array(
    z.strictObject({
      topic: z.string(),
      type: z.string(),
      channel: index,
      plan: decodePlan,
      quality: qualityOfService.exactOptional(),
    }),
  ),
  outputs: z.array(
    z.strictObject({
      topic: z.string(),
      type: z.string(),
      channel: index,
      plan: encodePlan,
      quality: qualityOfService.exactOptional(),
      /** When a message leaves a live run: at its publication instant unless said. */
      send: z.enum(["publication", "completion"]).exactOptional(),
    }),
  ),
  chains: z.array(
    z.strictObject({
      name: z.string(),
      from: index,
      tasks: z.array(index).min(1),
      budgetNs: index,
      maxAgeNs: index.optional(),
    }),
  ),
  /** Topics on which pipelines publish. */
  publications: z
    .array(z.strictObject({ topic: z.string(), type: z.string(), quality: qualityOfService.exactOptional() }))
    .default([]),
  /** Services and actions of pipelines; what enters is among the inputs, what leaves among the publications. */
  calls: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        type: z.string().min(1),
        role: z.enum(["server", "client"]),
        enters: z.array(z.strictObject({ topic: z.string(), type: z.string() })),
        leaves: z.array(z.strictObject({ topic: z.string(), type: z.string() })),
      }),
    )
    .default([]),
  /** Inputs whose messages are the values of a parameter. */
  parameters: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        /** Its place among the inputs. */
        input: index,
        value: z.union([z.number(), z.boolean()]),
        min: z.number().exactOptional(),
        max: z.number().exactOptional(),
        description: z.string().exactOptional(),
      }),
    )
    .default([]),
  /** Inputs whose messages say where the frame `source` is in the frame `target`. */
  transforms: z
    .array(z.strictObject({ input: index, target: z.string().min(1), source: z.string().min(1) }))
    .default([]),
  /** Definitions that the topics' types need besides the common ones, as their .msg files have them. */
  messages: z.array(z.strictObject({ type: z.string(), text: z.string() })).default([]),
  /** One per program index: the artifact's name and hash. */
  programs: z.array(z.strictObject({ name: z.string(), blake3: z.string() })),
});

/** Where an application names a channel, a task or a program that it does not have. */
function* inconsistencies({
  table: { channels, tasks },
  inputs,
  outputs,
  parameters,
  transforms,
  chains,
  programs,
}: z.infer<typeof parts>): Generator<readonly [(string | number)[], string]> {
  const noChannel = (channel: number): string => `there is no such channel as ${channel}`;
  for (const [at, { channel }] of inputs.entries())
    if (channels[channel]?.source.kind !== "external") yield [["inputs", at, "channel"], noChannel(channel)];
  for (const [at, { channel }] of outputs.entries())
    if (channels[channel]?.source.kind !== "task") yield [["outputs", at, "channel"], noChannel(channel)];
  for (const [at, { input }] of parameters.entries())
    if (!inputs[input]) yield [["parameters", at, "input"], `there is no input ${input}`];
  for (const [at, { input }] of transforms.entries())
    if (!inputs[input]) yield [["transforms", at, "input"], `there is no input ${input}`];
  for (const [at, { from, tasks: path }] of chains.entries()) {
    if (channels[from]?.source.kind !== "external") yield [["chains", at, "from"], noChannel(from)];
    for (const [step, task] of path.entries())
      if (!tasks[task]) yield [["chains", at, "tasks", step], `there is no task ${task}`];
  }
  for (const [at, { program }] of tasks.entries())
    if (!programs[program]) yield [["table", "tasks", at, "program"], `there is no program ${program}`];
}

/** `application.json`. */
export const applicationDescription = parts.superRefine((description, { addIssue }) => {
  for (const [path, message] of inconsistencies(description)) addIssue({ code: "custom", path, message });
});

/** What `application.json` says: schedule, plans of messages, chains, programs. */
export type ApplicationDescription = z.infer<typeof applicationDescription>;

/** The message types that an application knows. */
export function definitionsIn({ messages }: ApplicationDescription): Definitions {
  const known = new Set(messages.map(({ type }) => type));
  // Version 0.1 took `Header` for that of std_msgs wherever it stood, and carried texts that say no more than that.
  const texts = messages.map(({ type, text }) => {
    const hasOwn = known.has(`${type.split("/")[0]}/msg/Header`);
    return { type, text: hasOwn ? text : text.replace(/^(\s*)Header(?=[\s[])/gm, "$1std_msgs/Header") };
  });
  return Definitions.common.with(texts);
}

/** The codecs in the form that the runtime module takes. */
export const codecsOf = (application: ApplicationDescription): string =>
  JSON.stringify({
    decode: application.table.channels.map(
      (_, id) => application.inputs.find((each) => each.channel === id)?.plan ?? null,
    ),
    encode: application.outputs.map(({ channel, plan, send = "publication" }) => ({ channel, plan, send })),
  });
