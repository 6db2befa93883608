// What there is to tune: the problems of graphs, each with the kernel that every legal schedule makes.
import type { Kernel } from "../../kernels/index.ts";
import { usesDot } from "../../kernels/loop/walk.ts";
import { type Problem, type Schedule, usualSchedules } from "../../kernels/schedules/index.ts";
import { addsDotOnly, type TargetName, target as targetOf } from "../../kernels/targets.ts";
import { simplified } from "../../runtime/index.ts";
import { type KernelCall, lower } from "../../runtime/lower.ts";
import { layoutWeights } from "../../runtime/weights.ts";
import type { NamedGraph } from "./graphs.ts";

/** A problem of a target, and the graph that has it. */
export interface Task {
  readonly problem: Problem;
  readonly graph: string;
  /** The kernel that a schedule makes. */
  kernel(schedule: Schedule): Kernel;
}

/** The problems of some graphs with more than one legal schedule, each once, made one graph at a time. */
export function* tasksOf(graphs: readonly NamedGraph[], name: TargetName): Generator<Task> {
  const known = new Set<string>();
  for (const { name: graphName, make } of graphs) {
    const graph = simplified(make());
    const weights = layoutWeights(graph);
    const callsWith = (schedules: typeof usualSchedules): readonly KernelCall[] =>
      lower(graph, targetOf(name, schedules), weights);
    for (const [at, { kernel, choices }] of callsWith(usualSchedules).entries()) {
      // A target that only adds dot products takes the rest from its base's table.
      if (addsDotOnly(name) && !usesDot(kernel.body)) continue;
      for (const { problem } of choices) {
        if (known.has(problem.name) || problem.legal.length < 2) continue;
        known.add(problem.name);
        yield {
          problem,
          graph: graphName,
          kernel: (schedule) =>
            callsWith((each) => (each.name === problem.name ? (schedule as typeof each.usual) : usualSchedules(each)))[
              at
            ]!.kernel,
        };
      }
    }
  }
}
