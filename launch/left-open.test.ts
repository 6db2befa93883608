// What is said of what an application has left open.
import { describe, expect, it } from "vitest";
import { leftOpen } from "./left-open.ts";

describe("what an application has left open", () => {
  it("is counted by kind, the standard streams left out", () => {
    expect(leftOpen(["PipeWrap", "Timeout", "TCPServerWrap", "Timeout", "Immediate"])).toBe(
      "the application has left open: 2 timers, 1 TCP server, 1 Immediate; close it with app.closing(() => …)\n",
    );
  });

  it("is nothing yet where all there is ends by itself, as on a machine that is late", () => {
    expect(leftOpen(["TTYWrap", "Immediate", "FSReqPromise"])).toBeUndefined();
    expect(leftOpen(["TTYWrap"])).toContain("something");
  });
});
