// The other side of tests beside ROS 2: a process of Python with rclpy, told what to do line by line.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { rosPython } from "../../launch/setup/ros-environment.mjs";
import type { QualityOfService } from "../../nodes/index.ts";

/** What became of a goal; `status` is `action_msgs/msg/GoalStatus`. */
export type Pursued =
  | { readonly accepted: false }
  | { readonly status: number; readonly result: object; readonly feedback: readonly object[] };

/** What a node makes of the arguments behind `--ros-args`. */
export interface Named {
  readonly node: string;
  readonly topics: readonly string[];
  readonly services: readonly string[];
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** A message's number, and the hash of what it carries. */
export type Told = readonly [number: number, hash: string];

export class Peer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(child: ChildProcess, lines: Interface) {
    this.#child = child;
    this.#lines = lines[Symbol.asyncIterator]();
  }

  /** Starts the process in the network and environment of this one. */
  static async start(): Promise<Peer> {
    const script = fileURLToPath(new URL("peer.py", import.meta.url));
    const child = spawn(rosPython, [script], { stdio: ["pipe", "pipe", "inherit"] });
    await once(child, "spawn");
    return new Peer(child, createInterface({ input: child.stdout! }));
  }

  subscribe(topic: string, type: string, quality: QualityOfService, plainly = false): Promise<void> {
    return this.#do("subscribe", { topic, type, quality, plainly });
  }

  /** What came on a topic: at least `count`, or what there is after `within` seconds. */
  take<T = Told>(topic: string, count: number, within?: number): Promise<T[]> {
    return this.#do("take", { topic, count, ...(within === undefined ? {} : { within }) });
  }

  /** Opens a publisher, and waits until it has so many readers. */
  advertise(topic: string, type: string, quality: QualityOfService, readers = 0): Promise<void> {
    return this.#do("advertise", { topic, type, quality, readers });
  }

  /** Publishes the messages of these numbers; what they carry. */
  publish(topic: string, numbers: readonly number[], pause = 0): Promise<Told[]> {
    return this.#do("publish", { topic, numbers, pause });
  }

  /** Publishes a message each period for so long; how many there were. */
  keepSending(topic: string, seconds: number, period: number): Promise<number> {
    return this.#do("keep_sending", { topic, seconds, period });
  }

  publishValue(topic: string, value: object): Promise<void> {
    return this.#do("publish", { topic, value });
  }

  /** Publishes serialized messages of several topics in turn, `count` of each, `period` seconds apart. */
  feed(topics: Readonly<Record<string, readonly Uint8Array[]>>, count: number, period: number): Promise<void> {
    const texts = Object.entries(topics).map(([topic, messages]) => [
      topic,
      messages.map((each) => Buffer.from(each).toString("base64")),
    ]);
    return this.#do("feed", { topics: Object.fromEntries(texts), count, period });
  }

  /** What rclpy sees of a node's topic, which has so many ends. */
  seen(node: string, topic: string, ends: number): Promise<{ readonly types: string[]; readonly ends: object[] }> {
    return this.#do("seen", { node, topic, ends });
  }

  /** What a node of rclpy called `name` makes of its arguments; null where it refuses them. */
  named(args: readonly string[], name: string, topics: readonly string[]): Promise<Named | null> {
    return this.#do("named", { arguments: args, name, topics, services: topics });
  }

  parameters(node: string): Promise<Record<string, unknown>> {
    return this.#do("parameters", { node });
  }

  /** Whether a parameter could be set, and why not. */
  set(node: string, name: string, value: unknown): Promise<[boolean, string]> {
    return this.#do("set", { node, name, value });
  }

  /** What a service answers. */
  ask<T>(type: string, name: string, request: object): Promise<T> {
    return this.#do("ask", { type, name, request });
  }

  /** What becomes of a goal, which is given up after so many messages of feedback. */
  pursue(type: string, name: string, goal: object, cancelAfter?: number): Promise<Pursued> {
    return this.#do("pursue", {
      type,
      name,
      goal,
      ...(cancelAfter === undefined ? {} : { cancel_after: cancelAfter }),
    });
  }

  /** Ends the process in the midst of what it does. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    if (this.#child.signalCode === null) await once(this.#child, "exit");
  }

  async close(): Promise<void> {
    this.#child.stdin!.end();
    if (this.#child.exitCode === null) await once(this.#child, "exit");
    assert.equal(this.#child.signalCode ?? this.#child.exitCode, 0, "the end of the process of Python");
  }

  #do<T>(what: string, given: object): Promise<T> {
    const answer = this.#last.then(async () => {
      this.#child.stdin!.write(`${JSON.stringify({ do: what, with: given })}\n`);
      const { value: line, done } = await this.#lines.next();
      if (done === true) throw new Error("the process of Python has ended");
      const { value, error } = JSON.parse(line) as { readonly value: T; readonly error?: string };
      if (error !== undefined) throw new Error(`rclpy, ${what}: ${error}`);
      return value;
    });
    this.#last = answer.catch(() => undefined);
    return answer;
  }
}
