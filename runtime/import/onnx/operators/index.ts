// Every operator of ONNX that a graph can be made of, by its name.
import type { Definition, Definitions } from "../call.ts";
import { attentions } from "./attention.ts";
import { contrib } from "./contrib.ts";
import { contribAttention } from "./contrib-attention.ts";
import { contribQuantization } from "./contrib-quantization.ts";
import { controlFlow } from "./control-flow.ts";
import { elementwise } from "./elementwise.ts";
import { images } from "./images.ts";
import { losses } from "./losses.ts";
import { ml } from "./ml.ts";
import { networks } from "./networks.ts";
import { norms } from "./norms.ts";
import { quantization } from "./quantization.ts";
import { random } from "./random.ts";
import { recurrentNetworks } from "./recurrent.ts";
import { reductions } from "./reductions.ts";
import { selection } from "./selection.ts";
import { sequences } from "./sequences.ts";
import { shapes } from "./shapes.ts";
import { signals } from "./signal.ts";
import { supportVectors } from "./svm.ts";
import { takingTexts, texts } from "./texts.ts";
import { training } from "./training.ts";
import { trees } from "./trees.ts";
import { vision } from "./vision.ts";

const families: readonly Definitions[] = [
  attentions,
  contrib,
  contribAttention,
  contribQuantization,
  controlFlow,
  elementwise,
  images,
  losses,
  ml,
  networks,
  norms,
  quantization,
  random,
  recurrentNetworks,
  reductions,
  selection,
  sequences,
  shapes,
  signals,
  supportVectors,
  texts,
  training,
  trees,
  vision,
];

/** The definitions by their full names: those of other domains than ONNX's own as DOMAIN::NAME. */
export const definitions: ReadonlyMap<string, Definition> = new Map(
  families.flatMap(Object.entries<Definition>).map(([name, definition]) => [name, takingTexts(name, definition)]),
);
