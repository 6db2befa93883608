// What an application's declarations may be given, checked where they are made.
import { z } from "zod";
import {
  checkArgument,
  didYouMean,
  errorAt,
  functionSchema,
  hasKind,
  IsochronError,
  optionsOf,
  shown,
} from "../kernels/index.ts";
import { type MessageFileOptions, qualitySchema } from "../nodes/index.ts";
import { Graph, type MethodGraphs, methodsOf } from "../runtime/index.ts";
import { durationAboveZero, durationSchema, highestPriority } from "../scheduler/index.ts";
import type {
  ActionOptions,
  ChainLimits,
  ClientOptions,
  InputOptions,
  OnArrival,
  OutputOptions,
  ParameterDtype,
  ParameterOptions,
  Periodic,
  PublicationOptions,
  SourceOptions,
  TaskLimits,
  TransformOptions,
} from "./declared.ts";

/** The error of a declaration at a place. */
export const fail = (code: string, message: string, place: string | undefined, help?: string): never => {
  throw new IsochronError(`application/${code}`, message, {
    ...(place === undefined ? {} : { place }),
    ...(help === undefined ? {} : { help }),
  });
};

/** Errors within `body` are about the declaration at `place`. */
export function at<T>(place: string | undefined, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw errorAt(error, place);
  }
}

const text = z.string().min(1).describe("a text that is not empty");

const argument = (what: string, name: string, schema: z.ZodType, given: unknown): void =>
  checkArgument("application", what, name, schema, given);

/** Refuses a name, topic or type that is no text. */
export const requireText = (what: string, name: string, given: unknown): void => argument(what, name, text, given);

/** Refuses what cannot be called; `takes` is what it should be. */
export const requireFunction = (what: string, name: string, given: unknown, takes: string): void =>
  argument(what, name, functionSchema.describe(`a function: ${takes}`), given);

export const requireApplication = (given: unknown): void =>
  argument(
    "a declared application",
    "application",
    z.custom((each) => hasKind(each, "application")).describe("what application(NAME, (app) => { … }) returns"),
    given,
  );

export const requirePath = (given: unknown): void =>
  argument("app.messages", "path", z.union([text, z.instanceof(URL)]).describe("a path, or a URL of a file"), given);

export const requireMessage = (what: string, given: unknown): void =>
  argument(
    what,
    "message",
    z
      .custom((each) => typeof (each as { resolve?: unknown } | undefined)?.resolve === "function")
      .describe('what makes tensors of a message: numbers(TYPE, …), message(TYPE, …), image("rgb8", [HEIGHT, WIDTH])'),
    given,
  );

export const requireObservable = (what: string, given: unknown): void =>
  argument(
    what,
    "messages",
    z
      .custom((each) => typeof (each as { subscribe?: unknown } | undefined)?.subscribe === "function")
      .describe("an Observable of messages"),
    given,
  );

export const checkMessages = optionsOf<MessageFileOptions>("application", "app.messages", () => ({
  package: text.optional(),
}));
export const checkInput = optionsOf<InputOptions>("application", "app.input", () => ({
  latency: durationSchema.optional(),
  quality: qualitySchema.optional(),
}));
export const checkPublication = optionsOf<PublicationOptions>("application", "app.publish", () => ({
  quality: qualitySchema.optional(),
}));
const checkOutputOptions = optionsOf<OutputOptions>("application", "app.output", () => ({
  quality: qualitySchema.optional(),
  send: z.enum(["publication", "completion"]).optional(),
}));
export const checkSource = optionsOf<SourceOptions>("application", "app.source", () => ({
  latency: durationSchema.optional(),
  topic: text.optional(),
}));
export const checkActionOptions = optionsOf<ActionOptions<never>>("application", "app.action", () => ({
  accept: functionSchema.optional(),
}));
export const checkClientOptions = optionsOf<ClientOptions>("application", "app.client", () => ({
  timeout: durationAboveZero.optional(),
}));

/** Refuses names of services and actions, and types of another kind. */
export function checkCall(what: string, kind: "srv" | "action", name: unknown, type: unknown): [string, string] {
  requireText(what, "name", name);
  const example =
    kind === "srv" ? "a service's type, such as std_srvs/srv/Trigger" : "an action's type: PACKAGE/action/NAME";
  argument(
    what,
    "type",
    z
      .string()
      .regex(new RegExp(`^\\w+/${kind}/\\w+$`))
      .describe(example),
    type,
  );
  return [name as string, type as string];
}

