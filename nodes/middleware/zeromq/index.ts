// The ZeroMQ transport: nodes that find each other at a meeting place and send each other messages directly.
import { randomBytes } from "node:crypto";
import { fullTypeName } from "../../messages/names.ts";
import { actionsOver } from "../actions.ts";
import { closedError } from "../closed.ts";
import { incompatiblePolicies } from "../quality-of-service.ts";
import type { NodeOptions } from "../registry.ts";
import type {
  Calls,
  Publication,
  ReceivedMessage,
  Subscription,
  TopicEnd,
  TopicInGraph,
  Transport,
  TransportEvent,
} from "../transport.ts";
import { parseAddress, type ZeromqAddress } from "./address.ts";
import { servicesOf } from "./services.ts";
import { Sockets } from "./sockets.ts";
import { type Announcement, announcement, markerOf, type RemoteEnd, readTag, type Tag, writeTag } from "./wire.ts";

/** How often a node says what it is, and after how long a silence it counts as gone. */
const [announceEveryMs, goneAfterMs] = [500, 5_000];

/** An end of this node. */
interface OwnEnd extends RemoteEnd {
  /** Of a publication: the newest messages, for those that subscribe late. */
  readonly kept: Uint8Array[][];
  readonly receive?: (message: ReceivedMessage, fifth: string) => void;
  /** Of a subscription: the last message of each publication. */
  readonly last: Map<string, number>;
  /** Of a publication: how many messages it has sent. */
  sent: number;
  /** How many other ends there are, as was told last. */
  matched: number;
}

interface Known {
  readonly said: Announcement;
  readonly atMs: number;
}

/** Opens a node. Throws `transport/address`, and `transport/missing` where zeromq is not installed. */
export async function openZeromq({ name, namespace, arguments: text }: NodeOptions): Promise<Transport> {
  const transport = new ZeromqTransport(`${namespace.replace(/\/$/, "")}/${name}`);
  await transport.open(parseAddress(text));
  return transport;
}

class ZeromqTransport implements Transport {
  readonly name = "zeromq";
  readonly #node = randomBytes(8).toString("hex");
  readonly #nodeName: string;
  readonly #ends = new Map<string, OwnEnd>();
  readonly #nodes = new Map<string, Known>();
  /** Markers that readers have asked for: from then on they hear what is published. */
  readonly #hearing = new Set<string>();
  /** Pairs of ends that do not fit and have been told. */
  readonly #told = new Set<string>();
  /** What is sent to one subscription, by its marker, until it hears. */
  readonly #held = new Map<string, Uint8Array[][]>();
  /** How many messages were sent to each subscription alone. */
  readonly #sentTo = new Map<string, number>();
  readonly calls: Calls;
  readonly #listeners = new Set<(event: TransportEvent) => void>();
  #sockets: Sockets | undefined;
  #meeting = "";
  #beat: NodeJS.Timeout | undefined;
  #number = 0;

  constructor(name: string) {
    this.#nodeName = name;
    this.calls = actionsOver(
      this,
      servicesOf({
        advertise: (end) => this.#publication(end),
        subscribe: (end, receive) => this.#subscription(end, receive),
        unread: (topic, cause) =>
          this.#tell({ topic, kind: "lost", count: 1, reason: cause instanceof Error ? cause.message : String(cause) }),
        sendTo: (id, end, bytes, fifth) => this.#sendTo(id, end, bytes, fifth),
      }),
    );
  }

