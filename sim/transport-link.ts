// A transport as a federate: an application's topics on it, and what it tells of them.
import { IsochronError } from "../kernels/index.ts";
import {
  type Call,
  type CallEnd,
  type Calls,
  type Definitions,
  defaultQuality,
  inputQuality,
  layoutOf,
  type MessageWriter,
  messageReader,
  messageWriter,
  type NodeParameter,
  type Publication,
  type QualityOfService,
  type Subscription,
  type Transport,
  type TransportEvent,
} from "../nodes/index.ts";
import { type ApplicationDescription, definitionsIn } from "./application.ts";
import { Transforms } from "./frames.ts";
import type { ParameterValue } from "./parameters.ts";

/** Something that a transport told of a topic: `incompatible` ends, messages that were `lost`, a deadline or lease that was `missed`, messages that it did not send. */
export interface TransportFinding {
  readonly kind: "incompatible" | "lost" | "missed" | "unsent";
  readonly topic: string;
  readonly count: number;
  readonly first: { readonly timeNs: number; readonly reason: string };
}

/** What went over a run's transport. */
export interface TransportFacts {
  readonly name: string;
  readonly received: number;
  readonly published: number;
  readonly findings: readonly TransportFinding[];
}

/** What a link needs of a run. */
export interface LinkedRun {
  /** Logical time now. */
  now(): number;
  /** Admits a message as it came. */
  receive(topic: string, bytes: Uint8Array): void;
  /** By the clock: its next time has come. */
  tick(): void;
  /** Sets a parameter. Throws where it cannot be that. */
  setParameter(name: string, value: ParameterValue): void;
  /** Ends the run. */
  fail(error: unknown): void;
}

/** How an application's topics stand on a transport. */
export interface LinkOptions {
  /** Inputs that something else feeds. */
  readonly isFed: (topic: string) => boolean;
  /** The name of a topic, or of a service or an action, on the transport; its own unless given. */
  readonly nameOf?: (name: string, what: "topic" | "service") => string;
  /** Whether the run's time is that of the topic `/clock`. */
  readonly byClock?: boolean;
  /** Whether the run's world feeds all other inputs, which are published then, and gives time on `/clock`. */
  readonly world?: boolean;
}

const clockTopic = "/clock";
const clockType = "rosgraph_msgs/msg/Clock";
/** What ROS 2 publishes and takes clocks with, but that none is passed over here. */
const clockQuality: QualityOfService = { reliability: "best-effort", durability: "volatile", depth: 100 };

interface Outgoing {
  readonly publication: Publication;
  readonly topic: string;
  readonly timeNs: number;
  readonly bytes: Uint8Array;
}

const never = Number.POSITIVE_INFINITY;

/** The topics of one run on a transport, which stays open afterwards: it is its opener's to close. */
export class TransportLink {
  readonly #transport: Transport;
  readonly #application: ApplicationDescription;
  readonly #options: LinkOptions;
  readonly #findings = new Map<string, TransportFinding>();
  readonly #subscriptions: Subscription[] = [];
  /** Topics that stand for services and actions. */
  readonly #called: ReadonlySet<string>;
  /** By output, and behind them those of pipelines. */
  readonly #publications: (Publication | undefined)[] = [];
  #outgoing: Outgoing[] = [];
  #run: LinkedRun | undefined;
  #stopListening: (() => void) | undefined;
  readonly #clock: bigint[] = [];
  #onClock: (() => void) | undefined;
  /** Inputs that the world feeds, and how their stamps are counted from the epoch. */
  readonly #worldInputs = new Map<string, { readonly publication: Publication; readonly hasStamp: boolean }>();
  #clockOut: Publication | undefined;
  #clockWriter: MessageWriter | undefined;
  #waits = false;
  #woken = false;
  #received = 0;
  #published = 0;

  constructor(application: ApplicationDescription, transport: Transport, options: LinkOptions) {
    this.#application = application;
    this.#transport = transport;
    this.#options = options;
    const { calls } = application;
    this.#called = new Set(calls.flatMap(({ enters, leaves }) => [...enters, ...leaves]).map(({ topic }) => topic));
    if (calls.length > 0 && !transport.calls) throw withoutCalls(transport, calls);
  }

  /** Services and actions of the transport. */
  get calls(): Calls | undefined {
    return this.#transport.calls;
  }

