// `isochron report`: the page and the numbers of a recording, as the run itself reported them.
import { existsSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Workplace } from "../command-line/command.ts";

const road = fileURLToPath(new URL("../../examples/road/app.ts", import.meta.url));
const place = new Workplace();
afterAll(() => place.remove());

const json = (name: string) => JSON.parse(readFileSync(place.path(name), "utf8"));

beforeAll(async () => {
  const live = ["--realtime", "--duration", "3s", "--stall", "lane:5:25ms"];
  const runs = await Promise.all([
    place.shared("run", road, ...live, "--record", "live.mcap", "--report", "run/live.json"),
    place.shared("run", road, "--duration", "3s", "--record", "virtual.mcap", "--report", "run/virtual.json"),
  ]);
  for (const { code, error } of runs) expect(code, error).toBe(0);
});

describe("isochron report", () => {
  it("writes page and numbers beside the recording, the numbers as the run itself reported them", async () => {
    for (const name of ["live", "virtual"]) {
      const { code, out } = await place.shared("report", `${name}.mcap`);
      expect(code).toBe(0);
      expect(out).toContain(`${name}.report.html`);
      expect(readFileSync(place.path(`${name}.report.json`), "utf8")).toBe(
        readFileSync(place.path(`run/${name}.json`), "utf8"),
      );
      expect(statSync(place.path(`${name}.report.html`)).size).toBeGreaterThan(60_000);
    }
  });

  it("shows a live run's stalls as overruns, and balances that hold", async () => {
    const { tasks, channels, misses, clock, machine, threads } = json("run/live.json");
    const [lane] = tasks;
    expect(clock).toBe("real");
    expect(lane.overrun).toBeGreaterThanOrEqual(Math.floor(lane.released / 5) - 1);
    expect(misses.groups.map((group: { cause: string }) => group.cause)).toContain("injected stall");
    for (const each of [...tasks, ...channels]) expect(each.conserved).toBe(true);
    for (const task of tasks) expect(task.executionTime.count).toBe(task.onTime + task.overrun);
    expect(machine.cores).toBeGreaterThan(0);
    expect(threads.length).toBeGreaterThan(0);
  });

  it("measures no latency in virtual time", () => {
    const { tasks, clock, chains } = json("run/virtual.json");
    expect(clock).toBe("logical");
    for (const task of tasks) {
      expect([task.executionTime, task.lateness, task.responseTime]).toEqual(Array(3).fill("not measured"));
    }
    // Every frame of 3 s, one every 40 ms, is answered.
    expect(chains[0].latency.count).toBe(75);
  });

  it("writes only what -o names, by its ending, and prints the numbers with --json", async () => {
    expect(await place.shared("report", "virtual.mcap", "-o", "made/page.html")).toMatchObject({ code: 0 });
    expect(readFileSync(place.path("made/page.html"), "utf8")).toMatch(/^<!doctype html>/);
    expect(existsSync(place.path("made/page.json"))).toBe(false);
    const { out } = await place.shared("report", "virtual.mcap", "--json");
    expect(JSON.parse(out)).toEqual(json("run/virtual.json"));
    const refused = await place.shared("report", "virtual.mcap", "-o", "page.pdf");
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.error).toContain('error[command/report]: "page.pdf" should end in .html or .json');
  });

  it("says bit-exact only where it was asked to recompute the run", async () => {
    expect(json("run/live.json").replayed).toBe("not checked");
    const { code, out } = await place.shared("report", "live.mcap", "--verify", "--json");
    expect(code).toBe(0);
    const { replayed, verdicts } = JSON.parse(out);
    expect(replayed).toMatchObject({ bitExact: true, difference: null, illegal: null });
    expect(replayed.kernelCalls).toBeGreaterThan(0);
    expect(verdicts).toContainEqual({
      about: "replay",
      status: "good",
      text: `bit-exact: recomputed with ${replayed.kernelCalls} kernel calls`,
    });
  });

  it("refuses what is no recording in one message", async () => {
    const refused = await place.shared("report", "run/live.json");
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.error).toMatch(/^error\[recording\/foreign\]: run\/live\.json is not a recording of Isochron/);
    expect(existsSync(place.path("run/live.report.html"))).toBe(false);
  });
});
