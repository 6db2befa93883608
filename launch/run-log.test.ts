// What `--log-level` shows and hides.
import { describe, expect, it } from "vitest";
import { type LogLevel, levelOf, RunLog } from "./run-log.ts";

const of = (logger: string | undefined, level: LogLevel) => ({ ...(logger === undefined ? {} : { logger }), level });

describe("a node's log level", () => {
  it.each([
    ["info unless said", [], "info"],
    ["that for all", [of(undefined, "warn")], "warn"],
    ["the last for all", [of(undefined, "warn"), of(undefined, "debug")], "debug"],
    ["its own before that for all", [of("arm.driver", "error"), of(undefined, "debug")], "error"],
    ["that of its bare name", [of("driver", "error")], "error"],
    ["that of the logger above it", [of("arm", "fatal")], "fatal"],
    ["not that of another logger", [of("rcl", "debug"), of("arm.driver2", "error"), of("ar", "error")], "info"],
  ] as const)("is %s", (_, rules, level) => {
    expect(levelOf("/arm/driver", rules)).toBe(level);
  });
});

describe("the log of a run", () => {
  const shown = (level: LogLevel): string[] => {
    const lines: string[] = [];
    const log = new RunLog(
      {
        out: () => undefined,
        error: (text) => lines.push(text),
        progress: (text) => lines.push(`${text}`),
        signal: new AbortController().signal,
      },
      level,
    );
    log.event({ topic: "/in", kind: "matched", end: "subscription", count: 1 });
    log.progress("1.0 s");
    for (let times = 0; times < 3; times++) {
      log.event({ topic: "/in", kind: "incompatible-quality", end: "subscription", policies: ["reliability"] });
      log.event({ topic: "/in", kind: "lost", count: times, reason: "the queue was full" });
    }
    log.say("error", "an observer failed");
    return lines;
  };
  const all = [
    "/in: the subscription has 1 at the other end",
    "1.0 s",
    "/in: the subscription does not fit another node: reliability",
    "/in: messages are lost: the queue was full",
    "an observer failed",
  ];

  it("has lines of its level and above, each warning of a topic once", () => {
    expect(shown("debug")).toEqual(all);
    expect(shown("info")).toEqual(all.slice(1));
    expect(shown("warn")).toEqual(all.slice(2));
    expect(shown("error")).toEqual(all.slice(4));
    expect(shown("fatal")).toEqual([]);
  });
});
