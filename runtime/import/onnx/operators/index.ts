// Every operator of ONNX that a graph can be made of, by its name.
import type { Definition, Definitions } from "../call.ts";
import { attentions } from "./attention.ts";
import { elementwise } from "./elementwise.ts";
import { losses } from "./losses.ts";
import { norms } from "./norms.ts";
import { recurrentNetworks } from "./recurrent.ts";
import { reductions } from "./reductions.ts";
import { shapes } from "./shapes.ts";
import { training } from "./training.ts";

/** The definitions by their full names: those of other domains than ONNX's own as DOMAIN::NAME. */
export const definitions: ReadonlyMap<string, Definition> = new Map(
  [attentions, elementwise, losses, norms, recurrentNetworks, reductions, shapes, training].flatMap(
    (each: Definitions) => Object.entries(each),
  ),
);
