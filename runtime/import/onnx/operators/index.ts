// Every operator of ONNX that a graph can be made of, by its name.
import type { Definition, Definitions } from "../call.ts";
import { elementwise } from "./elementwise.ts";
import { reductions } from "./reductions.ts";
import { shapes } from "./shapes.ts";

/** The definitions by their full names: those of other domains than ONNX's own as DOMAIN::NAME. */
export const definitions: ReadonlyMap<string, Definition> = new Map(
  [elementwise, reductions, shapes].flatMap((each: Definitions) => Object.entries(each)),
);
