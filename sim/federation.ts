// What an executive runs with: a world, a log and the application's streams, each granted logical time in turn.
import { config } from "rxjs";
import { z } from "zod";
import { callNative, functionSchema, IsochronError, optionsOf, signalSchema } from "../kernels/index.ts";
import { StreamHub } from "../nodes/index.ts";
import { type ApplicationDescription, definitionsIn } from "./application.ts";
import type { Executive } from "./executive.ts";
import { Transforms } from "./frames.ts";
import { Parameters, type ParameterValue } from "./parameters.ts";
import { type Lateness, Punctuality } from "./punctuality.ts";
import { parseEvents, type RunEvent } from "./records/index.ts";
import { type SentMessage, TopicCodecs } from "./topic-codecs.ts";
import { TransportLink } from "./transport-link.ts";
import { Wakeup } from "./wakeup.ts";
import { checkWorld, stepWorld, type World, type WorldIo } from "./world.ts";

/** A message of a log, at its logical time. */
export interface FeedMessage {
  readonly topic: string;
  readonly timeNs: number;
  readonly bytes: Uint8Array;
}

/** A message on its way to observers. */
interface Delivery extends FeedMessage {
  /** Set where it was received: whether the executive takes it for a sample is asked when it is handed out. */
  readonly received?: { readonly channel: number; readonly number: number };
  /** Of a call: given the message. */
  readonly take?: ((message: unknown) => void) | undefined;
}

/** What has come and is to be admitted. */
interface Entering extends Pick<Delivery, "take"> {
  readonly topic: string;
  readonly bytes: Uint8Array;
}

/** What a run may be joined by. */
export interface Federates {
  readonly world?: World | undefined;
  readonly streams?: StreamHub | undefined;
  /** Messages of a log in the order of their times. */
  readonly feed?: AsyncIterator<FeedMessage> | undefined;
  /** First values of parameters, by name; those declared unless given. */
  readonly parameters?: Readonly<Record<string, ParameterValue>> | undefined;
  /** The application's topics on a transport. */
  readonly link?: TransportLink | undefined;
  /** How long the run goes on after the last message of the feed; as long as it was asked to where absent. */
  readonly followUpNs?: number | undefined;
  /** Told, once, of what an observer throws: it only looks on, so that the run goes on. */
  readonly onObserverError?: ((error: IsochronError) => void) | undefined;
  readonly watch?: Watch | undefined;
}

/** Told that code of the application's own begins; what it returns is called when that has ended. */
export type Watch = (what: string) => () => void;

/** Hooks of a run. */
export interface RunHooks {
  /** Given every event of the run, in order, with the logical time that has been reached. */
  readonly onEvents: (
    events: readonly RunEvent[],
    timeNs: number,
    /** What pipelines have published meanwhile. */
    sent: readonly SentMessage[],
  ) => void | Promise<void>;
  /** Told that the run begins, with the ROS time of logical 0. */
  readonly onBegin?: (epochNs: bigint) => void | Promise<void>;
  /** The ROS time of logical 0, nanoseconds since 1970. Live, the system's unless given; in virtual time 0. */
  readonly epochNs?: bigint;
  readonly signal?: AbortSignal;
  readonly watch?: Watch;
}

const checkFederates = optionsOf<Federates>("run", "Federation", () => ({
  world: z.looseObject({}).describe("a world").optional(),
  streams: z.instanceof(StreamHub).describe("an application's streams").optional(),
  feed: z.looseObject({ next: z.unknown() }).describe("an async iterator of messages").optional(),
  parameters: z
    .record(z.string(), z.union([z.number(), z.boolean()]))
    .describe("values by name")
    .optional(),
  link: z.instanceof(TransportLink).describe("an application's topics on a transport").optional(),
  followUpNs: z.number().min(0).optional(),
  onObserverError: functionSchema.optional(),
  watch: functionSchema.optional(),
}));
const checkHooks = optionsOf<RunHooks>("run", "runVirtual, runLive", () => ({
  onEvents: functionSchema,
  onBegin: functionSchema.optional(),
  epochNs: z.bigint().describe("whole nanoseconds since 1970, as a bigint").optional(),
  signal: signalSchema.optional(),
  watch: functionSchema.optional(),
}));
/** Refuses hooks of a run. */
export const requireHooks = (hooks: RunHooks): void => checkHooks(hooks);

