// How each operator is written in ONNX's; one that is not here is written as those that it is made of.
import type { Operator } from "../../../../operators/index.ts";
import type { Entry, Rule } from "../call.ts";
import { controlFlow } from "./control-flow.ts";
import { elementwise } from "./elementwise.ts";
import { indexing } from "./indexing.ts";
import { networks } from "./networks.ts";
import { norms } from "./norms.ts";
import { quantization } from "./quantization.ts";
import { reductions } from "./reductions.ts";
import { shapes } from "./shapes.ts";

const entries: readonly Entry[] = [
  ...elementwise,
  ...shapes,
  ...indexing,
  ...reductions,
  ...networks,
  ...norms,
  ...quantization,
  ...controlFlow,
];

export const rules: ReadonlyMap<Operator, Rule> = new Map(entries);
