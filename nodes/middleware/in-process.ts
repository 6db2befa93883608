// The in-process transport: nodes of one process, every subscription seeing the messages in one order.
import { actionsOver } from "./actions.ts";
import { closedError } from "./closed.ts";
import { InProcessServices } from "./in-process-services.ts";
import { incompatiblePolicies } from "./quality-of-service.ts";
import type {
  Calls,
  Publication,
  ReceivedMessage,
  Subscription,
  TopicEnd,
  TopicInGraph,
  Transport,
  TransportEvent,
} from "./transport.ts";

interface Publisher {
  readonly node: InProcessTransport;
  readonly end: TopicEnd;
  /** The newest messages, for those that subscribe late. */
  readonly kept: Uint8Array[];
}

interface Subscriber {
  readonly node: InProcessTransport;
  readonly end: TopicEnd;
  readonly receive: (message: ReceivedMessage) => void;
}

const sameTopic = (one: { readonly end: TopicEnd }, other: { readonly end: TopicEnd }) =>
  one.end.topic === other.end.topic;

/** The nodes of one process that reach each other. */
export class InProcessNetwork {
  readonly #publishers = new Set<Publisher>();
  readonly #subscribers = new Set<Subscriber>();
  readonly services = new InProcessServices();
  readonly #waiting: { readonly publisher: Publisher; readonly bytes: Uint8Array }[] = [];
  #delivering = false;

  /** A new node. */
  join(): Transport {
    return new InProcessTransport(this);
  }

