// What `--stall` means, and what it refuses.
import { expect, it } from "vitest";
import { smallApplication } from "../report/testing/small-run.ts";
import { parseStall } from "../run-application.ts";

it("a stall is of a task, every so many jobs, for so long", () => {
  expect(parseStall("steer:3:25ms", smallApplication())).toEqual({ task: 1, every: 3, durationNs: 25e6 });
  expect(parseStall("find:1:7us", smallApplication())).toEqual({ task: 0, every: 1, durationNs: 7e3 });
});

it.each(["find", "find:2", "find:0:1ms", "find:-1:1ms", "find:1.5:1ms", "find:x:1ms", "find:2:1ms:3"])(
  "a stall %s is refused",
  (text) => {
    expect(() => parseStall(text, smallApplication())).toThrow(`"${text}" is not TASK:EVERY:DURATION`);
  },
);
