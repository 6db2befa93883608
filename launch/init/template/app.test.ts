// The whole application in virtual time, with its schedule and its world.
import { runApplication } from "isochron/testing";
import { expect, it } from "vitest";
import app from "./app.ts";

it("publishes a force every 20 ms, never one that the motor cannot make, and is never late", async () => {
  const { messages, report } = await runApplication(app, { duration: "20s" });
  const forces = (messages.get("/cart/force") ?? []).map(({ message }) => (message as { data: number }).data);
  expect(forces).toHaveLength(1000);
  expect(Math.max(...forces.map(Math.abs))).toBeLessThanOrEqual(10);
  expect(report.misses.total).toBe(0);
});