/** The messages that carry a parameter's values, by its dtype. */
export const parameterTypes: Readonly<Record<ParameterDtype, string>> = {
  f32: "std_msgs/msg/Float32",
  f64: "std_msgs/msg/Float64",
  bool: "std_msgs/msg/Bool",
  i8: "std_msgs/msg/Int8",
  i16: "std_msgs/msg/Int16",
  i32: "std_msgs/msg/Int32",
  i64: "std_msgs/msg/Int64",
  u8: "std_msgs/msg/UInt8",
  u16: "std_msgs/msg/UInt16",
  u32: "std_msgs/msg/UInt32",
  u64: "std_msgs/msg/UInt64",
};

const checkParameterOptions = optionsOf<ParameterOptions>("application", "app.parameter", () => ({
  min: z.number().optional(),
  max: z.number().optional(),
  description: text.optional(),
}));

/** Refuses a parameter's name, dtype, first value and range. Throws `application/parameter` where the value is outside. */
export function checkParameter(name: unknown, dtype: unknown, value: unknown, options: unknown): void {
  requireText("app.parameter", "name", name);
  const what = `parameter "${String(name)}"`;
  argument(what, "dtype", z.enum(Object.keys(parameterTypes)), dtype);
  checkParameterOptions(options, what);
  const isBool = dtype === "bool";
  const isFloat = dtype === "f32" || dtype === "f64";
  const number = isFloat ? z.number() : z.int();
  argument(what, "value", isBool ? z.boolean() : number, value);
  const { min, max } = options as ParameterOptions;
  if (typeof value !== "number" || (value >= (min ?? value) && value <= (max ?? value))) return;
  throw new IsochronError("application/parameter", `${what} begins as ${value}, outside of its own range`, {
    help: "give a value from min to max",
  });
}

const checkTransformOptions = optionsOf<TransformOptions>("application", "app.transform", () => ({
  dtype: z.enum(["f32", "f64"]).optional(),
}));
const frame = z.string().regex(/^[^/]/).describe("the name of a frame, which begins with no slash");

/** Refuses what are no two frames. */
export function checkTransform(target: unknown, source: unknown, options: unknown): void {
  argument("app.transform", "target", frame, target);
  argument("app.transform", "source", frame, source);
  checkTransformOptions(options, `transform of "${String(source)}" to "${String(target)}"`);
}

const checkLimits = optionsOf<ChainLimits>("application", "app.chain", () => ({
  budget: durationAboveZero,
  maxAge: durationAboveZero.optional(),
}));

const programSchema = z
  .union([z.instanceof(Graph), z.record(z.string(), z.instanceof(Graph))])
  .describe("a graph, which trace() makes, or some by the names of their methods: { forward, reset }");

type AllTaskOptions = TaskLimits & { readonly inputs: unknown; readonly method?: string } & Periodic & OnArrival;
const checkTaskOptions = optionsOf<AllTaskOptions>("application", "app.task", () => ({
  inputs: z.looseObject({}).describe("what it reads, by its graph's inputs: { x: input }"),
  method: text.optional(),
  period: durationAboveZero.optional(),
  phase: durationSchema.optional(),
  on: z
    .custom((given) => hasKind(given, "input", "task"))
    .describe("an input or a task of this application")
    .optional(),
  minInterval: durationAboveZero.optional(),
  tolerance: durationSchema.optional(),
  early: z.enum(["drop", "defer"]).optional(),
  budget: durationAboveZero,
  deadline: durationAboveZero,
  priority: z.int().min(1).max(highestPriority).optional(),
  core: z.int().min(0).max(1023).optional(),
  onOverrun: z.enum(["hold", "skip"]).optional(),
}));

const triggerHelp = 'say when it is released: period: "20ms", or on: INPUT with minInterval: "20ms"';
const ofArrival = ["minInterval", "tolerance", "early"] as const;

/** Refuses a task that nothing releases, or two things. Throws `application/trigger`. */
function checkTrigger(what: string, given: Partial<AllTaskOptions>): void {
  const refuse = (message: string, help = triggerHelp): never => {
    throw new IsochronError("application/trigger", `${what} ${message}`, { help });
  };
  const { period, on, phase, minInterval } = given;
  if (period === undefined && on === undefined) refuse("has neither a period nor what it is released on");
  if (period !== undefined && on !== undefined)
    refuse("has a period and is released on arrival", "leave one of them out");
  const misplaced = period === undefined ? undefined : ofArrival.find((name) => given[name] !== undefined);
  if (misplaced)
    refuse(
      `has a period, with which ${misplaced} does not go`,
      `leave it out, or give on: INPUT instead of the period`,
    );
  if (on !== undefined && phase !== undefined)
    refuse("is released on arrival, with which phase does not go", "leave it out, or give a period instead of on");
  if (on !== undefined && minInterval === undefined)
    refuse("has no minInterval", 'say how far apart arrivals are at least: minInterval: "20ms"');
}