  /** Opens one end for sending. */
  addPublisher(publisher: Publisher): void {
    this.#publishers.add(publisher);
    for (const subscriber of this.#subscribers) if (sameTopic(publisher, subscriber)) this.#meet(publisher, subscriber);
    this.#tellMatches(publisher.end.topic);
  }

  /** Opens one end for receiving; it is given what publishers have kept for it. */
  addSubscriber(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
    for (const publisher of this.#publishers) {
      if (!sameTopic(publisher, subscriber) || !this.#meet(publisher, subscriber)) continue;
      if (subscriber.end.quality.durability === "transient-local")
        for (const bytes of publisher.kept.slice(-subscriber.end.quality.depth)) subscriber.receive({ bytes });
    }
    this.#tellMatches(subscriber.end.topic);
  }

  /** Closes an end. */
  remove(end: Publisher | Subscriber): void {
    const closed = this.#publishers.delete(end as Publisher) || this.#subscribers.delete(end as Subscriber);
    if (closed) this.#tellMatches(end.end.topic);
  }

  /** Closes all ends of a node. */
  leave(node: InProcessTransport): void {
    for (const each of [...this.#publishers, ...this.#subscribers]) if (each.node === node) this.remove(each);
  }

  /** Delivers a message; one that is published meanwhile waits until every subscriber has seen this. */
  send(publisher: Publisher, bytes: Uint8Array): void {
    this.#waiting.push({ publisher, bytes });
    if (this.#delivering) return;
    this.#delivering = true;
    const errors: unknown[] = [];
    try {
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) this.#deliver(next, errors);
    } finally {
      this.#delivering = false;
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} subscribers failed`);
  }

  /** The topics that have an end. */
  graph(): TopicInGraph[] {
    const ends = [...this.#publishers, ...this.#subscribers];
    return [...new Set(ends.map(({ end }) => end.topic))].sort().map((topic) => {
      const there = ends.filter(({ end }) => end.topic === topic);
      return {
        topic,
        types: [...new Set(there.map(({ end }) => end.type))].sort(),
        publications: there.filter((each) => this.#publishers.has(each as Publisher)).length,
        subscriptions: there.filter((each) => this.#subscribers.has(each as Subscriber)).length,
      };
    });
  }

  #deliver({ publisher, bytes }: { readonly publisher: Publisher; readonly bytes: Uint8Array }, errors: unknown[]) {
    if (publisher.end.quality.durability === "transient-local") {
      publisher.kept.push(bytes);
      if (publisher.kept.length > publisher.end.quality.depth) publisher.kept.shift();
    }
    for (const subscriber of [...this.#subscribers]) {
      if (!sameTopic(publisher, subscriber) || !fits(publisher, subscriber)) continue;
      try {
        // A copy of its own: what one receiver does to it, no other sees.
        subscriber.receive({ bytes: bytes.slice() });
      } catch (error) {
        errors.push(error);
      }
    }
  }

  /** Tells both ends where they do not fit. */
  #meet(publisher: Publisher, subscriber: Subscriber): boolean {
    const { topic } = publisher.end;
    if (publisher.end.type !== subscriber.end.type) {
      const [offered, requested] = [publisher.end.type, subscriber.end.type];
      publisher.node.tell({ topic, kind: "incompatible-type", ours: offered, theirs: requested });
      subscriber.node.tell({ topic, kind: "incompatible-type", ours: requested, theirs: offered });
      return false;
    }
    const policies = incompatiblePolicies(publisher.end.quality, subscriber.end.quality);
    if (policies.length === 0) return true;
    publisher.node.tell({ topic, kind: "incompatible-quality", end: "publication", policies });
    subscriber.node.tell({ topic, kind: "incompatible-quality", end: "subscription", policies });
    return false;
  }

  #tellMatches(topic: string): void {
    const publishers = [...this.#publishers].filter(({ end }) => end.topic === topic);
    const subscribers = [...this.#subscribers].filter(({ end }) => end.topic === topic);
    for (const publisher of publishers) {
      const count = subscribers.filter((each) => fits(publisher, each)).length;
      publisher.node.tell({ topic, kind: "matched", end: "publication", count });
    }
    for (const subscriber of subscribers) {
      const count = publishers.filter((each) => fits(each, subscriber)).length;
      subscriber.node.tell({ topic, kind: "matched", end: "subscription", count });
    }
  }
}

const fits = (publisher: Publisher, subscriber: Subscriber): boolean =>
  publisher.end.type === subscriber.end.type &&
  incompatiblePolicies(publisher.end.quality, subscriber.end.quality).length === 0;

/**
 * One node of an in-process network. Delivers at once, in the order of subscription; an error of a receiver reaches the
 * publisher after the others have received the message.
 */
class InProcessTransport implements Transport {
  readonly name = "in-process";
  readonly calls: Calls;
  readonly #network: InProcessNetwork;
  readonly #listeners = new Set<(event: TransportEvent) => void>();
  #closed = false;

  constructor(network: InProcessNetwork) {
    this.#network = network;
    this.calls = actionsOver(
      this,
      network.services.of(() => this.#requireOpen(), this),
    );
  }

  advertise(end: TopicEnd): Publication {
    this.#requireOpen();
    const publisher: Publisher = { node: this, end, kept: [] };
    this.#network.addPublisher(publisher);
    let open = true;
    return {
      publish: (bytes) => {
        if (!open || this.#closed) throw closedError();
        this.#network.send(publisher, bytes.slice());
      },
      close: () => {
        open = false;
        this.#network.remove(publisher);
      },
    };
  }

  subscribe(end: TopicEnd, receive: (message: ReceivedMessage) => void): Subscription {
    this.#requireOpen();
    const subscriber: Subscriber = { node: this, end, receive };
    this.#network.addSubscriber(subscriber);
    return { close: () => this.#network.remove(subscriber) };
  }

  onEvent(listener: (event: TransportEvent) => void): () => void {
    const each = (event: TransportEvent): void => listener(event);
    this.#listeners.add(each);
    return () => void this.#listeners.delete(each);
  }

  graph(): readonly TopicInGraph[] {
    return this.#network.graph();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#network.leave(this);
    this.#network.services.leave(this);
    this.#listeners.clear();
  }

  tell(event: TransportEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  #requireOpen(): void {
    if (this.#closed) throw closedError();
  }
}
