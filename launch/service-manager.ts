// What a run tells the manager of its service, such as systemd: that it is ready, that it is alive, that it ends.
import { z } from "zod";
import { callNative, loadRuntime } from "../kernels/index.ts";

const binding = z.object({
  sendDatagram: z.custom<(socket: string, text: string) => void>((value) => typeof value === "function"),
});

type Environment = Readonly<Record<string, string | undefined>>;

/** A service's side of `sd_notify`; without `NOTIFY_SOCKET` it says nothing to nobody. */
export class ServiceManager {
  readonly #send: (text: string) => void;
  readonly #aliveMs: number | undefined;
  #alive: NodeJS.Timeout | undefined;

  /** `onRefused` hears, once, that the manager takes nothing. */
  constructor(onRefused: (error: unknown) => void, environment: Environment = process.env) {
    const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: within, WATCHDOG_PID: pid } = environment;
    let refused = socket === undefined || socket === "";
    this.#send = (text) => {
      if (refused) return;
      try {
        const { sendDatagram } = binding.parse(loadRuntime());
        callNative(() => sendDatagram(socket!, text));
      } catch (error) {
        refused = true;
        onRefused(error);
      }
    };
    const isWatched = Number(within) > 0 && (pid === undefined || Number(pid) === process.pid);
    // Twice in the time that is allowed, as systemd asks.
    this.#aliveMs = isWatched ? Number(within) / 2000 : undefined;
  }

  /** The run has begun; from now on it says that it is alive for as long as JavaScript goes on. */
  ready(): void {
    this.#send("READY=1");
    if (this.#aliveMs !== undefined) this.#alive = setInterval(() => this.#send("WATCHDOG=1"), this.#aliveMs).unref();
  }

  /** The run ends. */
  ended(): void {
    clearInterval(this.#alive);
    this.#send("STOPPING=1");
  }
}
