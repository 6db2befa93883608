// Where a run's messages and an application's RxJS pipelines meet: topics observed, pipelines admitted.
import { Observable, type Subscription } from "rxjs";
import { IsochronError } from "../../kernels/index.ts";
import type { Call } from "../calls/call.ts";
import type { CallEnd, Calls } from "../middleware/transport.ts";
import { LogicalClock } from "./clock.ts";
import { countInto, DropCounter } from "./counter.ts";

/** What a run offers to the pipelines while it lasts. */
export interface StreamRun {
  /** Decodes a message of a topic. Throws where the application has no such topic. */
  decode(topic: string, bytes: Uint8Array): unknown;
  /** Admits a message to an input topic, at the present instant. */
  publish(topic: string, message: object): void;
  /** Publishes a message on a topic of the pipelines' own, at the present instant; returns its bytes. */
  send(topic: string, message: object): Uint8Array;
  /** Services and actions, where the run has a transport. */
  readonly calls: Calls | undefined;
  /** A service or an action as the transport is to have it. */
  callEnd(call: Call): CallEnd;
  /** Admits what has come to an input topic by a call, and hands the message to `take` at its tag. */
  receive(topic: string, bytes: Uint8Array, take: (message: unknown) => void): void;
  /** Says that a topic is observed from now on, or no longer. */
  observe(topic: string, on: boolean): void;
  /** Ends the run with an error of a pipeline. */
  fail(error: unknown): void;
}

interface Source {
  readonly topic: string;
  /** Whether its messages are admitted to an input, or published. */
  readonly into: "input" | "publication";
  readonly messages: Observable<object>;
}

/** The streams of one application: its clock, the topics that its pipelines observe, and what they admit. */
export class StreamHub {
  readonly clock = new LogicalClock();
  readonly #observers = new Map<string, Set<(message: unknown) => void>>();
  readonly #sources: Source[] = [];
  readonly #counters: DropCounter[] = [];
  readonly #joins: ((run: StreamRun) => Subscription)[] = [];
  readonly #feeding: Subscription[] = [];
  #run: StreamRun | undefined;
  #used = false;

  /** Every message of a topic from the subscription on, in the order of their tags. */
  on<T = unknown>(topic: string): Observable<T> {
    return new Observable<T>((out) => {
      const take = (message: unknown) => out.next(message as T);
      const observers = this.#observers.get(topic) ?? new Set();
      this.#observers.set(topic, observers);
      observers.add(take);
      if (observers.size === 1) this.#run?.observe(topic, true);
      return () => {
        observers.delete(take);
        if (observers.size > 0) return;
        this.#observers.delete(topic);
        this.#run?.observe(topic, false);
      };
    });
  }

  /** Admits what `messages` emits to an input topic during a run. */
  source(topic: string, messages: Observable<object>): void {
    this.#sources.push({ topic, into: "input", messages });
  }

  /** Publishes what `messages` emits during a run. */
  publication(topic: string, messages: Observable<object>): void {
    this.#sources.push({ topic, into: "publication", messages });
  }

  /** Calls `begin` when a run begins, and unsubscribes what it returns when the run ends. */
  join(begin: (run: StreamRun) => Subscription): void {
    this.#joins.push(begin);
  }

  /** A counter that the report shows. */
  counter(name: string): DropCounter {
    const counter = new DropCounter(name);
    this.#counters.push(counter);
    return counter;
  }

  /** Whether there is anything for a run to do. */
  get active(): boolean {
    const declared = this.#sources.length + this.#joins.length;
    return this.#observers.size > 0 || declared > 0 || this.clock.nextNs !== undefined;
  }

  /** Observers of all topics, now. */
  get observers(): number {
    return [...this.#observers.values()].reduce((sum, each) => sum + each.size, 0);
  }

  /** Whether a pipeline feeds an input topic. */
  feeds(topic: string): boolean {
    return this.#sources.some((each) => each.topic === topic && each.into === "input");
  }

  observes(topic: string): boolean {
    return this.#observers.has(topic);
  }

  /** Begins a run: observed topics are reported, pipelines are subscribed in the order of their declaration. */
  begin(run: StreamRun): void {
    if (this.#used && this.active) {
      throw new IsochronError("stream/again", "the streams of an application last for one run", {
        help: "declare the application anew (load its file again) for another run",
      });
    }
    this.#used = true;
    this.#run = run;
    countInto((name) => this.#named(name));
    for (const topic of this.#observers.keys()) run.observe(topic, true);
    for (const begin of this.#joins) this.#feeding.push(begin(run));
    for (const { topic, into, messages } of this.#sources) {
      // RxJS takes what `next` throws for a matter of the observer's own.
      const next = (message: object) => {
        try {
          if (into === "input") run.publish(topic, message);
          else run.send(topic, message);
        } catch (error) {
          run.fail(pipelineError(topic, error));
        }
      };
      this.#feeding.push(messages.subscribe({ next, error: (error) => run.fail(pipelineError(topic, error)) }));
    }
  }

  /** Hands a message to `first` and the observers of its topic; it is decoded where there are any, and counted where it cannot be. */
  deliver(topic: string, bytes: Uint8Array, first?: (message: unknown) => void): void {
    const takers = [...(first ? [first] : []), ...(this.#observers.get(topic) ?? [])];
    if (takers.length === 0 || !this.#run) return;
    let message: unknown;
    try {
      message = this.#run.decode(topic, bytes);
    } catch {
      // What is received may be anything; the executive has recorded it as rejected.
      this.#named(`${topic}: not a whole message`).add();
      return;
    }
    for (const take of takers) take(message);
  }

  #named(name: string): DropCounter {
    return this.#counters.find((each) => each.name === name) ?? this.counter(name);
  }

  /** Ends a run: pipelines are unsubscribed. */
  end(): void {
    for (const each of this.#feeding.splice(0)) each.unsubscribe();
    for (const topic of this.#observers.keys()) this.#run?.observe(topic, false);
    this.#run = undefined;
    countInto(undefined);
  }

  /** What was dropped, by counter. */
  drops(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counters.map(({ name, count }) => [name, count]));
  }
}

const pipelineError = (topic: string, cause: unknown): unknown =>
  cause instanceof IsochronError
    ? cause
    : new IsochronError(
        "stream/failed",
        `the pipeline that feeds "${topic}" failed: ${cause instanceof Error ? cause.message : String(cause)}`,
        { help: "handle the error in the pipeline (catchError, retry), or mend its cause", cause },
      );
