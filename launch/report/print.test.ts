import { describe, expect, it } from "vitest";
import { printReport } from "./print.ts";
import { reportOf } from "./report.ts";
import { facts, ledgerOf, smallRun, virtualFacts, virtualRun } from "./testing/small-run.ts";

describe("the report in a terminal", () => {
  it("shows verdicts, tasks, chains and the world of a live run", () => {
    expect(`\n${printReport(reportOf(ledgerOf(smallRun()), facts))}\n`).toMatchInlineSnapshot(`
      "
      small: 200 ms of real time, SCHED_FIFO, Test CPU, 2 cores, x64
        ! 2 overruns of find (injected stall, execution over budget)
        ! 2 overruns of steer (late start, execution over budget)
        ! 2 skipped releases of steer (earlier job still running, not started in time)
        ! 2 jobs of find over the budget of 4 ms
        ! 1 job of steer over the budget of 1 ms
        ! 1 of 6 messages /camera → find dropped by minInterval, first at 50 ms: 10 ms after the one before, minInterval is 30 ms; to take all it needs a tolerance of 20 ms, and the deadline leaves 15 ms
        ? bit-exact: not checked
        + camera to steering: within its budget of 60 ms, worst 25 ms
        + real-time: SCHED_FIFO granted
        + conservation holds for every task and channel
        task   released  on time  overrun  skipped  exec p50  exec max  late p99  late max
        find          5        2        2        0      3 ms     25 ms    200 us    200 us
        steer        10        6        2        2    200 us     22 ms    4.5 ms    4.5 ms
        chain               budget    p50    p99    max  over budget  age min  age p50  age p99  age max  max age
        camera to steering   60 ms  25 ms  25 ms  25 ms            0    25 ms    65 ms   145 ms   145 ms        -
        world
          distance         12.3457
          leftRoad         false
      "
    `);
  });

  it("says that times of a virtual run are logical and its latencies not measured", () => {
    expect(`\n${printReport(reportOf(ledgerOf(virtualRun()), virtualFacts))}\n`).toMatchInlineSnapshot(`
      "
      small: 200 ms of virtual time (times are logical), Test CPU, 2 cores, x64
        ? deadlines not measured: times are logical
        ? virtual time: execution time and lateness not measured
        ? bit-exact: not checked
        + camera to steering: within its budget of 60 ms in logical time, worst 25 ms
        + conservation holds for every task and channel
        task   released  on time  overrun  skipped      exec p50      exec max      late p99      late max
        find          3        3        0        0  not measured  not measured  not measured  not measured
        steer         5        5        0        0  not measured  not measured  not measured  not measured
        chain               budget    p50    p99    max  over budget  age min  age p50  age p99  age max  max age
        camera to steering   60 ms  25 ms  25 ms  25 ms            0    25 ms    25 ms    45 ms    45 ms        -
        world
          distance         12.3457
          leftRoad         false
      "
    `);
  });
});
