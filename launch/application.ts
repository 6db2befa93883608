// The application description: inputs, tasks, outputs and chains, typed end to end.
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Observable } from "rxjs";
import { IsochronError } from "../kernels/index.ts";
import {
  Definitions,
  type DropCounter,
  defaultQuality,
  field,
  fullTypeName,
  type InputMessage,
  inputQuality,
  type LogicalClock,
  layoutOf,
  type MessageFileOptions,
  type MessageText,
  message,
  type OutputMapping,
  type QualityOfService,
  qualityOf,
  type ResolvedMessage,
  readMessageFiles,
  StreamHub,
} from "../nodes/index.ts";
import type { Graph, MethodGraphs, Signature, TensorType } from "../runtime/index.ts";
import { parseDuration } from "../scheduler/index.ts";
import type { World } from "../sim/index.ts";
import { Closers } from "./closers.ts";
import {
  at,
  checkChain,
  checkInput,
  checkMessages,
  checkOutput,
  checkParameter,
  checkPublication,
  checkSource,
  checkTask,
  fail,
  parameterTypes,
  requireFunction,
  requireMessage,
  requireObservable,
  requirePath,
  requireText,
} from "./declarations.ts";
import type {
  ChainLimits,
  Channel,
  DeclaredTask,
  DefaultMethod,
  Facts,
  Input,
  InputOptions,
  MethodName,
  MethodOf,
  OptionsOf,
  OutputOptions,
  ParameterDtype,
  ParameterOptions,
  Port,
  Ports,
  SourceOptions,
  Task,
  TaskOf,
} from "./declared.ts";
import { callerPlace } from "./user-place.ts";

const portsOf = <S extends Signature>(channel: Channel, fields: S): Ports<S> =>
  Object.fromEntries(
    Object.entries(fields).map(([field, type]) => [field, { kind: "port", channel, field, type }]),
  ) as unknown as Ports<S>;

