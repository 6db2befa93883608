// The sockets of one node of ZeroMQ: one to publish by, one that hears all others, one that answers, one per node that is told.
import { createRequire } from "node:module";
import type * as Zeromq from "zeromq";
import { IsochronError } from "../../../kernels/index.ts";
import { resolveOptional } from "../optional-package.ts";
import type { ZeromqAddress } from "./address.ts";

/** How long what was sent may take to leave after a node is closed. */
const lingerMs = 1_000;

function load(): typeof Zeromq {
  const path = resolveOptional("zeromq");
  if (path === undefined) {
    throw new IsochronError("transport/missing", "zeromq is not installed", {
      help: "npm install zeromq@6.8.0; it brings its binary, no install script is needed",
    });
  }
  return createRequire(import.meta.url)(path) as typeof Zeromq;
}

/** What a node does with what comes. */
export interface Receivers {
  message(frames: Buffer[]): void;
  /** A topic, or a subscription's marker, is asked for or no longer. */
  asked(topic: string, on: boolean): void;
  /** What a node says of itself; the answer is what this one says. */
  told(text: string): string;
}

/** Sockets that are open. */
export class Sockets {
  readonly #library: typeof Zeromq;
  readonly #asClient: object;
  readonly #publisher: Zeromq.XPublisher;
  readonly #subscriber: Zeromq.Subscriber;
  readonly #answers: Zeromq.Router;
  readonly #dialled = new Map<string, Zeromq.Dealer>();
  readonly #heard = new Set<string>();
  readonly #receivers: Receivers;
  #closed = false;

  private constructor(library: typeof Zeromq, { highWaterMark, keys }: ZeromqAddress, receivers: Receivers) {
    this.#library = library;
    this.#receivers = receivers;
    const own = keys === undefined ? {} : { curvePublicKey: keys.publicKey, curveSecretKey: keys.secretKey };
    const server = { ...own, ...(keys === undefined ? {} : { curveServer: true }), linger: lingerMs };
    this.#asClient = { ...own, ...(keys === undefined ? {} : { curveServerKey: keys.publicKey }), linger: lingerMs };
    this.#publisher = new library.XPublisher({ ...server, sendHighWaterMark: highWaterMark });
    this.#subscriber = new library.Subscriber({ ...this.#asClient, receiveHighWaterMark: highWaterMark });
    this.#answers = new library.Router(server);
  }

  /** Binds the sockets: the meeting place where nobody listens yet, else a place of its own. */
  static async open(address: ZeromqAddress, receivers: Receivers): Promise<Sockets> {
    const sockets = new Sockets(load(), address, receivers);
    try {
      await sockets.#publisher.bind(address.listen);
      try {
        await sockets.#answers.bind(address.meeting);
      } catch {
        // Somebody else listens there, or it is another machine's.
        await sockets.#answers.bind(address.listen);
      }
    } catch (cause) {
      sockets.close();
      throw new IsochronError("transport/address", `zeromq cannot listen at ${address.listen}`, {
        details: [cause instanceof Error ? cause.message : String(cause)],
        help: "listen=tcp://ADDRESS:* names an address of this machine",
        cause,
      });
    }
    sockets.#hear(sockets.data);
    void sockets.#each(sockets.#subscriber, (frames) => receivers.message(frames));
    void sockets.#each(sockets.#publisher, ([frame]) => receivers.asked(frame!.toString("utf8", 1), frame![0] === 1));
    void sockets.#each(sockets.#answers, ([from, ...frames]) => {
      const answer = receivers.told(frames.at(-1)!.toString());
      void sockets.#answers.send([from!, "", answer]).catch(() => undefined);
    });
    return sockets;
  }

  /** Where this node publishes. */
  get data(): string {
    return this.#publisher.lastEndpoint!;
  }

  /** Where this node answers. */
  get graph(): string {
    return this.#answers.lastEndpoint!;
  }

  publish(frames: (string | Uint8Array)[]): void {
    // A publisher never waits: what is too much for a reader is dropped for that reader, and counted there.
    void this.#publisher.send(frames).catch(() => undefined);
  }

  ask(topics: readonly string[]): void {
    this.#subscriber.subscribe(...topics);
  }

  askNoMore(topics: readonly string[]): void {
    this.#subscriber.unsubscribe(...topics);
  }

  /** Hears what is published at a place. */
  hear(data: string): void {
    this.#hear(data);
  }

  hearNoMore(data: string): void {
    if (this.#heard.delete(data) && !this.#closed) this.#subscriber.disconnect(data);
  }

  /** Tells a node something; what it answers comes as if it had told it. */
  tell(graph: string, text: string): void {
    let dealer = this.#dialled.get(graph);
    if (!dealer) {
      dealer = new this.#library.Dealer({ ...this.#asClient, sendTimeout: 0 });
      dealer.connect(graph);
      this.#dialled.set(graph, dealer);
      void this.#each(dealer, (frames) => this.#receivers.told(frames.at(-1)!.toString()));
    }
    void dealer.send(["", text]).catch(() => undefined);
  }

  forget(graph: string): void {
    this.#dialled.get(graph)?.close();
    this.#dialled.delete(graph);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of [this.#publisher, this.#subscriber, this.#answers, ...this.#dialled.values()]) socket.close();
  }

  #hear(data: string): void {
    if (this.#heard.has(data)) return;
    this.#heard.add(data);
    this.#subscriber.connect(data);
  }

  async #each(socket: AsyncIterable<Buffer[]>, take: (frames: Buffer[]) => void): Promise<void> {
    try {
      for await (const frames of socket) if (!this.#closed) take(frames);
    } catch (error) {
      // What was waited for is over when the socket closes.
      if (!this.#closed) {
        process.nextTick(() => {
          throw error;
        });
      }
    }
  }
}