/** Refuses a task's options: names, values, when it is released, and what it reads. */
export function checkTask(
  name: string,
  given: unknown,
  options: unknown,
): { readonly methods: MethodGraphs; readonly method: string; readonly graph: Graph } {
  requireText("app.task", "name", name);
  const what = `task "${name}"`;
  argument(what, "graph", programSchema, given);
  const methods = methodsOf(given as Graph | MethodGraphs);
  checkTaskOptions(options, what);
  const asked = options as Partial<AllTaskOptions>;
  checkTrigger(what, asked);
  const method = asked.method ?? "forward";
  const graph = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (!graph) {
    const names = Object.keys(methods);
    throw new IsochronError("application/method", `${what}: its program has no method "${method}"`, {
      help: didYouMean(method, names, `name one of its methods: method: "${names.join('", "')}"`),
    });
  }
  checkWiring(what, graph, asked.inputs as Readonly<Record<string, unknown>>);
  return { methods, method, graph };
}

/** Refuses inputs that the graph does not have, and what no input can read. Throws `application/wiring`. */
function checkWiring(what: string, graph: Graph, inputs: Readonly<Record<string, unknown>>): void {
  const names = graph.inputs.map(({ name }) => name);
  for (const [name, source] of Object.entries(inputs)) {
    if (!names.includes(name)) {
      const known = names.length === 0 ? `"${graph.name}" reads nothing` : `"${graph.name}" reads ${names.join(", ")}`;
      throw new IsochronError("application/wiring", `${what}: there is no input "${name}"`, {
        help: didYouMean(name, names, known),
      });
    }
    if (source === undefined || hasKind(source, "input", "port")) continue;
    const help = hasKind(source, "task")
      ? "connect one of its outputs: TASK.outputs.NAME"
      : "connect what app.input() returned, or TASK.outputs.NAME";
    const given = hasKind(source, "task") ? "a task" : shown(source);
    throw new IsochronError("application/wiring", `${what}: input "${name}" cannot be ${given}`, { help });
  }
}

/** Refuses a chain's path and limits. Throws `application/chain`. */
export function checkChain(name: unknown, path: unknown, limits: unknown): void {
  requireText("app.chain", "name", name);
  const what = `chain "${String(name)}"`;
  const refuse = (message: string): never => {
    throw new IsochronError("application/chain", `${what} ${message}`, {
      help: "name the input where it begins and the tasks that it passes: app.chain(NAME, [input, task], LIMITS)",
    });
  };
  if (!Array.isArray(path)) refuse(`goes along ${path === undefined ? "nothing" : shown(path)}`);
  const along = path as readonly unknown[];
  const wrong = along.findIndex((each) => !hasKind(each, "input", "task"));
  if (wrong >= 0) refuse(`goes along ${hasKind(along[wrong], "port") ? "a port" : shown(along[wrong])}`);
  if (!hasKind(along[0], "input")) refuse(along.length === 0 ? "goes along nothing" : "begins with a task");
  if (along.length === 1) refuse("passes no task");
  if (along.slice(1).some((each) => hasKind(each, "input"))) refuse("passes an input behind its beginning");
  checkLimits(limits, what);
}

const outputTarget = z
  .union([text, z.custom((given) => hasKind(given, "fields", "texts", "count", "stamp", "fixed"))])
  .describe("a field's path, fields([…]), texts(PATH, […]), count(PATH), stamp() or fixed(VALUE)");

/** Refuses what no output can show, and what fills no field. */
export function checkOutput(topic: unknown, type: unknown, ports: unknown, mapping: unknown, options: unknown): void {
  requireText("app.output", "topic", topic);
  const what = `output "${String(topic)}"`;
  requireText(what, "type", type);
  argument(what, "ports", z.looseObject({}).describe("a task's outputs: TASK.outputs, or some of them"), ports);
  argument(what, "mapping", z.looseObject({}).describe("what fills which field: { OUTPUT: PATH }"), mapping);
  for (const [name, target] of Object.entries(mapping as object))
    if (target !== undefined) argument(what, `mapping.${name}`, outputTarget, target);
  checkOutputOptions(options, what);
}
