// The rclnodejs transport: a node of the ROS 2 that is sourced, its messages as bytes.
import { IsochronError } from "../../../kernels/index.ts";
import { fullTypeName } from "../../messages/names.ts";
import { closedError } from "../closed.ts";
import type { QualityOfService, QualityPolicy } from "../quality-of-service.ts";
import type { NodeOptions } from "../registry.ts";
import type {
  NodeParameter,
  Publication,
  ReceivedMessage,
  Subscription,
  TopicEnd,
  TopicInGraph,
  Transport,
  TransportEvent,
} from "../transport.ts";
import type { EventCallbacks, RclnodejsModules, RosContext, RosNode, RosPublisher, TypeClass } from "./api.ts";
import { RclnodejsCalls } from "./calls.ts";
import { loadRclnodejs } from "./load.ts";
import { showParameters } from "./parameters.ts";
import { requireTypeSupport } from "./type-support.ts";

/** The longest that closing waits for readers to have what was published. */
const acknowledgedWithinNs = 1_000_000_000n;

/**
 * Ends one node after the other: while one ends, rclnodejs runs the event loop from within, and a second that ended there
 * would wait for ever.
 */
let ending: Promise<void> = Promise.resolve();

/** How often types of topics are compared: the middleware tells of no topic that has two. */
const typesEveryMs = 1_000;

/** The last domain whose ports there are; with a larger one Fast DDS ends the process. */
const lastDomain = 232;

/** Refuses a domain that there is not. Throws `transport/domain`. */
function requireDomain(): void {
  const { ROS_DOMAIN_ID: domain = "" } = process.env;
  if (domain === "" || (/^\d+$/.test(domain) && Number(domain) <= lastDomain)) return;
  throw new IsochronError("transport/domain", `ROS_DOMAIN_ID is "${domain}", which is no domain of ROS 2`, {
    help: `give a number from 0 to 101, which leaves the system its own ports; ${lastDomain} is the last that there is`,
  });
}

/**
 * Opens a node. Throws `transport/missing` where ROS 2 or rclnodejs is not there, `transport/domain`, and `transport/node`
 * where ROS 2 refuses it.
 */
