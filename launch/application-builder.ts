// What an application declares: inputs, tasks, outputs, chains, pipelines and what they serve and call.
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Observable } from "rxjs";
import {
  type Answer,
  actionCall,
  askAction,
  askService,
  type Call,
  Definitions,
  type DropCounter,
  defaultQuality,
  field,
  fields,
  fullTypeName,
  type GoalContext,
  type GoalNews,
  type GoalStep,
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
  serveAction,
  serveService,
  serviceCall,
} from "../nodes/index.ts";
import type { Graph, MethodGraphs, Signature, TensorType } from "../runtime/index.ts";
import { parseDuration } from "../scheduler/index.ts";
import type { World } from "../sim/index.ts";
import { Closers } from "./closers.ts";
import {
  at,
  checkActionOptions,
  checkCall,
  checkChain,
  checkClientOptions,
  checkInput,
  checkMessages,
  checkOutput,
  checkParameter,
  checkPublication,
  checkSource,
  checkTask,
  checkTransform,
  fail,
  parameterTypes,
  requireFunction,
  requireMessage,
  requireObservable,
  requirePath,
  requireText,
} from "./declarations.ts";
import type {
  ActionOptions,
  ActionType,
  ChainLimits,
  Channel,
  ClientOptions,
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
  PublicationOptions,
  ServiceType,
  SourceOptions,
  Task,
  TaskOf,
  TransformOptions,
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
  readonly transforms: { readonly channel: Channel; readonly target: string; readonly source: string }[] = [];
  readonly tasks: DeclaredTask[] = [];
  readonly outputs: {
    readonly topic: string;
    readonly type: string;
    readonly channel: Channel;
    readonly ports: Readonly<Record<string, Port>>;
    readonly mapping: OutputMapping;
    readonly quality: QualityOfService | undefined;
    readonly send: OutputOptions["send"];
    readonly place: string | undefined;
  }[] = [];
  readonly publications: {
    readonly topic: string;
    readonly type: string;
    readonly quality: QualityOfService | undefined;
  }[] = [];
  readonly calls: Call[] = [];
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
   * Where the frame `source` is in the frame `target`, by what `/tf` and `/tf_static` tell: seven numbers, a translation in
   * metres (x, y, z) and a quaternion (x, y, z, w), which carry points of `source` into `target`.
   *
   * It is looked up, as tf2 does it, whenever there is news of frames: at the latest time up to the message's tag that all
   * frames between the two are known, between the places before and after that time. Each that differs from the last is an
   * input's message, recorded and replayed as any. Where there is no chain from one to the other, the message is refused and
   * counted, and the last transform stands.
   *
   * @example
   * ```ts
   * const camera = app.transform("base_link", "camera");
   * ```
   */
  transform<D extends "f32" | "f64" = "f32">(
    target: string,
    source: string,
    options: TransformOptions<D> = {},
  ): Input<{ readonly transform: TensorType<D> }> {
    at(callerPlace(), () => checkTransform(target, source, options));
    const translation = ["x", "y", "z"].map((axis) => `transform.translation.${axis}`);
    const rotation = ["x", "y", "z", "w"].map((axis) => `transform.rotation.${axis}`);
    const dtype = (options.dtype ?? "f32") as D;
    // What is found of no frame says why there: the codec refuses it, and shows that.
    const carrier = message(
      "geometry_msgs/msg/TransformStamped",
      { transform: fields([...translation, ...rotation], { dtype }) },
      { expect: { "header.frame_id": target, child_frame_id: source } },
    );
    const input = this.input(`/isochron/transforms/${target}/${source}`, carrier);
    this.transforms.push({ channel: input.channel, target, source });
    return input as unknown as Input<{ readonly transform: TensorType<D> }>;
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
    this.outputs.push({ topic, type, channel: channel!, ports, mapping, quality, send: options.send, place });
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
  publish(topic: string, type: string, messages: Observable<object>, options: PublicationOptions = {}): void {
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
   * A service that a pipeline serves: `handler` answers each request with a response, a promise of one, or an Observable
   * whose first value counts. A request is logged at a tag as inputs are, and the handler is called there.
   *
   * @example
   * ```ts
   * let resets = 0;
   * app.service("/reset", "std_srvs/srv/Trigger", () => ({ success: true, message: `reset ${++resets} times` }));
   * ```
   */
  service<Request = unknown, Response extends object = object>(
    name: string,
    type: ServiceType,
    handler: (request: Request) => Answer<Response>,
  ): void {
    const call = at(callerPlace(), () => {
      requireFunction("app.service", "handler", handler, "(request) => response");
      return serviceCall(...checkCall("app.service", "srv", name, type), "server");
    });
    this.streams.join(serveService(this.#declare(call), handler));
  }

  /**
   * An action that a pipeline serves: the stream that `handler` returns for a goal is its feedback, and at its end its
   * result. Goals, and what gives them up, are logged at tags as inputs are.
   *
   * @example
   * ```ts
   * app.action<{ readonly order: number }>("/count", "example_interfaces/action/Fibonacci", ({ order }, { cancel }) =>
   *   interval(10, app.clock).pipe(
   *     takeUntil(cancel),
   *     map((at) => (at < order ? { feedback: { sequence: [at] } } : { result: { sequence: [at] } })),
   *     takeWhile((step) => "feedback" in step, true),
   *   ),
   * );
   * ```
   */
  action<Goal = unknown, Feedback extends object = object, Result extends object = object>(
    name: string,
    type: ActionType,
    handler: (goal: Goal, context: GoalContext) => Observable<GoalStep<Feedback, Result>>,
    options: ActionOptions<Goal> = {},
  ): void {
    const call = at(callerPlace(), () => {
      requireFunction("app.action", "handler", handler, "(goal, { cancel }) => an Observable of feedback and a result");
      checkActionOptions(options);
      return actionCall(...checkCall("app.action", "action", name, type), "server");
    });
    this.streams.join(serveAction(this.#declare(call), handler, options.accept ?? (() => true)));
  }

  /**
   * A service or an action of another node, as a function: each subscription to what it returns is a call. A service's
   * Observable emits the response; an action's emits feedback, then the result, and a subscription that ends before gives
   * the goal up. What comes back is logged at a tag as inputs are.
   *
   * Errors: `call/timeout`, `call/rejected`, and `call/transport` in a run without one.
   *
   * @example
   * ```ts
   * const add = app.client("/add", "example_interfaces/srv/AddTwoInts", { timeout: "1s" });
   * const sums = app.on<{ readonly data: number }>("/position").pipe(
   *   concatMap(({ data }) => add({ a: BigInt(data), b: 1n })),
   * );
   * ```
   */
  client<Request extends object = object, Response = unknown>(
    name: string,
    type: ServiceType,
    options?: ClientOptions,
  ): (request: Request) => Observable<Response>;
  client<Goal extends object = object, Feedback = unknown, Result = unknown>(
    name: string,
    type: ActionType,
    options?: ClientOptions,
  ): (goal: Goal) => Observable<GoalNews<Feedback, Result>>;
  client(name: string, type: ServiceType | ActionType, options: ClientOptions = {}) {
    const isAction = String(type).includes("/action/");
    const call = at(callerPlace(), () => {
      checkClientOptions(options);
      const checked = checkCall("app.client", isAction ? "action" : "srv", name, type);
      return isAction ? actionCall(...checked, "client") : serviceCall(...checked, "client");
    });
    this.#declare(call);
    const timeoutMs = parseDuration(options.timeout ?? "5s") / 1e6;
    const { begin, ask } = (isAction ? askAction : askService)(call, this.clock, timeoutMs);
    this.streams.join(begin);
    return ask;
  }

  /** Declares what goes to and fro of a service or an action. */
  #declare(call: Call): Call {
    at(callerPlace(), () => {
      for (const { type } of [...call.enters, ...call.leaves]) layoutOf(type, this.definitions);
    });
    for (const { topic, type } of call.enters) this.input(topic, message(type, {}));
    for (const { topic, type } of call.leaves) {
      this.#unique(topic);
      this.publications.push({ topic, type, quality: undefined });
    }
    this.calls.push(call);
    return call;
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