/** Turns of the microtask queue that a grant waits for: what a pipeline awaits takes a few. */
const microtaskTurns = 256;
/** Messages that pipelines may admit at one instant before it is clear that time would never go on. */
const mostAtOneInstant = 100_000;
/** The same for turns at one instant: what awaits between two timers takes one for each. */
const mostTurnsAtOneInstant = 10_000;

/** How long a live run waits at most for a message that is being decoded when all others have been, nanoseconds. */
const longestDecodingNs = 10e9;

const never = Number.POSITIVE_INFINITY;

/** The federates of one run, and the messages on their way to them; what runs the schedule says in which time. */
export class Federation<Time extends Executive = Executive> {
  readonly executive: Time;
  readonly #application: ApplicationDescription;
  readonly #codecs: TopicCodecs;
  readonly #world: World | undefined;
  readonly #streams: StreamHub | undefined;
  readonly #feed: AsyncIterator<FeedMessage> | undefined;
  readonly #link: TransportLink | undefined;
  readonly #parameters: Parameters;
  readonly #transforms: Transforms;
  readonly #firstValues: Readonly<Record<string, ParameterValue>>;
  readonly #io: WorldIo;
  readonly #onObserverError: Federates["onObserverError"];
  readonly #watch: Watch;
  readonly #restoreErrors: typeof config.onUnhandledError;
  #deliveries: Delivery[] = [];
  /** Live: messages whose time has come while they are still being decoded. */
  #undecided: Delivery[] = [];
  #peeked: FeedMessage | undefined;
  readonly #followUpNs: number;
  #fed: number[] = [];
  /** When the newest message of the feed came to stand, or was admitted where that is not known yet. */
  #lastFedNs = 0;
  /** Messages that were admitted and that the events have told nothing further of, on channels that decode apart. */
  #decoding = 0;
  /** Live: the executive's clock. */
  #now: (() => number) | undefined;
  #over = false;
  #feedEnded = false;
  #worldNext: number;
  #nowNs = 0;
  #epochNs = 0n;
  #granted = false;
  /** Outputs that are observed: the time from which on their messages are. */
  readonly #observedFrom = new Map<string, number>();
  /** The first tag whose messages have not been handed out. */
  #messagesFromNs = 0;
  #behind = false;
  #published = { timeNs: -1, count: 0 };
  #sent: SentMessage[] = [];
  /** By the clock: what has come, and which of its times, counted from 1, came next. */
  readonly #waiting: (Entering & { readonly beforeTick: number })[] = [];
  #ticks = 0;
  #ticksTaken = 0;
  #failure: { readonly error: unknown } | undefined;
  /** Messages that pipelines admitted outside of a grant: in virtual time another run may differ. */
  outOfTurn = 0;
  /** Errors that observers threw. */
  observerErrors = 0;
  /** Virtual time: the first instant that the executive has not processed. */
  earliestNs = 0;
  /** Messages of the log that were admitted. */
  messagesFed = 0;
  /** Live: how late messages came. */
  #punctuality: Punctuality | undefined;
  /** Live, where messages of outputs are taken: ends a sleep when one has come. */
  #wakeup: Wakeup | undefined;

