// Every operator, by name: what tracers build, interpreters mean and compilers lower.
import * as activation from "./activation.ts";
import { adaptiveAvgPool, adaptiveMaxPool } from "./adaptive-pooling.ts";
import * as arrangement from "./arrangement.ts";
import * as attending from "./attention.ts";
import * as bits from "./bits.ts";
import * as blocked from "./blocked.ts";
import * as channelNorms from "./channel-norms.ts";
import * as composite from "./composite.ts";
import * as contraction from "./contraction.ts";
import * as division from "./division.ts";
import * as elementary from "./elementary.ts";
import * as elementwise from "./elementwise.ts";
import * as gathering from "./gather.ts";
import { gridSampler2d } from "./grid-sample.ts";
import * as grouped from "./grouped.ts";
import * as multiIndex from "./multi-index.ts";
import * as normalization from "./normalization.ts";
import type { Operator } from "./operator.ts";
import * as ordering from "./ordering.ts";
import { packedMatmul } from "./packed-matmul.ts";
import { avgPool, maxPool } from "./pooling.ts";
import * as quantized from "./quantized.ts";
import * as reduction from "./reduction.ts";
import { resize } from "./resize.ts";
import * as running from "./running.ts";
import { scatter } from "./scatter.ts";
import * as statistics from "./statistics.ts";
import * as structure from "./structure.ts";
import { convTranspose2d } from "./transposed-convolution.ts";
import { winogradConv2d } from "./winograd.ts";

const { kindOf: _kind, elementwise: _elementwise, floatFunction: _function, ...elementwiseOperators } = elementwise;
const { blockedConvolutionAttributes: _blocked, depthwiseAttributes: _depthwise, ...blockedOperators } = blocked;
const { convolutionAttributes: _convolution, ...contractionOperators } = contraction;
const { requireFloat: _float, ...composites } = composite;
const {
  blockedIntegerAttributes: _integer,
  packedMatmulAttributes: _packed,
  quantizedRange: _range,
  requantizationAttributes: _requantization,
  ...quantizedOperators
} = quantized;
const { reductionAttributes: _attributes, reducedType: _type, forEachElement: _visit, ...reductions } = reduction;

const { standardized: _standardized, ...normalizations } = normalization;
const { requireOrdered: _ordered, ...orderingOperators } = ordering;

/** All operators; each is exported under its own name. */
export const operators = {
  ...elementwiseOperators,
  ...elementary,
  ...division,
  ...bits,
  ...activation,
  ...structure,
  ...arrangement,
  ...multiIndex,
  ...reductions,
  ...contractionOperators,
  packedMatmul,
  ...blockedOperators,
  ...grouped,
  winogradConv2d,
  ...quantizedOperators,
  ...composites,
  ...gathering,
  scatter,
  ...orderingOperators,
  ...running,
  ...statistics,
  maxPool,
  avgPool,
  adaptiveMaxPool,
  adaptiveAvgPool,
  convTranspose2d,
  resize,
  gridSampler2d,
  ...attending,
  ...normalizations,
  ...channelNorms,
} as const satisfies { readonly [name: string]: Operator };

export { type Builder, type Nd, type Operator, type OperatorDefinition, operator } from "./operator.ts";
