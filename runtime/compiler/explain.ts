// What the stages of compilation print: the graphs, the kernels of a step, and its memory.
import { checkArgument, countKernel, printSchedule, type TargetName, targetSchema } from "../../kernels/index.ts";
import type { Graph } from "../graph/graph.ts";
import { graphSchema } from "../graph/method-graphs.ts";
import { showTensorType } from "../graph/tensor-type.ts";
import type { CompileOptions } from "./compile.ts";
import type { KernelCall } from "./kernel-call.ts";
import { planText } from "./numeric-plan.ts";
import { Compilation } from "./stages.ts";
import type { LoopStep, Step } from "./step-tree.ts";
import type { TargetCode } from "./target-code.ts";

/** What some steps do at most: calls of kernels, and operations on numbers, of which a multiply-add is two. */
interface Work {
  readonly calls: number;
  readonly flops: number;
}

const nothing: Work = { calls: 0, flops: 0 };
const plus = (a: Work, b: Work): Work => ({ calls: a.calls + b.calls, flops: a.flops + b.flops });
const times = (count: number, { calls, flops }: Work): Work => ({ calls: count * calls, flops: count * flops });

/** The parts of a loop, and how often each runs at most: a condition is asked once more than it lets the body run. */
const partsOf = ({ turns, atMost, body }: LoopStep): { readonly count: number; readonly steps: readonly Step[] }[] => [
  ...(turns.kind === "while" ? [{ count: atMost + 1, steps: turns.condition }] : []),
  { count: atMost, steps: body },
];

/** The most that a step does: a loop as often as it may, of two branches the one with more calls, and the one with more flops. */
function workOf(step: Step): Work {
  switch (step.kind) {
    case "call":
      return { calls: 1, flops: countKernel(step.call.kernel).flops };
    case "check":
      return nothing;
    case "branch": {
      const [a, b] = [workOfAll(step.whenTrue), workOfAll(step.whenFalse)];
      return { calls: Math.max(a.calls, b.calls), flops: Math.max(a.flops, b.flops) };
    }
    case "loop":
      return partsOf(step)
        .map(({ count, steps }) => times(count, workOfAll(steps)))
        .reduce(plus);
  }
}
const workOfAll = (steps: readonly Step[]): Work => steps.map(workOf).reduce(plus, nothing);

const showWork = ({ calls, flops }: Work): string => `${calls} kernel call${calls === 1 ? "" : "s"}, ${flops} flops`;

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
        const each = partsOf(step).map(({ count, steps: part }) => `${count} × (${showWork(workOfAll(part))})`);
        const asked =
          turns.kind === "while"
            ? [...all(turns.condition, `${margin}  `), `${margin}     while ${turns.predicate.memory.name}`]
            : [];
        return [
          `${margin}     ${label}, at most ${atMost} times: ${each.join(" + ")}`,
          ...asked,
          ...all(body, `${margin}  `),
        ];
      }
    }
  };
  return all(steps, "  ");
}

/** The multiplications, each with the addition that follows it, that a step of each method makes at most, all together. */
export const multiplyAddsOf = ({ methods }: TargetCode): number =>
  methods.reduce((sum, { steps }) => sum + workOfAll(steps).flops / 2, 0);

/** What `inspect` shows of a graph's way to code: the plan, the kernels and the memory, each in its own text. */
export function explain(graph: Graph, targetName: TargetName, dimensions: CompileOptions["dimensions"] = {}): string {
  checkArgument("compile", "explain", "targetName", targetSchema, targetName);
  checkArgument("compile", "explain", "graph", graphSchema, graph);
  const { methods } = Compilation.of(graph, { dimensions }).code(targetName);
  const { planned, steps, memory } = methods[0]!;
  return [
    planText(planned),
    "",
    `kernels for ${targetName}${steps.every(({ kind }) => kind === "call") ? "" : `, at most ${showWork(workOfAll(steps))}`}:`,
    ...explainSteps(steps),
    "",
    `scratch, ${memory.bytes} bytes:`,
    memory.toString(),
  ].join("\n");
}