  constructor(application: ApplicationDescription, executive: Time, federates: Federates) {
    checkFederates(federates);
    this.executive = executive;
    this.#application = application;
    this.#codecs = new TopicCodecs(application);
    this.#world = federates.world && checkWorld(federates.world);
    this.#onObserverError = federates.onObserverError;
    this.#watch = federates.watch ?? (() => () => undefined);
    this.#streams = federates.streams?.active === true ? federates.streams : undefined;
    this.#feed = federates.feed;
    this.#link = federates.link;
    this.#parameters = new Parameters(application);
    this.#transforms = new Transforms(application);
    this.#firstValues = federates.parameters ?? {};
    this.#feedEnded = federates.feed === undefined;
    this.#followUpNs = federates.feed === undefined ? never : (federates.followUpNs ?? never);
    this.#worldNext = federates.world ? 0 : never;
    this.#io = {
      publish: (topic, message) => {
        const bytes = this.#codecs.encode(topic, message);
        this.#publish(topic, bytes);
        this.#link?.sendOfWorld(topic, this.#nowNs, bytes, this.#epochNs);
      },
      latest: (topic) => {
        const found = callNative(() => executive.latestMessage(this.#codecs.output(topic), this.#nowNs));
        return found === null ? undefined : this.#codecs.decode(topic, found.bytes);
      },
    };
    this.#restoreErrors = config.onUnhandledError;
  }

  /** Joins the run; a live one with its clock. */
  begin(now?: () => number): void {
    this.#now = now;
    if (now) this.#punctuality = new Punctuality(this.#application.table, now);
    for (const { topic, message } of this.#parameters.initial(this.#firstValues))
      this.#enter({ topic, bytes: this.#codecs.encode(topic, message) }, 0);
    const linked = {
      now: () => now?.() ?? this.#nowNs,
      receive: (topic: string, bytes: Uint8Array) => this.#receive({ topic, bytes }),
      setParameter: (name: string, value: ParameterValue) => this.setParameter(name, value),
      tick: () => void this.#ticks++,
      fail: (error: unknown) => this.fail(error),
    };
    this.#link?.open(linked, this.#parameters.offered(this.#firstValues));
    const executive: Executive = this.executive;
    if (executive.mode === "live" && (this.#link || this.#streams)) {
      this.#wakeup = new Wakeup(callNative(() => executive.handOn()));
      if (this.#link) for (const output of this.#application.outputs.keys()) this.#await(output, true);
    }
    if (!this.#streams) return;
    config.onUnhandledError = (error) => this.#observerFailed(error);
    this.#granted = true;
    this.#streams.begin({
      decode: (topic, bytes) => this.#codecs.decode(topic, bytes),
      publish: (topic, message) => {
        if (!this.#granted) this.outOfTurn++;
        const bytes = this.#codecs.encode(topic, message);
        if (this.#mayPublish()) this.#publish(topic, bytes, this.#granted);
      },
      send: (topic, message) => {
        const bytes = this.#codecs.encode(topic, message);
        if (this.#mayPublish()) this.#send(topic, bytes);
        return bytes;
      },
      calls: this.#link?.calls,
      callEnd: (call) => this.#link?.callEnd(call) ?? { ...call, definitions: definitionsIn(this.#application) },
      receive: (topic, bytes, take) => this.#receive({ topic, bytes, take }),
      observe: (topic, on) => this.#observe(topic, on),
      fail: (error) => this.fail(error),
    });
    this.#granted = false;
    this.#behind = false;
  }

  /** The next time of the clock that the run follows; undefined once the run was stopped. Throws what a pipeline failed with. */
  async nextClock(signal: AbortSignal | undefined): Promise<bigint | undefined> {
    const found = await this.#link?.nextClock(signal);
    this.#ticksTaken++;
    this.check();
    return found;
  }

  /** By the clock: admits what came before the time that `nextClock` gave last, however much has come since. */
  admitWaiting(timeNs: number): void {
    while (this.#waiting.length > 0) {
      const { beforeTick, ...entering } = this.#waiting[0]!;
      if (beforeTick > this.#ticksTaken) return;
      this.#waiting.shift();
      this.#enter(entering, timeNs);
    }
  }

  /** Sets a parameter at the present instant, by the clock at its next. Throws `parameter/unknown`, `parameter/value`, `parameter/range`. */
  setParameter(name: string, value: ParameterValue): void {
    const { topic, message } = this.#parameters.message(name, value);
    const bytes = this.#codecs.encode(topic, message);
    if (!this.#granted && this.#link?.byClock === true) {
      this.#waiting.push({ topic, bytes, beforeTick: this.#ticks + 1 });
      return;
    }
    if (!this.#granted && !this.#now) this.outOfTurn++;
    this.#publish(topic, bytes, this.#granted);
  }

  /** Says which ROS time logical 0 has, before the first event is taken. */
  setEpoch(epochNs: bigint): void {
    this.#epochNs = epochNs;
  }

  /** Waits for what RxJS reports of observers that threw, and throws it. */
  async settle(): Promise<void> {
    if (this.#streams) await reports();
    this.check();
  }

  /** How late messages came; null in virtual time, where none can. */
  get lateness(): Lateness | null {
    return this.#punctuality?.lateness ?? null;
  }

  /** Leaves the run, its topics and the log that fed it. */
  async end(): Promise<void> {
    this.#over = true;
    this.#link?.close();
    this.#wakeup?.close();
    this.#wakeup = undefined;
    if (this.#streams) {
      this.#streams.end();
      await reports();
      config.onUnhandledError = this.#restoreErrors;
    }
    await this.#feed?.return?.();
  }

  /** Throws what a pipeline failed with. */
  check(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** When the next federate wants to be granted time. */
  get nextNs(): number {
    const streams = this.#streams;
    if (!streams) return this.#worldNext;
    const delivery = this.#deliveries.find((each) => this.#isAwaited(each));
    return Math.min(this.#worldNext, streams.clock.nextNs ?? never, delivery?.timeNs ?? never);
  }

  /** When the run ends because its feed has ended and all that follows from it has had its time; never before that is known. */
  get endNs(): number {
    if (!this.#feedEnded) return never;
    return this.#lastFedNs + this.#followUpNs + (this.#decoding > 0 ? longestDecodingNs : 0);
  }

  /** Whether a transport carries the application's topics. */
  get linked(): boolean {
    return this.#link !== undefined;
  }

  /** Sends messages of outputs that stand by `timeNs`; returns when the next one will. */
  sendUntil(timeNs: number): number {
    this.#link?.sendUntil(timeNs);
    return this.#link?.nextNs ?? never;
  }

  /** Whether messages of outputs are waited for, so that time may not pass beyond them. */
  get observing(): boolean {
    return this.#observedFrom.size > 0;
  }

  /** Whether an observation has begun since `take` was called last: messages may be on their way to it. */
  get behind(): boolean {
    return this.#behind;
  }

  /** The executive's events since the last call; in virtual time, its messages are on their way then. */
  take(): RunEvent[] {
    const events = parseEvents(callNative(() => this.executive.drain()));
    this.#behind = false;
    if (this.#now) {
      for (const event of events) this.#follow(event);
      this.takeMessages();
    } else this.#forward(events);
    return events;
  }

  /** Live: takes the messages that have left since the last call, each at its publication instant, and puts them on their way. */
  takeMessages(): void {
    const executive: Executive = this.executive;
    if (this.#wakeup && executive.mode === "live") this.#forward(parseEvents(callNative(() => executive.messages())));
  }

  /** Live: sleeps until a message leaves that somebody waits for, and no longer than `ms`. */
  async sleep(ms: number): Promise<void> {
    if (this.#wakeup) await this.#wakeup.sleep(ms);
    else await new Promise((resolve) => setTimeout(resolve, ms));
  }

  /** Puts messages on their way: to the transport, and at their times to those that observe them, or may yet. */
  #forward(events: readonly RunEvent[]): void {
    for (const event of events) {
      if (event.kind !== "message") continue;
      this.#link?.put(event.output, event.time, event.bytes);
      const { topic } = this.#application.outputs[event.output]!;
      if (this.#streams && event.time >= (this.#observedFrom.get(topic) ?? this.#observableFromNs))
        this.#deliver({ topic, timeNs: event.time, bytes: event.bytes });
    }
  }

  #await(output: number, on: boolean): void {
    const executive: Executive = this.executive;
    if (executive.mode === "live") callNative(() => executive.awaitMessages(output, on));
  }

  /** Keeps count of what is being decoded, which may take longer than it should. */
  #follow(event: RunEvent): void {
    if (event.kind !== "admit" && event.kind !== "visible" && event.kind !== "rejected") return;
    if (this.#application.table.channels[event.channel]?.latencyNs === undefined) return;
    if (event.kind === "admit") this.#decoding++;
    else this.#decoding--;
    if (event.kind === "visible") this.#lastFedNs = Math.max(this.#lastFedNs, event.time);
  }

  /** The earliest tag of a message that an observation beginning now would see. */
  get #observableFromNs(): number {
    return Math.max(this.#messagesFromNs, this.earliestNs);
  }

  /** Grants time up to `timeNs`: messages due by then are delivered, timers fire, the world steps. */
  async grant(timeNs: number): Promise<void> {
    this.#resume(timeNs);
    let turns = { timeNs: -1, count: 0 };
    while (this.nextNs <= timeNs) {
      const now = this.nextNs;
      turns = { timeNs: now, count: now === turns.timeNs ? turns.count + 1 : 1 };
      if (turns.count > mostTurnsAtOneInstant)
        throw livelock(`pipelines took ${mostTurnsAtOneInstant} turns at ${now} ns`);
      this.#nowNs = Math.max(this.#nowNs, now);
      this.#messagesFromNs = Math.max(this.#messagesFromNs, this.#nowNs);
      this.#granted = true;
      this.#fire((clock) => clock.arriveAt(now));
      while ((this.#deliveries[0]?.timeNs ?? never) <= now) {
        const delivery = this.#deliveries.shift()!;
        this.#watched(`an observer of ${delivery.topic}`, () => this.#handOut(delivery));
      }
      this.#messagesFromNs = this.#nowNs + 1;
      this.#fire((clock) => clock.advanceTo(now));
      if (this.#world && this.#worldNext <= now) {
        const world = this.#world;
        this.#watched(`a step of the world "${world.name}"`, () => stepWorld(world, this.#worldNext, this.#io));
        this.#link?.sayClock(this.#epochNs + BigInt(Math.round(this.#worldNext)));
        this.#worldNext += this.#world.periodNs;
      }
      if (this.#streams) {
        const ended = this.#watch("a promise of a pipeline");
        for (let turn = 0; turn < microtaskTurns; turn++) await null;
        ended();
      }
      this.#granted = false;
      this.check();
    }
    this.#nowNs = Math.max(this.#nowNs, timeNs);
    this.#messagesFromNs = this.#nowNs + 1;
    this.#fire((clock) => clock.advanceTo(timeNs));
    // What nobody observes is left.
    while ((this.#deliveries[0]?.timeNs ?? never) <= timeNs) this.#deliveries.shift();
  }

  /** Grants what is left of a live run up to `timeNs`: messages and timers; the world has made its last step. */
  async conclude(timeNs: number): Promise<void> {
    if (this.#world && this.#worldNext <= timeNs)
      this.#punctuality?.missSteps(Math.floor((timeNs - this.#worldNext) / this.#world.periodNs) + 1);
    this.#worldNext = never;
    await this.grant(timeNs);
  }

  /** Live, once the executive has stopped: hands out what was still on its way up to `timeNs`; nothing is admitted any more. */
  async handOutRest(timeNs: number): Promise<void> {
    this.#over = true;
    await this.conclude(timeNs);
  }

  /** Lets timers fire; what one throws is an error of the pipelines. */
  #fire(timers: (clock: StreamHub["clock"]) => void): void {
    if (!this.#streams) return;
    try {
      const { clock } = this.#streams;
      this.#watched("a timer of a pipeline", () => timers(clock));
    } catch (error) {
      this.fail(error);
    }
  }

  /** Virtual time: admits messages of the log ahead of time; returns a time up to which everything is admitted. */
  async fillAhead(processedNs: number, durationNs: number, ahead: number): Promise<number> {
    this.#fed = this.#fed.filter((time) => time > processedNs);
    while (!this.#feedEnded && (this.#fed.length < ahead || this.#fed.at(-1)! <= processedNs + 1)) {
      const message = await this.#nextMessage();
      if (!message || message.timeNs >= durationNs) {
        this.#feedEnded = true;
        break;
      }
      this.#fed.push(message.timeNs);
      this.#admit(message);
    }
    return this.#feedEnded ? never : this.#fed.at(-1)!;
  }

  /** Live: admits the messages of the log whose time has come; returns when the next one is due. */
  async feedUntil(timeNs: number): Promise<number> {
    while (!this.#feedEnded) {
      this.#peeked ??= await this.#nextMessage();
      if (!this.#peeked) this.#feedEnded = true;
      else if (this.#peeked.timeNs > timeNs) return this.#peeked.timeNs;
      else {
        this.#admit(this.#peeked);
        this.#peeked = undefined;
        // Late or not, it has all its time from now on.
        this.#lastFedNs = Math.max(this.#lastFedNs, this.#now?.() ?? 0);
      }
    }
    return never;
  }

  async #nextMessage(): Promise<FeedMessage | undefined> {
    const next = await this.#feed!.next();
    return next.done === true ? undefined : next.value;
  }

  #admit({ topic, timeNs, bytes }: FeedMessage): void {
    const tagNs = this.#punctuality?.admitted(this.#channelOf(topic), timeNs) ?? timeNs;
    this.#enter({ topic, bytes }, timeNs, tagNs);
    this.#lastFedNs = timeNs;
    this.messagesFed++;
  }

  /** Admits a message of a transport: live as it comes, by the clock at its next time. */
  #receive(entering: Entering): void {
    if (this.#link?.byClock === true) this.#waiting.push({ ...entering, beforeTick: this.#ticks + 1 });
    else if (!this.#over) this.#enter(entering, Math.max(0, this.#now?.() ?? this.earliestNs));
  }

  /** Admits a message at the present instant; live, one that comes of I/O and of no grant as it comes. */
  #publish(topic: string, bytes: Uint8Array, granted = true): void {
    if (this.#over) return;
    const timeNs = Math.max(this.#nowNs, this.earliestNs);
    const tagNs = granted ? this.#punctuality?.admitted(this.#channelOf(topic), timeNs) : this.#punctuality?.now();
    this.#enter({ topic, bytes }, timeNs, tagNs ?? timeNs);
  }

  /** Publishes a message of a pipeline: it is no matter of the schedule. */
  #send(topic: string, bytes: Uint8Array): void {
    if (this.#over) return;
    const publication = this.#application.publications.findIndex((each) => each.topic === topic);
    const now = this.#granted ? undefined : this.#now?.();
    const timeNs = Math.max(0, now ?? Math.max(this.#nowNs, this.earliestNs));
    this.#sent.push({ publication, timeNs, bytes });
    this.#link?.send(publication, timeNs, bytes);
  }

  /** What pipelines have published since the last call. */
  takeSent(): readonly SentMessage[] {
    return this.#sent.splice(0);
  }

  /** Admits a message under a tag; its observers get it at `timeNs`. */
  #enter({ topic, bytes: message, take }: Entering, timeNs: number, tagNs = timeNs): void {
    for (const news of this.#transforms.receive(topic, message, this.#epochNs + BigInt(Math.round(tagNs))))
      this.#enter(news, timeNs, tagNs);
    if (this.#transforms.takesAlone(topic)) return;
    const { channel } = this.#codecs.input(topic);
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
    const number = callNative(() => this.executive.admit(channel, tagNs, bytes));
    if (this.#streams) this.#deliver({ topic, timeNs, bytes, received: { channel, number }, take });
  }

  #channelOf = (topic: string): number => this.#transforms.channelOf(topic) ?? this.#codecs.input(topic).channel;

  /** False, and the run's end, where pipelines would go on for ever at one instant. */
  #mayPublish(): boolean {
    const timeNs = Math.max(this.#nowNs, this.earliestNs);
    this.#published = { timeNs, count: timeNs === this.#published.timeNs ? this.#published.count + 1 : 1 };
    if (this.#published.count <= mostAtOneInstant) return true;
    this.fail(livelock(`pipelines admitted ${mostAtOneInstant} messages at ${timeNs} ns`));
    return false;
  }

  /** Whether somebody waits for a message. */
  #isAwaited({ topic, take }: Delivery): boolean {
    return take !== undefined || this.#streams?.observes(topic) === true;
  }

  /** Hands a message to its observers; what the executive rejects reaches none, and what is still being decoded waits. */
  #handOut(delivery: Delivery): void {
    const { topic, bytes, received, take } = delivery;
    if (!this.#isAwaited(delivery)) return;
    const isSample = received ? this.#isSample(received) : true;
    if (isSample === null) this.#undecided.push(delivery);
    else if (isSample) this.#streams?.deliver(topic, bytes, take);
  }

  #isSample({ channel, number }: { readonly channel: number; readonly number: number }): boolean | null {
    return callNative(() => this.executive.isSample(channel, number));
  }

  /** Puts what has been decoded meanwhile on its way again. */
  #resume(timeNs: number): void {
    const undecided = this.#undecided.splice(0);
    for (const delivery of undecided) {
      if (this.#isSample(delivery.received!) === null) this.#undecided.push(delivery);
      else this.#deliver({ ...delivery, timeNs });
    }
  }

  /** Puts a message behind those of its own time and before later ones. */
  #deliver(message: Delivery): void {
    const at = this.#deliveries.findLastIndex((each) => each.timeNs <= message.timeNs);
    this.#deliveries.splice(at + 1, 0, message);
  }

  #observe(topic: string, on: boolean): void {
    if (this.#application.inputs.some((each) => each.topic === topic)) return;
    // What was refused as unknown is given up without a word.
    if (!on && !this.#observedFrom.has(topic)) return;
    this.#codecs.require(topic);
    const output = this.#codecs.output(topic);
    const executive: Executive = this.executive;
    // Live, time does not wait for what is observed; what a transport waits for, it waits for all the time.
    if (executive.mode === "virtual") callNative(() => executive.observe(output, on));
    else if (!this.#link) this.#await(output, on);
    if (on) this.#observedFrom.set(topic, this.#observableFromNs);
    else this.#observedFrom.delete(topic);
    this.#behind ||= on;
  }

  /** What an observer throws; our own errors are about what it asked of the run. */
  #observerFailed(cause: unknown): void {
    if (cause instanceof IsochronError) {
      this.fail(cause);
      return;
    }
    if (this.observerErrors++ > 0) return;
    const text = cause instanceof Error ? cause.message : String(cause);
    this.#onObserverError?.(
      new IsochronError("stream/observer", `an observer failed: ${text}`, {
        help: "the run goes on without it; mend its cause, or handle the error (catchError)",
        cause,
      }),
    );
  }

  #watched(what: string, body: () => void): void {
    const ended = this.#watch(what);
    try {
      body();
    } finally {
      ended();
    }
  }

  /** Ends the run with an error of the application's. */
  fail(cause: unknown): void {
    const text = cause instanceof Error ? cause.message : String(cause);
    const error =
      cause instanceof IsochronError
        ? cause
        : new IsochronError("stream/failed", `a pipeline failed: ${text}`, {
            help: "handle the error in the pipeline (catchError, retry), or mend its cause",
            cause,
          });
    this.#failure ??= { error };
    // It may be waiting for a clock.
    this.#link?.wake();
  }
}

const livelock = (what: string): IsochronError =>
  new IsochronError("stream/livelock", what, {
    help: "let time pass where a pipeline feeds on what it brings about: delay(1, app.clock)",
  });

/** RxJS reports what observers throw a moment later: by then it has reported all that was thrown before. */
const reports = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
