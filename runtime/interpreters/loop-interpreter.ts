// Runs a graph by the loop interpreter: simplified, lowered for a target, its kernels interpreted one after the other.
import { type TargetName, target as targetOf } from "../../kernels/index.ts";
import type { CompileOptions } from "../compiler/compile.ts";
import { Compilation } from "../compiler/stages.ts";
import type { Graph } from "../graph/graph.ts";
import { KernelInterpreter } from "./kernel-interpreter.ts";

/** A graph as it is compiled for a target, interpreted. */
export class LoopInterpreter extends KernelInterpreter {
  constructor(graph: Graph, target: TargetName, options: Pick<CompileOptions, "grain" | "schedules"> = {}) {
    super(Compilation.of(graph).code(targetOf(target, options.schedules), options.grain));
  }
}
