// What a run says while it goes on, by severity: `--log-level` hides what is below it, for all or for one node.
import type { TransportEvent } from "../nodes/index.ts";
import type { Terminal } from "./terminal.ts";

/** Severities of ROS 2, the least first. */
export const logLevels = ["debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof logLevels)[number];

/** What `--log-level` asks for: a level, of the logger named or of all. */
export interface LogLevelRule {
  readonly logger?: string;
  readonly level: LogLevel;
}

/** The level of a node's logger, `arm.driver` of `/arm/driver`: by the last rule for it, or one above it, or for all. */
export function levelOf(node: string, rules: readonly LogLevelRule[]): LogLevel {
  const name = node.replace(/^\//, "").replaceAll("/", ".");
  const own = name.split(".").at(-1);
  const about = ({ logger }: LogLevelRule) => logger === name || logger === own || name.startsWith(`${logger}.`);
  const rule = rules.findLast(about) ?? rules.findLast(({ logger }) => logger === undefined);
  return rule?.level ?? "info";
}

/** Lines on standard error, those of a level and above; none without a level. */
export class RunLog {
  readonly #terminal: Terminal;
  readonly #least: number;
  /** What has been warned of: a fault that goes on is told once. */
  readonly #told = new Set<string>();

  constructor(terminal: Terminal, level: LogLevel | undefined) {
    this.#terminal = terminal;
    this.#least = level === undefined ? logLevels.length : logLevels.indexOf(level);
  }

  say(level: LogLevel, text: string): void {
    if (this.#shows(level)) this.#terminal.error(text);
  }

  progress(text: string | undefined, share?: number): void {
    if (this.#shows("info")) this.#terminal.progress(text, share);
  }

  /** Tells what a transport does: ends that meet to who debugs, what does not fit or is lost to who is warned, once each. */
  event(event: TransportEvent): void {
    if (event.kind === "matched") {
      this.say("debug", `${event.topic}: the ${event.end} has ${event.count} at the other end`);
      return;
    }
    const text = `${event.topic}: ${fault(event)}`;
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.say("warn", text);
  }

  #shows(level: LogLevel): boolean {
    return logLevels.indexOf(level) >= this.#least;
  }
}

function fault(event: Exclude<TransportEvent, { readonly kind: "matched" }>): string {
  switch (event.kind) {
    case "incompatible-type":
      return `it is ${event.ours} here, and ${event.theirs} at another node`;
    case "incompatible-quality":
      return `the ${event.end} does not fit another node: ${event.policies.join(", ")}`;
    case "lost":
      return `messages are lost: ${event.reason}`;
    case "missed":
      return `the ${event.policy} of a publication has passed`;
  }
}
