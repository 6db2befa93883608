// Every operator of ONNX that a graph can be made of, by its name.
import type { Definition, Definitions } from "../call.ts";
import { elementwise } from "./elementwise.ts";
import { losses } from "./losses.ts";
import { norms } from "./norms.ts";
import { reductions } from "./reductions.ts";
import { shapes } from "./shapes.ts";
import { training } from "./training.ts";

/** The definitions by their full names: those of other domains than ONNX's own as DOMAIN::NAME. */
export const definitions: ReadonlyMap<string, Definition> = new Map(
  [elementwise, losses, norms, reductions, shapes, training].flatMap((each: Definitions) => Object.entries(each)),
);