export async function openRclnodejs({ name, namespace, logging = [] }: NodeOptions): Promise<Transport> {
  requireDomain();
  const modules = await loadRclnodejs();
  const context = new modules.rcl.Context();
  try {
    await modules.rcl.init(context, logging.length === 0 ? [] : ["--ros-args", ...logging]);
    return new RclnodejsTransport(modules, context, new modules.rcl.Node(name, namespace, context));
  } catch (cause) {
    try {
      context.shutdown();
    } catch {
      // It may not have come to be.
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new IsochronError("transport/node", `ROS 2 did not make the node ${name}`, {
      details: [why],
      help: "a name has letters, digits and _; where the ports of its domain are taken, give another: ROS_DOMAIN_ID, from 0 to 101",
      cause,
    });
  }
}

/** What rmw calls the policies, as bits of an event. */
const policyOfKind: { readonly [kind: number]: QualityPolicy } = {
  2: "durability",
  4: "deadline",
  8: "lease",
  16: "reliability",
  256: "lease",
};

const [keepLast, automatic] = [1, 1];
const reliabilities = { reliable: 1, "best-effort": 2 } as const;
const durabilities = { "transient-local": 1, volatile: 2 } as const;

class RclnodejsTransport implements Transport {
  readonly name = "rclnodejs";
  readonly calls: RclnodejsCalls;
  readonly #modules: RclnodejsModules;
  readonly #context: RosContext;
  readonly #node: RosNode;
  readonly #listeners = new Set<(event: TransportEvent) => void>();
  readonly #reliable = new Set<RosPublisher>();
  /** The types of our own ends by topic, and which others have been told of. */
  readonly #types = new Map<string, Set<string>>();
  readonly #told = new Set<string>();
  readonly #watch: NodeJS.Timeout;
  readonly #atExit = (): void => this.#end();
  #closed = false;
  #ended = false;

  constructor(modules: RclnodejsModules, context: RosContext, node: RosNode) {
    this.#modules = modules;
    this.#context = context;
    this.#node = node;
    this.calls = new RclnodejsCalls(modules.rcl, node, () => this.#requireOpen());
    this.#watch = setInterval(() => this.#compareTypes(), typesEveryMs).unref();
    // A process that ends with a node open crashes.
    process.once("exit", this.#atExit);
    node.spin();
  }

  advertise(end: TopicEnd): Publication {
    const { type, options } = this.#check(end);
    const events = this.#events(end.topic, "publication");
    const publisher = this.#node.createPublisher(type, end.topic, options, events);
    this.#node.syncHandles();
    if (end.quality.reliability === "reliable") this.#reliable.add(publisher);
    return {
      publish: (bytes) => {
        if (this.#closed || publisher.isDestroyed()) throw closedError();
        publisher.publish(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      },
      close: () => {
        if (this.#closed || publisher.isDestroyed()) return;
        this.#reliable.delete(publisher);
        this.#node.destroyPublisher(publisher);
      },
    };
  }

  subscribe(end: TopicEnd, receive: (message: ReceivedMessage) => void): Subscription {
    const { type, options } = this.#check(end);
    const events = this.#events(end.topic, "subscription");
    const take = (bytes: Buffer): void => {
      if (this.#closed || subscription.isDestroyed()) return;
      try {
        receive({ bytes });
      } catch (error) {
        // An error that went into the executor's thread would end it.
        process.nextTick(() => {
          throw error;
        });
      }
    };
    const subscription = this.#node.createSubscription(type, end.topic, { ...options, isRaw: true }, take, events);
    return {
      close: () => {
        if (!this.#closed && !subscription.isDestroyed()) this.#node.destroySubscription(subscription);
      },
    };
  }

  onEvent(listener: (event: TransportEvent) => void): () => void {
    const each = (event: TransportEvent): void => listener(event);
    this.#listeners.add(each);
    return () => void this.#listeners.delete(each);
  }

  graph(): readonly TopicInGraph[] {
    if (this.#closed) return [];
    return this.#node
      .getTopicNamesAndTypes()
      .map(({ name, types }) => ({
        topic: name,
        types: [...types].sort(),
        publications: this.#node.countPublishers(name),
        subscriptions: this.#node.countSubscribers(name),
      }))
      .sort((one, other) => (one.topic < other.topic ? -1 : 1));
  }

  parameters(
    shown: readonly NodeParameter[],
    set: (name: string, value: number | boolean) => string | undefined,
  ): void {
    this.#requireOpen();
    showParameters(this.#modules.rcl, this.#node, shown, set);
  }

  async close(): Promise<void> {
    if (this.#closed) return await ending;
    this.#closed = true;
    ending = ending.then(async () => {
      // The executor may be in the middle of a message that closes the node.
      await new Promise((resolve) => setImmediate(resolve));
      this.#waitForReaders();
      this.#end();
    });
    await ending;
  }

  #waitForReaders(): void {
    for (const publisher of this.#reliable) {
      try {
        publisher.waitForAllAcked(acknowledgedWithinNs);
      } catch {
        // A reader that has gone acknowledges nothing.
      }
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#closed = true;
    clearInterval(this.#watch);
    process.removeListener("exit", this.#atExit);
    this.#context.shutdown();
    this.#listeners.clear();
  }

  #requireOpen(): void {
    if (this.#closed) throw closedError();
  }

  #check(end: TopicEnd): { readonly type: TypeClass; readonly options: { readonly qos: object } } {
    this.#requireOpen();
    requireSettable(end);
    requireTypeSupport(end);
    const types = this.#types.get(end.topic) ?? new Set();
    this.#types.set(end.topic, types.add(fullTypeName(end.type)));
    return { type: typeClass(end.type), options: { qos: this.#quality(end.quality) } };
  }

  #quality({ depth, reliability, durability }: QualityOfService): object {
    const { QoS } = this.#modules.rcl;
    return new QoS(keepLast, depth, reliabilities[reliability], durabilities[durability], automatic);
  }

  #events(topic: string, end: "publication" | "subscription"): EventCallbacks | undefined {
    const { events } = this.#modules;
    if (!events) return undefined;
    const callbacks = end === "publication" ? new events.publisher() : new events.subscription();
    callbacks.matched = ({ current_count: count }) => this.#tell({ topic, kind: "matched", end, count });
    callbacks.incompatibleQos = ({ last_policy_kind: kind }) => {
      const policy = policyOfKind[kind];
      this.#tell({ topic, kind: "incompatible-quality", end, policies: policy === undefined ? [] : [policy] });
    };
    if (end === "subscription") {
      callbacks.messageLost = ({ total_count_change: count }) =>
        this.#tell({ topic, kind: "lost", count, reason: "the middleware lost them on the way" });
    }
    return callbacks;
  }

  #compareTypes(): void {
    const topics = this.#node.getTopicNamesAndTypes().filter(({ name }) => this.#types.has(name));
    for (const { name: topic, types } of topics) {
      for (const theirs of types) {
        const own = this.#types.get(topic)!;
        if (own.has(theirs) || this.#told.has(`${topic} ${theirs}`)) continue;
        this.#told.add(`${topic} ${theirs}`);
        this.#tell({ topic, kind: "incompatible-type", ours: [...own][0]!, theirs });
      }
    }
  }

  #tell(event: TransportEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/** rclnodejs passes on neither deadline nor lifespan nor lease. */
function requireSettable({ topic, quality }: TopicEnd): void {
  const asked = [
    ...(quality.deadlineNs === undefined ? [] : ["deadline"]),
    ...(quality.lifespanNs === undefined ? [] : ["lifespan"]),
    ...(quality.leaseNs === undefined ? [] : ["lease"]),
  ];
  if (asked.length === 0) return;
  throw new IsochronError("transport/quality", `rclnodejs cannot set ${asked.join(" and ")} of ${topic}`, {
    help: "leave it out; how long an input may stay away is the application's own: maxGap, or a task's condition",
  });
}

/** A type by its names alone: neither reading nor writing bytes needs more. */
function typeClass(type: string): TypeClass {
  const [pkgName, subFolder, interfaceName] = fullTypeName(type).split("/");
  return Object.assign(() => undefined, {
    type: () => ({ pkgName: pkgName!, subFolder: subFolder!, interfaceName: interfaceName! }),
  });
}
