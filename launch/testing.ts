// What tests need: an application run in virtual time, kernels interpreted with their bounds checked, stated errors.
import { compilerSchemas, optionsOf } from "../kernels/index.ts";
import { type Duration, durationAboveZero } from "../scheduler/index.ts";
import type { PublishedMessage } from "../sim/index.ts";
import type { Application } from "./application.ts";
import type { Report } from "./report/index.ts";
import { runApplication as run } from "./run-application.ts";

export { disagreement, LoopInterpreter } from "../runtime/index.ts";
export type { PublishedMessage } from "../sim/index.ts";
export type { Report } from "./report/index.ts";

/** Options of `runApplication`. */
export interface TestRunOptions {
  /** How long the run lasts, in virtual time. */
  readonly duration: Duration;
  /** Where compiled modules are kept between runs; `.cache/isochron` in the working directory unless given. */
  readonly cacheDir?: string;
  readonly signal?: AbortSignal;
}

/** What came of a run. */
export interface TestRun {
  /** What was published on each output topic, in order. */
  readonly messages: ReadonlyMap<string, readonly PublishedMessage[]>;
  /** The run's numbers, as `isochron run --json` and reports show them: tasks, chains, drops, faults, what the world says. */
  readonly report: Report;
  /** The hash of all that the run computed: equal for equal runs, on every machine. */
  readonly hash: string;
}

const checkRun = optionsOf<TestRunOptions>("testing", "testing.runApplication", () => {
  const { cacheDir, signal } = compilerSchemas();
  return { duration: durationAboveZero, cacheDir, signal };
});

/**
 * Runs an application in virtual time, with its world: as fast as the machine can, and with the same result every time.
 *
 * Throws what the application, a job or an observer throws. What the application opened stays open: `application.close()`.
 *
 * @example
 * ```ts
 * import { application, field, message, tensorType, trace } from "isochron";
 * import { runApplication } from "isochron/testing";
 *
 * const twice = trace(({ x }) => ({ y: x.mul(2) }), { x: tensorType("f32", []) }, { name: "twice" });
 * const app = application("twice", (app) => {
 *   const input = app.input("/in", message("std_msgs/msg/Float32", { x: field("data") }));
 *   const task = app.task("twice", twice, { inputs: { x: input }, period: "10ms", budget: "100us", deadline: "1ms" });
 *   app.output("/out", "std_msgs/msg/Float32", task.outputs, { y: "data" });
 * });
 * const { messages, report } = await runApplication(app, { duration: "1s" });
 * console.log(messages.get("/out")?.length, report.misses.total); // 100 0
 * ```
 */
export async function runApplication(application: Application, options: TestRunOptions): Promise<TestRun> {
  checkRun(options, "runApplication");
  const messages = new Map(
    application.declarations.outputs.map(({ topic }) => [topic, [] as PublishedMessage[]] as const),
  );
  const { report, hash } = await run(application, {
    ...options,
    onMessage: (message) => messages.get(message.topic)!.push(message),
  });
  options.signal?.throwIfAborted();
  return { messages, report, hash };
}
