// The rclnodejs transport beside a real ROS 2, in a process with its environment and a network of its own.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cases } from "./cases.ts";
import { skipReason, startInside } from "./place.ts";

/** The process, and what it says of each case. */
class Inside {
  readonly #child: ChildProcess = startInside(fileURLToPath(new URL("inside.mjs", import.meta.url)));
  #answer: (error: string | undefined) => void = () => undefined;

  constructor() {
    this.#child.on("message", ({ error }: { readonly error?: string }) => this.#answer(error));
    this.#child.on("exit", (code, signal) => this.#answer(`the process ended: ${signal ?? code}`));
  }

  async run(name: string): Promise<void> {
    const error = await new Promise<string | undefined>((resolve) => {
      this.#answer = resolve;
      if (!this.#child.connected) resolve("the process has ended");
      else this.#child.send(name);
    });
    if (error !== undefined) throw new Error(error);
  }

  async end(): Promise<void> {
    if (!this.#child.connected) return;
    this.#child.disconnect();
    const [code, signal] = await once(this.#child, "exit");
    expect(signal ?? code, "the end of the process").toBe(0);
  }
}

describe("beside ROS 2:", () => {
  let inside: Inside | undefined;
  beforeAll(() => {
    if (skipReason === undefined) inside = new Inside();
  });
  afterAll(() => inside?.end());

  for (const { name } of cases) {
    it(name, async ({ skip }) => {
      if (skipReason !== undefined) skip(skipReason);
      await inside!.run(name);
    });
  }
});