/** Collects an application's declarations. */
export class ApplicationBuilder {
  readonly inputs: {
    readonly topic: string;
    readonly message: ResolvedMessage;
    readonly channel: Channel;
    readonly latencyNs: number;
    readonly quality: QualityOfService | undefined;
  }[] = [];
  readonly parameters: (ParameterOptions & {
    readonly name: string;
    readonly channel: Channel;
    readonly value: number | boolean;
  })[] = [];
  readonly tasks: DeclaredTask[] = [];
  readonly outputs: {
    readonly topic: string;
    readonly type: string;
    readonly channel: Channel;
    readonly ports: Readonly<Record<string, Port>>;
    readonly mapping: OutputMapping;
    readonly quality: QualityOfService | undefined;
    readonly place: string | undefined;
  }[] = [];
  readonly publications: {
    readonly topic: string;
    readonly type: string;
    readonly quality: QualityOfService | undefined;
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

  /**
   * Message types of the application's own: a `.msg` file, or a folder with them below it, relative to the calling file.
   *
   * @example
   * ```ts
   * app.messages("./msg"); // my_robot/msg/Wheel.msg and others below it
   * ```
   */
  messages(path: string | URL, options: MessageFileOptions = {}): void {
    if (this.#carried) return;
    const place = callerPlace();
    at(place, () => {
      requirePath(path);
      checkMessages(options);
    });
    const base = place === undefined ? process.cwd() : dirname(place.replace(/:\d+:\d+$/, ""));
    const full = typeof path === "string" ? resolve(base, path) : fileURLToPath(path);
    at(place, () => {
      this.definitions = this.definitions.with(readMessageFiles(full, options));
    });
  }

  /**
   * An input topic.
   *
   * @example
   * ```ts
   * const position = app.input("/position", message("std_msgs/msg/Float32", { metres: field("data") }));
   * const camera = app.input("/camera", image("rgb8", [480, 640]));
   * ```
   */
  input<F extends Signature>(topic: string, message: InputMessage<F>, options: InputOptions = {}): Input<F> {
    const resolved = at(callerPlace(), () => {
      requireText("app.input", "topic", topic);
      const what = `input "${topic}"`;
      requireMessage(what, message);
      checkInput(options, what);
      return message.resolve(this.definitions);
    });
    const channel: Channel = { name: topic, fields: resolved.fields, origin: "input" };
    this.#unique(topic);
    this.inputs.push({
      topic,
      message: resolved,
      channel,
      latencyNs: parseDuration(options.latency ?? 0),
      quality: options.quality && qualityOf(options.quality, inputQuality),
    });
    return { kind: "input", channel, ports: portsOf(channel, resolved.fields) };
  }

  /**
   * A scalar that is set from outside while the application runs, at the command line, by the run's handle or over the
   * transport. A value takes effect at a logged tag, like a message, so that replay sees it there.
   *
   * @example
   * ```ts
   * const position = app.input("/position", message("std_msgs/msg/Float32", { metres: field("data") }));
   * const stiffness = app.parameter("stiffness", "f32", 0.35, { min: 0, max: 2, description: "newtons per metre" });
   * ```
   */
  parameter<D extends ParameterDtype>(
    name: string,
    dtype: D,
    value: number | boolean,
    options: ParameterOptions = {},
  ): Port<TensorType<D>> {
    at(callerPlace(), () => checkParameter(name, dtype, value, options));
    const carrier = message(parameterTypes[dtype], { value: field("data", { dtype }) });
    const input = this.input(`/isochron/parameters/${name}`, carrier);
    this.parameters.push({ ...options, name, channel: input.channel, value });
    return (input.ports as unknown as { readonly value: Port<TensorType<D>> }).value;
  }

  /**
   * A task that runs a graph, or one method of a program: that of `options.method`, or `forward`. Its inputs and outputs are
   * typed by the graph.
   *
   * Tasks that are given the same graphs under the same names share one program, its code and its weights. Each task has states of
   * its own, whatever program it runs: what one writes, no other reads.
   *
   * @example
   * ```ts
   * const position = app.input("/position", message("std_msgs/msg/Float32", { metres: field("data") }));
   * const push = app.task("push", controller, {
   *   inputs: { position },
   *   period: "20ms",
   *   budget: "200us",
   *   deadline: "5ms",
   *   onOverrun: "hold",
   * });
   * ```
   */
  task<G extends Graph | MethodGraphs, K extends MethodName<G> = DefaultMethod<G>>(
    name: string,
    given: G,
    options: OptionsOf<MethodOf<G, K>> & { readonly method?: K },
  ): TaskOf<MethodOf<G, K>> {
    const place = callerPlace();
    const { methods, method, graph } = at(place, () => checkTask(name, given, options));
    this.#unique(name);
    const fields: Signature = Object.fromEntries(graph.outputs.map((each) => [each.name, each.value.type]));
    const channel: Channel = { name, fields, origin: "task" };
    const task: Task = { kind: "task", name, channel, outputs: portsOf(channel, fields) };
    this.tasks.push({ task, methods, method, graph, options: options as OptionsOf<Graph>, place });
    return task as TaskOf<MethodOf<G, K>>;
  }

  /**
   * An output topic that shows a task's outputs as a message; see `OutputMapping` for what fills which field.
   *
   * @example
   * ```ts
   * const position = app.input("/position", message("std_msgs/msg/Float32", { metres: field("data") }));
   * const push = app.task("push", controller, {
   *   inputs: { position },
   *   period: "20ms",
   *   budget: "200us",
   *   deadline: "5ms",
   *   onOverrun: "hold",
   * });
   * app.output("/force", "std_msgs/msg/Float32", push.outputs, { force: "data" });
   * ```
   */
  output<S extends Signature>(
    topic: string,
    type: string,
    ports: Ports<S>,
    mapping: OutputMapping<keyof S & string> = {},
    options: OutputOptions = {},
  ): void {
    const place = callerPlace();
    at(place, () => checkOutput(topic, type, ports, mapping, options));
    this.#unique(topic);
    const all: readonly Port[] = Object.values(ports);
    const channel = all[0]?.channel;
    if (!channel || all.some((port) => port.channel !== channel)) {
      fail("output", `output "${topic}" must show outputs of one task`, place, "pass task.outputs, or some of them");
    }
    const quality = options.quality && qualityOf(options.quality, defaultQuality);
    this.outputs.push({ topic, type, channel: channel!, ports, mapping, quality, place });
  }

  /**
   * An end-to-end latency budget along a path: from a sample's arrival to the first publication that used it.
   *
   * `maxAge` limits how old a sample may be whenever the last task publishes what derives from it, held values included, so
   * that a gap of the input is seen. It is refused where it cannot hold however the input comes, and measured in every run.
   *
   * @example
   * ```ts
   * const position = app.input("/position", message("std_msgs/msg/Float32", { metres: field("data") }));
   * const push = app.task("push", controller, {
   *   inputs: { position },
   *   period: "20ms",
   *   budget: "200us",
   *   deadline: "5ms",
   *   onOverrun: "hold",
   * });
   * app.chain("position to force", [position, push], { budget: "30ms", maxAge: "100ms" });
   * ```
   */
  chain(name: string, path: readonly [Input<Signature>, ...Task[]], limits: ChainLimits): void {
    const place = callerPlace();
    at(place, () => checkChain(name, path, limits));
    const maxAgeNs = limits.maxAge === undefined ? undefined : parseDuration(limits.maxAge);
    this.chains.push({ name, path, budgetNs: parseDuration(limits.budget), maxAgeNs, place });
  }

  /**
   * The world that the application drives in simulation.
   *
   * @example
   * ```ts
   * app.world(() => ({
   *   name: "a ramp",
   *   periodNs: 10_000_000,
   *   step: (timeNs, io) => io.publish("/position", { data: timeNs / 1e9 }),
   *   summary: () => ({}),
   * }));
   * ```
   */
  world(factory: () => World): void {
    at(callerPlace(), () => requireFunction("app.world", "factory", factory, "() => world"));
    this.worldFactory = factory;
  }

  /**
   * Logical time for pipelines: pass it to RxJS operators that take a scheduler.
   *
   * @example
   * ```ts
   * app.source(
   *   interval(100, app.clock).pipe(map((count) => ({ data: count }))),
   *   message("std_msgs/msg/Float32", { beat: field("data") }),
   * );
   * ```
   */
  get clock(): LogicalClock {
    return this.streams.clock;
  }

  /**
   * Every message of an input or output topic during a run, in the order of their tags.
   *
   * @example
   * ```ts
   * const fast = app.counter("fast");
   * app.on<{ readonly data: number }>("/position").subscribe(({ data }) => {
   *   if (data > 3) fast.add(1);
   * });
   * ```
   */
  on<T = unknown>(topic: string): Observable<T> {
    at(callerPlace(), () => requireText("app.on", "topic", topic));
    return this.streams.on<T>(topic);
  }

  /**
   * An input that a pipeline feeds: what it emits is admitted, and logged, like any message.
   *
   * @example
   * ```ts
   * const raw = app.on<{ readonly data: number }>("/raw");
   * app.input("/raw", message("std_msgs/msg/Float32", { value: field("data") }));
   * const filtered = app.source(
   *   raw.pipe(filter(({ data }) => Number.isFinite(data))),
   *   message("std_msgs/msg/Float32", { value: field("data") }),
   *   { topic: "/filtered" },
   * );
   * ```
   */
  source<F extends Signature>(
    messages: Observable<object>,
    message: InputMessage<F>,
    options: SourceOptions = {},
  ): Input<F> {
    at(callerPlace(), () => {
      requireObservable("app.source", messages);
      checkSource(options);
    });
    const { topic = `/stream/${this.inputs.length}`, ...rest } = options;
    const input = this.input(topic, message, rest);
    this.streams.source(topic, messages);
    return input;
  }

  /**
   * A topic on which a pipeline publishes, such as markers or diagnostics: each message is published when it is emitted,
   * and recorded. Replay runs no pipelines, so that what tasks are to do belongs into `app.output`.
   *
   * @example
   * ```ts
   * const position = app.on<{ readonly data: number }>("/position");
   * app.input("/position", message("std_msgs/msg/Float32", { metres: field("data") }));
   * app.publish("/log", "std_msgs/msg/String", position.pipe(map(({ data }) => ({ data: `at ${data} m` }))));
   * ```
   */
  publish(topic: string, type: string, messages: Observable<object>, options: OutputOptions = {}): void {
    const name = at(callerPlace(), () => {
      requireText("app.publish", "topic", topic);
      requireText("app.publish", "type", type);
      requireObservable("app.publish", messages);
      checkPublication(options);
      layoutOf(type, this.definitions);
      return fullTypeName(type);
    });
    this.#unique(topic);
    const quality = options.quality && qualityOf(options.quality, defaultQuality);
    this.publications.push({ topic, type: name, quality });
    this.streams.publication(topic, messages);
  }

  /**
   * A counter of what a pipeline drops; the report shows it.
   *
   * @example
   * ```ts
   * const dropped = app.counter("stale");
   * dropped.add(2);
   * ```
   */
  counter(name: string): DropCounter {
    at(callerPlace(), () => requireText("app.counter", "name", name));
    return this.streams.counter(name);
  }

  /**
   * Says how to close what the application opened (sockets, timers, files): called once, what was said last first, at the
   * end of a run, of the start that `isochron build` tries, and by `application.close()` in tests. It may be async.
   *
   * @example
   * ```ts
   * const timer = setInterval(() => {}, 1000);
   * app.closing(() => clearInterval(timer));
   * ```
   */
  closing(close: () => void | Promise<void>): void {
    const place = callerPlace();
    at(place, () => requireFunction("app.closing", "close", close, "() => what closes it"));
    this.#closers.add(close, place);
  }

  /**
   * What a run came to, asked for at its end: printed, and put into the report.
   *
   * @example
   * ```ts
   * let laps = 0;
   * app.on("/lap").subscribe(() => laps++);
   * app.summary(() => ({ laps }));
   * ```
   */
  summary(facts: () => Facts): void {
    at(callerPlace(), () => requireFunction("app.summary", "facts", facts, "() => ({ NAME: value })"));
    this.summaries.push(facts);
  }

  #unique(name: string): void {
    const names = [
      ...this.inputs.map((each) => each.topic),
      ...this.tasks.map((each) => each.task.name),
      ...this.outputs.map((each) => each.topic),
      ...this.publications.map((each) => each.topic),
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

/** Refuses a declaration that goes on behind its function's end. Throws `application/async`. */
function requireDeclared(name: string, result: unknown): void {
  if (!(result instanceof Promise)) return;
  result.catch(() => undefined);
  throw new IsochronError("application/async", `application "${name}" is declared by an async function`, {
    help: "await before: const weights = await read(); export default application(NAME, (app) => { … })",
  });
}

/**
 * Declares an application.
 *
 * @example
 * ```ts
 * import { application, field, message, tensorType, trace } from "isochron";
 *
 * const brake = trace(
 *   ({ distance, speed }) => ({ force: speed.mul(speed).div(distance.mul(2)).clamp(0, 9) }),
 *   { distance: tensorType("f32", []), speed: tensorType("f32", []) },
 *   { name: "brake" },
 * );
 *
 * export default application("brake", (app) => {
 *   const distance = app.input("/distance", message("std_msgs/msg/Float32", { metres: field("data") }));
 *   const speed = app.input("/speed", message("std_msgs/msg/Float32", { metresPerSecond: field("data") }));
 *   const task = app.task("brake", brake, {
 *     inputs: { distance, speed },
 *     period: "10ms",
 *     budget: "100us",
 *     deadline: "2ms",
 *   });
 *   app.output("/brake", "std_msgs/msg/Float32", task.outputs, { force: "data" });
 *   app.chain("distance to brake", [distance, task], { budget: "15ms" });
 * });
 * ```
 */
export function application(name: string, define: (app: ApplicationBuilder) => void): Application {
  at(callerPlace(), () => {
    requireText("application", "name", name);
    requireFunction("application", "define", define, "(app) => { app.input(…); app.task(…); }");
  });
  // Declared twice, it may have opened something twice.
  const closers = new Closers();
  const declare = (carried?: readonly MessageText[]): Application => {
    const builder = new ApplicationBuilder(carried, closers);
    let missing: IsochronError | undefined;
    try {
      requireDeclared(name, define(builder));
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
