// Sleeps that a thread of the executive's can end: it writes to a pipe, and the event loop turns.
import { Socket } from "node:net";

/** The reading end of a pipe in which a byte means that there is something to do. */
export class Wakeup {
  readonly #socket: Socket;
  #rung = false;
  #end: (() => void) | undefined;

  constructor(fd: number) {
    this.#socket = new Socket({ fd, readable: true, writable: false });
    // What ends the pipe ends no run: sleeps last their time then.
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", () => {
      this.#rung = true;
      this.#end?.();
    });
  }

  /** Sleeps until the pipe is written to, also since the last sleep, and no longer than `ms`. */
  async sleep(ms: number): Promise<void> {
    if (!this.#rung)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#end = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#end = undefined;
    this.#rung = false;
  }

  close(): void {
    this.#socket.destroy();
  }
}
