// What the stages of compilation print: the graphs, the kernels of a step, and its memory.
import {
  checkArgument,
  printSchedule,
  type TargetName,
  target as targetOf,
  targetSchema,
} from "../../kernels/index.ts";
import type { Graph } from "../graph/graph.ts";
import { graphSchema } from "../graph/method-graphs.ts";
import { showTensorType } from "../graph/tensor-type.ts";
import type { CompileOptions } from "./compile.ts";
import type { KernelCall } from "./kernel-call.ts";
import { planText } from "./numeric-plan.ts";
import { Compilation } from "./stages.ts";
import type { Step } from "./step-tree.ts";

/** A line for each kernel, choice and loop of a step, what is inside of them further right. */
function explainSteps(steps: readonly Step[]): string[] {
  let calls = 0;
  const show = ({ memory, access }: KernelCall["operands"][number]) =>
    `${access === "write" ? "→ " : ""}${memory.home.kind} ${memory.name}: ${showTensorType(memory)}`;
  const all = (some: readonly Step[], margin: string): string[] => some.flatMap((step) => lines(step, margin));
  const lines = (step: Step, margin: string): string[] => {
    switch (step.kind) {
      case "call": {
        const { label, operands, choices } = step.call;
        return [
          `${margin}${String(calls++).padStart(3)}  ${label}  (${operands.map(show).join(", ")})`,
          ...choices.map(
            ({ problem, chosen }) => `${margin}     schedule of ${problem.name}: ${printSchedule(chosen)}`,
          ),
        ];
      }
      case "check":
        return [`${margin}     fault ${step.fault} unless ${step.count.memory.name} is at most ${step.atMost}`];
      case "branch":
        return [
          `${margin}     if ${step.predicate.memory.name}`,
          ...all(step.whenTrue, `${margin}  `),
          `${margin}     else`,
          ...all(step.whenFalse, `${margin}  `),
        ];
      case "loop": {
        const { label, turns, atMost, body } = step;
        const asked =
          turns.kind === "while"
            ? [...all(turns.condition, `${margin}  `), `${margin}     while ${turns.predicate.memory.name}`]
            : [];
        return [`${margin}     ${label}, at most ${atMost} times`, ...asked, ...all(body, `${margin}  `)];
      }
    }
  };
  return all(steps, "  ");
}

/** What `inspect` shows of a graph's way to code: the plan, the kernels and the memory, each in its own text. */
export function explain(graph: Graph, targetName: TargetName, dimensions: CompileOptions["dimensions"] = {}): string {
  checkArgument("compile", "explain", "targetName", targetSchema, targetName);
  checkArgument("compile", "explain", "graph", graphSchema, graph);
  const { methods } = Compilation.of(graph, { dimensions }).code(targetOf(targetName));
  const { planned, steps, memory } = methods[0]!;
  return [
    planText(planned),
    "",
    `kernels for ${targetName}:`,
    ...explainSteps(steps),
    "",
    `scratch, ${memory.bytes} bytes:`,
    memory.toString(),
  ].join("\n");
}
