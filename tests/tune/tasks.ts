// What there is to tune: the problems of graphs, each with the kernel that every legal schedule makes.
import type { Kernel } from "../../kernels/index.ts";
import { usesDot } from "../../kernels/loop/walk.ts";
import { type Problem, type Schedule, usualSchedules } from "../../kernels/schedules/index.ts";
import { addsDotOnly, type TargetName, target as targetOf } from "../../kernels/targets.ts";
import type { KernelCall } from "../../runtime/compiler/kernel-call.ts";
import { lower } from "../../runtime/compiler/lower.ts";
import { callsOf } from "../../runtime/compiler/step-tree.ts";
import type { Weights } from "../../runtime/graph/weights.ts";
import { Compilation, type Graph } from "../../runtime/index.ts";
import type { NamedGraph } from "./graphs.ts";

/** A problem of a target, and the graph that has it. */
export interface Task {
  readonly problem: Problem;
  readonly graph: string;
  /** The kernel that a schedule makes. */
  kernel(schedule: Schedule): Kernel;
}

/** A graph as kernels are made of it. */
export interface PreparedGraph {
  readonly name: string;
  readonly graph: Graph;
  readonly weights: Weights;
}

/** Graphs made and simplified one at a time: their weights are large. */
export function* prepared(graphs: readonly NamedGraph[]): Generator<PreparedGraph> {
  for (const { name, make } of graphs) {
    const { methods, weights } = Compilation.of(make());
    yield { name, graph: methods[0]!.planned, weights };
  }
}

/** The problems of graphs on a target that have more than one legal schedule, each once. */
export function* tasksOf(graphs: Iterable<PreparedGraph>, name: TargetName): Generator<Task> {
  const known = new Set<string>();
  for (const { name: graphName, graph, weights } of graphs) {
    const callsWith = (schedules: typeof usualSchedules): readonly KernelCall[] =>
      callsOf(lower(graph, targetOf(name, schedules), weights).steps).map(({ call }) => call);
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