  async open(address: ZeromqAddress): Promise<void> {
    this.#sockets = await Sockets.open(address, {
      message: (frames) => this.#take(frames),
      asked: (topic, on) => this.#asked(topic, on),
      told: (said) => this.#learn(said),
    });
    this.#meeting = address.meeting;
    this.#beat = setInterval(() => this.#announce(), announceEveryMs).unref();
    this.#announce();
  }

  advertise(end: TopicEnd): Publication {
    return this.#publication(end);
  }

  #publication(end: TopicEnd) {
    const own = this.#add("publication", end);
    return {
      /** Readers that hear what is published. */
      get readers() {
        return Math.max(0, own.matched);
      },
      publish: (bytes: Uint8Array, fifth?: string) => {
        if (!this.#ends.has(own.id)) throw closedError();
        const tag = writeTag({ sentNs: BigInt(Date.now()) * 1_000_000n, sequence: own.sent++, id: own.id });
        // A copy: the socket sends later, and the bytes may be used again.
        const frames: Uint8Array[] = [Buffer.from(own.topic), Buffer.from(own.type), tag, bytes.slice()];
        if (fifth !== undefined) frames.push(Buffer.from(fifth));
        if (own.quality.durability === "transient-local") {
          own.kept.push(frames);
          if (own.kept.length > own.quality.depth) own.kept.shift();
        }
        this.#open().publish(frames);
      },
      close: () => this.#remove(own),
    };
  }

  subscribe(end: TopicEnd, receive: (message: ReceivedMessage) => void): Subscription {
    return this.#subscription(end, receive);
  }

  #subscription(end: TopicEnd, receive: NonNullable<OwnEnd["receive"]>) {
    const own = this.#add("subscription", end, receive);
    this.#open().ask([own.topic, markerOf(own.id)]);
    return { id: own.id, close: () => this.#remove(own) };
  }

  #sendTo(id: string, { topic, type }: TopicEnd, bytes: Uint8Array, fifth: string): void {
    const sequence = this.#sentTo.get(id) ?? 0;
    this.#sentTo.set(id, sequence + 1);
    const tag = writeTag({ sentNs: BigInt(Date.now()) * 1_000_000n, sequence, id: `${this.#node} ${id}` });
    const marker = markerOf(id);
    const frames = [marker, topic, fullTypeName(type)].map((each) => Buffer.from(each));
    const message = [...frames, tag, bytes.slice(), Buffer.from(fifth)];
    if (this.#hearing.has(marker)) this.#sockets?.publish(message);
    else this.#held.set(marker, [...(this.#held.get(marker) ?? []), message]);
  }

  onEvent(listener: (event: TransportEvent) => void): () => void {
    const each = (event: TransportEvent): void => listener(event);
    this.#listeners.add(each);
    return () => void this.#listeners.delete(each);
  }

  graph(): readonly TopicInGraph[] {
    const ends = [...this.#ends.values(), ...this.#others()];
    return [...new Set(ends.map(({ topic }) => topic))].sort().map((topic) => {
      const there = ends.filter((each) => each.topic === topic);
      return {
        topic,
        types: [...new Set(there.map(({ type }) => type))].sort(),
        publications: there.filter(({ kind }) => kind === "publication").length,
        subscriptions: there.filter(({ kind }) => kind === "subscription").length,
      };
    });
  }

  async close(): Promise<void> {
    const sockets = this.#sockets;
    if (!sockets) return;
    clearInterval(this.#beat);
    this.#ends.clear();
    this.#announce(true);
    this.#sockets = undefined;
    this.#listeners.clear();
    // What was sent this turn is in the sockets' hands by the next, and leaves after they are closed.
    await new Promise((resolve) => setImmediate(resolve));
    sockets.close();
  }

  #open(): Sockets {
    if (!this.#sockets) throw closedError();
    return this.#sockets;
  }

  #add(kind: RemoteEnd["kind"], end: TopicEnd, receive?: OwnEnd["receive"]): OwnEnd {
    this.#open();
    // Types that are not known are refused before anything is sent.
    end.definitions.of(end.type);
    const { topic, quality } = end;
    const own: OwnEnd = {
      id: `${this.#node}/${this.#number++}`,
      kind,
      topic,
      type: fullTypeName(end.type),
      quality,
      kept: [],
      last: new Map(),
      sent: 0,
      matched: -1,
      ...(receive ? { receive } : {}),
    };
    this.#ends.set(own.id, own);
    // Events are told once the end is in the hands of who asked for it.
    queueMicrotask(() => this.#meet());
    this.#announce();
    return own;
  }

  #remove(own: OwnEnd): void {
    if (!this.#ends.delete(own.id)) return;
    if (own.kind === "subscription") this.#sockets?.askNoMore([own.topic, markerOf(own.id)]);
    this.#announce();
    this.#meet();
  }

  /** The ends of other nodes. */
  #others(): RemoteEnd[] {
    return [...this.#nodes.values()].flatMap(({ said }) => said.ends);
  }

  #announce(leaves = false): void {
    const sockets = this.#sockets;
    if (!sockets) return;
    const now = Date.now();
    for (const [node, { atMs }] of this.#nodes) if (now - atMs > goneAfterMs) this.#forget(node);
    const places = new Set([this.#meeting, ...[...this.#nodes.values()].flatMap(({ said }) => said.graph ?? [])]);
    places.delete(sockets.graph);
    const text = this.#said(leaves);
    for (const place of places) sockets.tell(place, text);
  }

  #said(leaves = false): string {
    const { data, graph } = this.#open();
    const ends = [...this.#ends.values()].map(({ id, kind, topic, type, quality }) => ({
      id,
      kind,
      topic,
      type,
      quality,
    }));
    const others = [...this.#nodes.values()].flatMap(({ said }) => said.graph ?? []);
    return JSON.stringify({ node: this.#node, name: this.#nodeName, data, graph, ends, others, leaves });
  }

  /** Takes what a node says of itself, or a tool that only asks; what this one says is the answer. */
  #learn(text: string): string {
    const sockets = this.#sockets;
    if (!sockets) return "{}";
    const { success, data: said } = announcement.safeParse(parsed(text));
    if (!success || said.node === this.#node) return this.#said();
    if (said.leaves) {
      this.#forget(said.node);
    } else {
      const isNew = !this.#nodes.has(said.node);
      this.#nodes.set(said.node, { said, atMs: Date.now() });
      if (said.data !== undefined) sockets.hear(said.data);
      const unknown = said.others.filter(
        (place) => place !== sockets.graph && ![...this.#nodes.values()].some((each) => each.said.graph === place),
      );
      if (isNew && said.graph !== undefined) unknown.push(said.graph);
      for (const place of unknown) sockets.tell(place, this.#said());
      this.#meet();
    }
    return this.#said();
  }

  #forget(node: string): void {
    const known = this.#nodes.get(node);
    if (!known) return;
    this.#nodes.delete(node);
    for (const marker of this.#held.keys()) if (marker.startsWith(markerOf(node))) this.#held.delete(marker);
    for (const id of this.#sentTo.keys()) if (id.startsWith(node)) this.#sentTo.delete(id);
    if (known.said.data !== undefined) this.#sockets?.hearNoMore(known.said.data);
    if (known.said.graph !== undefined && known.said.graph !== this.#meeting) this.#sockets?.forget(known.said.graph);
    this.#meet();
  }

  /** A reader hears what is published from here on; it is given what was kept for it. */
  #asked(topic: string, on: boolean): void {
    if (!topic.startsWith("@")) return;
    if (on) {
      this.#hearing.add(topic);
      for (const each of this.#held.get(topic) ?? []) this.#sockets?.publish(each);
      this.#held.delete(topic);
    } else this.#hearing.delete(topic);
    this.#meet();
  }

  /** Tells of ends that fit, and of those that do not. */
  #meet(): void {
    const all = [...this.#ends.values(), ...this.#others()];
    for (const own of this.#ends.values()) {
      const others = all.filter(({ kind, topic }) => kind !== own.kind && topic === own.topic);
      const fitting = others.filter((other) => this.#fits(own, other));
      const count = fitting.filter((other) => own.kind === "subscription" || this.#hears(own, other)).length;
      if (count === own.matched || (own.matched < 0 && count === 0)) continue;
      own.matched = count;
      this.#tell({ topic: own.topic, kind: "matched", end: own.kind, count });
    }
  }

  /** Whether a reader hears a publication; the first time it is given what was kept for it. */
  #hears(own: OwnEnd, reader: RemoteEnd): boolean {
    const marker = markerOf(reader.id);
    if (!this.#hearing.has(marker)) return false;
    const pair = `${own.id} ${reader.id} given`;
    if (this.#told.has(pair)) return true;
    this.#told.add(pair);
    if (reader.quality.durability === "transient-local") {
      for (const frames of own.kept.slice(-reader.quality.depth)) this.#sockets?.publish([marker, ...frames]);
    }
    return true;
  }

  #fits(own: OwnEnd, other: RemoteEnd): boolean {
    const { topic, kind: end } = own;
    const policies = policiesBetween(own, other);
    if (own.type === other.type && policies.length === 0) return true;
    const pair = `${own.id} ${other.id}`;
    if (this.#told.has(pair)) return false;
    this.#told.add(pair);
    if (own.type !== other.type) this.#tell({ topic, kind: "incompatible-type", ours: own.type, theirs: other.type });
    else this.#tell({ topic, kind: "incompatible-quality", end, policies });
    return false;
  }

  #take(frames: Buffer[]): void {
    const [first, ...rest] = frames;
    const marker = first!.toString();
    const [topic, type, third, bytes, fifth] = marker.startsWith("@") ? rest : frames;
    if (bytes === undefined) return;
    const tag = readTag(third!);
    const publication = tag && [...this.#ends.values(), ...this.#others()].find(({ id }) => id === tag.id);
    for (const own of [...this.#ends.values()]) {
      if (own.kind !== "subscription" || own.topic !== topic!.toString() || own.type !== type!.toString()) continue;
      if (marker.startsWith("@") && marker !== markerOf(own.id)) continue;
      if (publication && policiesBetween(own, publication).length > 0) continue;
      if (tag && !this.#isNext(own, tag)) continue;
      const message = { bytes: Uint8Array.from(bytes), ...(tag ? { sentNs: tag.sentNs } : {}) };
      own.receive!(message, fifth?.toString() ?? "");
    }
  }

  /** Whether a message is newer than the last of its publication; those between, which were dropped, are told of. */
  #isNext(own: OwnEnd, { id, sequence }: Tag): boolean {
    const last = own.last.get(id);
    if (last !== undefined && sequence <= last) return false;
    own.last.set(id, sequence);
    const count = sequence - (last ?? sequence - 1) - 1;
    if (count > 0)
      this.#tell({ topic: own.topic, kind: "lost", count, reason: "a queue had reached its high-water mark" });
    return true;
  }

  #tell(event: TransportEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function policiesBetween(own: RemoteEnd, other: RemoteEnd) {
  const [offer, request] = own.kind === "publication" ? [own, other] : [other, own];
  return incompatiblePolicies(offer.quality, request.quality);
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