  /** A service or an action under its name on the transport. */
  callEnd({ name, type }: Pick<Call, "name" | "type">): CallEnd {
    const { nameOf = (given: string) => given } = this.#options;
    return { name: nameOf(name, "service"), type, definitions: definitionsIn(this.#application) };
  }

  /** Whether the run's time is the transport's. */
  get byClock(): boolean {
    return this.#options.byClock === true;
  }

  /** The next time that the clock gives, nanoseconds since 1970; undefined once the run was stopped, or `wake` was called. */
  async nextClock(signal: AbortSignal | undefined): Promise<bigint | undefined> {
    if (!this.#waits) signal?.addEventListener("abort", () => this.wake(), { once: true });
    this.#waits = true;
    if (signal?.aborted === true) this.wake();
    while (this.#clock.length === 0 && !this.#woken)
      await new Promise<void>((resolve) => {
        this.#onClock = resolve;
      });
    return this.#woken ? undefined : this.#clock.shift();
  }

  /** Ends the wait for a clock. */
  wake(): void {
    this.#woken = true;
    this.#onClock?.();
  }

  /** Shows parameters, advertises outputs and subscribes to inputs. Throws what the transport refuses. */
  open(run: LinkedRun, parameters: readonly NodeParameter[]): void {
    this.#run = run;
    this.#stopListening = this.#transport.onEvent((event) => this.#take(event));
    this.#transport.parameters?.(parameters, (name, value) => {
      if (!this.#run) return "the run has ended";
      try {
        this.#run.setParameter(name, value);
        return undefined;
      } catch (error) {
        if (!(error instanceof IsochronError)) throw error;
        return error.help === undefined ? error.message : `${error.message}: ${error.help}`;
      }
    });
    const definitions = definitionsIn(this.#application);
    const nameOf = (topic: string): string => this.#options.nameOf?.(topic, "topic") ?? topic;
    const { outputs, publications } = this.#application;
    for (const { topic, type, quality = defaultQuality } of [...outputs, ...publications])
      this.#publications.push(
        this.#called.has(topic)
          ? undefined
          : this.#transport.advertise({ topic: nameOf(topic), type, quality, definitions }),
      );
    const inputs = [...this.#application.inputs, ...new Transforms(this.#application).topics];
    const topics = new Map(inputs.map((each) => [each.topic, each]));
    for (const { topic, type, quality = inputQuality } of topics.values()) {
      if (this.#called.has(topic) || this.#options.isFed(topic)) continue;
      if (this.#options.world === true) {
        // Whoever looks on may ask for what he likes.
        const end = { topic: nameOf(topic), type, quality: { ...defaultQuality, depth: quality.depth }, definitions };
        const hasStamp = definitions.of(type).definitions[0]?.type === "std_msgs/Header";
        this.#worldInputs.set(topic, { publication: this.#transport.advertise(end), hasStamp });
        continue;
      }
      const receive = ({ bytes }: { readonly bytes: Uint8Array }) => this.#receive(topic, bytes);
      this.#subscriptions.push(
        this.#transport.subscribe({ topic: nameOf(topic), type, quality, definitions }, receive),
      );
    }
    if (this.#options.world === true) {
      this.#clockWriter = messageWriter(layoutOf(clockType, definitions));
      this.#clockOut = this.#transport.advertise({
        ...{ topic: nameOf(clockTopic), type: clockType, definitions },
        quality: { ...clockQuality, reliability: "reliable" },
      });
    }
    if (this.byClock) this.#followClock(nameOf(clockTopic), definitions);
  }

  /** Takes a message of an output, to be sent when it stands. */
  put(output: number, timeNs: number, bytes: Uint8Array): void {
    const publication = this.#publications[output];
    if (!publication) return;
    const { topic, send } = this.#application.outputs[output]!;
    // In virtual time a job takes none: what it publishes stands later all the same.
    if (send === "completion" && !this.byClock) {
      this.#publish({ publication, topic, timeNs, bytes });
      return;
    }
    const at = this.#outgoing.findLastIndex((each) => each.timeNs <= timeNs);
    this.#outgoing.splice(at + 1, 0, { publication, topic, timeNs, bytes });
  }

  /** Sends a message that a pipeline publishes. */
  send(publication: number, timeNs: number, bytes: Uint8Array): void {
    const { topic } = this.#application.publications[publication]!;
    const end = this.#publications[this.#application.outputs.length + publication];
    if (end) this.#publish({ publication: end, topic, timeNs, bytes });
  }

  /** Publishes what the world has fed, its header's stamp counted from the epoch, as all else is. */
  sendOfWorld(topic: string, timeNs: number, message: Uint8Array, epochNs: bigint): void {
    const input = this.#worldInputs.get(topic);
    if (!input) return;
    const bytes = input.hasStamp ? stampedLater(message, epochNs) : message;
    this.#publish({ publication: input.publication, topic, timeNs, bytes });
  }

  /** Says the time of a step of the run's world, nanoseconds since 1970. */
  sayClock(timeNs: bigint): void {
    const [publication, write] = [this.#clockOut, this.#clockWriter];
    if (!publication || !write) return;
    const clock = { sec: Number(timeNs / 1_000_000_000n), nanosec: Number(timeNs % 1_000_000_000n) };
    this.#publish({
      publication,
      topic: clockTopic,
      timeNs: Math.max(0, this.#run?.now() ?? 0),
      bytes: write({ clock }),
    });
  }

  /** When the next message is to be sent. */
  get nextNs(): number {
    return this.#outgoing[0]?.timeNs ?? never;
  }

  /** Sends what stands by `timeNs`. */
  sendUntil(timeNs: number): void {
    while (this.nextNs <= timeNs) this.#publish(this.#outgoing.shift()!);
  }

  #publish({ publication, topic, timeNs, bytes }: Outgoing): void {
    try {
      publication.publish(bytes);
      this.#published++;
    } catch (error) {
      this.#find("unsent", topic, 1, error instanceof Error ? error.message : String(error), timeNs);
    }
  }

  /** Leaves the topics; what was not sent is not sent any more. */
  close(): void {
    for (const each of [...this.#subscriptions.splice(0), ...this.#publications.splice(0)]) each?.close();
    for (const { publication } of this.#worldInputs.values()) publication.close();
    this.#worldInputs.clear();
    this.#clockOut?.close();
    this.#stopListening?.();
    this.#run = undefined;
  }

  get facts(): TransportFacts {
    return {
      name: this.#transport.name,
      received: this.#received,
      published: this.#published,
      findings: [...this.#findings.values()],
    };
  }

  #followClock(topic: string, definitions: Definitions): void {
    const read = messageReader(layoutOf(clockType, definitions));
    const end = { topic, type: clockType, quality: clockQuality, definitions };
    const take = ({ bytes }: { readonly bytes: Uint8Array }) => {
      try {
        const { clock } = read(bytes) as { readonly clock: { readonly sec: number; readonly nanosec: number } };
        this.#run?.tick();
        this.#clock.push(BigInt(clock.sec) * 1_000_000_000n + BigInt(clock.nanosec));
        this.#onClock?.();
      } catch (error) {
        this.#run?.fail(error);
      }
    };
    this.#subscriptions.push(this.#transport.subscribe(end, take));
  }

  #receive(topic: string, bytes: Uint8Array): void {
    this.#received++;
    try {
      this.#run?.receive(topic, bytes);
    } catch (error) {
      // It is no matter of the sender's.
      this.#run?.fail(error);
    }
  }

  #take(event: TransportEvent): void {
    const { topic, kind } = event;
    switch (kind) {
      case "incompatible-type":
        this.#find("incompatible", topic, 1, `it is ${event.ours} here, and ${event.theirs} at another node`);
        break;
      case "incompatible-quality": {
        const other = event.end === "publication" ? "asks for more than is offered" : "offers less than is asked for";
        this.#find("incompatible", topic, 1, `another node ${other}: ${event.policies.join(", ")}`);
        break;
      }
      case "lost":
        this.#find("lost", topic, event.count, event.reason);
        break;
      case "missed":
        this.#find("missed", topic, 1, `the ${event.policy} of a publication has passed`);
        break;
      case "matched":
        break;
    }
  }

  #find(
    kind: TransportFinding["kind"],
    topic: string,
    count: number,
    reason: string,
    timeNs = Math.max(0, this.#run?.now() ?? 0),
  ): void {
    const key = `${kind} ${topic} ${reason}`;
    const known = this.#findings.get(key);
    const first = known?.first ?? { timeNs, reason };
    this.#findings.set(key, { kind, topic, count: (known?.count ?? 0) + count, first });
  }
}

/** A message that begins with a header, stamped so much later. */
function stampedLater(message: Uint8Array, byNs: bigint): Uint8Array {
  const bytes = message.slice();
  const view = new DataView(bytes.buffer);
  const little = bytes[1] === 1;
  const stampNs = BigInt(view.getInt32(4, little)) * 1_000_000_000n + BigInt(view.getUint32(8, little)) + byNs;
  view.setInt32(4, Number(stampNs / 1_000_000_000n), little);
  view.setUint32(8, Number(stampNs % 1_000_000_000n), little);
  return bytes;
}

/** The error of an application whose services and actions the transport does not carry. */
const withoutCalls = ({ name }: Transport, calls: ApplicationDescription["calls"]): IsochronError =>
  new IsochronError("transport/calls", `the transport ${name} has no services and no actions`, {
    details: calls.map((each) => `${each.role === "server" ? "served" : "called"}: ${each.name} (${each.type})`),
    help: "take one that has them: --ros, --transport zeromq",
  });

/** Refuses what is no transport. Throws `run/transport`. */
export function requireTransport(given: Transport): void {
  const parts = ["advertise", "subscribe", "onEvent", "graph", "close"] as const;
  const missing = parts.find((part) => typeof (given as Partial<Transport> | undefined)?.[part] !== "function");
  if (missing === undefined) return;
  throw new IsochronError("run/transport", `the transport has no ${missing}()`, {
    help: `a transport has ${parts.join(", ")}: see Transport`,
  });
}
