// Transformers: ViT-Tiny over the patches of an image, and a policy over a window of observations.

import { concat, type Graph } from "../../../runtime/index.ts";
import { type Layers, network, type Plane } from "./layers.ts";

/** softmax(q·kᵀ / √d)·v over heads of x[n,width], all three from one product. */
function attention(x: Plane, heads: number, layers: Layers): Plane {
  const [tokens, width] = x.shape as [number, number];
  const depth = width / heads;
  const all = layers.linear(x, 3 * width).reshape([tokens, 3, heads, depth]);
  const [q, k, v] = [0, 1, 2].map((at) => all.slice([], [at, at + 1]).reshape([tokens, heads, depth])) as [
    Plane,
    Plane,
    Plane,
  ];
  const weights = q
    .permute([1, 0, 2])
    .matmul(k.permute([1, 2, 0]))
    .mul(1 / Math.sqrt(depth))
    .softmax(-1);
  const joined = weights.matmul(v.permute([1, 0, 2])).permute([1, 0, 2]);
  return layers.linear(joined.reshape([tokens, width]), width);
}

/** Attention and two linear layers with GELU, each behind a norm and beside a shortcut. */
function block(x: Plane, heads: number, layers: Layers): Plane {
  const width = x.shape[1]!;
  const attended = x.add(attention(layers.norm(x), heads, layers));
  return attended.add(layers.linear(layers.linear(layers.norm(attended), 4 * width).gelu(), width));
}

/** ViT-Tiny/16 (Touvron et al. 2021), 5.7 M parameters. */
export function vitTiny(size = 224, depth = 12): Graph {
  const [width, patch] = [192, 16];
  const patches = (size / patch) ** 2;
  return network("vit-tiny", [1, 3, size, size], (x, layers) => {
    const planes = layers.convolution(x, width, { kernel: patch, stride: patch, padding: 0, gain: 1 });
    const tokens = planes.reshape([width, patches]).permute([1, 0]);
    let y = concat([layers.weight([1, width], 1, "class"), tokens], 0).add(
      layers.weight([patches + 1, width], 1, "positions"),
    );
    for (let at = 0; at < depth; at++) y = block(y, 3, layers);
    return layers.linear(layers.norm(y.slice([0, 1])), 1000);
  });
}

/** Observations of 48 numbers in, actions of 12 out: four layers of width 256 and 8 heads, 3.2 M parameters. */
export function policyTransformer(tokens = 64, depth = 4): Graph {
  const width = 256;
  return network("policy-transformer", [tokens, 48], (x, layers) => {
    let y = layers.linear(x, width).add(layers.weight([tokens, width], 1, "positions"));
    for (let at = 0; at < depth; at++) y = block(y, 8, layers);
    return layers.linear(layers.norm(y.slice([tokens - 1, tokens])), 12);
  });
}
