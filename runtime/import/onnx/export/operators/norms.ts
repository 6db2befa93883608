// Normalisations of batches, groups and rows, as ONNX has them.
import { type Operator, operators } from "../../../../operators/index.ts";
import { type Call, type Entry, rule } from "../call.ts";
import type { Written } from "../writer.ts";

/** Scale and shift by channel, which ONNX asks for. */
function scaling(call: Call, at: number): Written[] {
  const channels = call.shape(0)[1]!;
  const { dtype } = call.type(0);
  return [1, 0].map((neutral, which) =>
    call.has(at + which)
      ? call.operands[at + which]!
      : call.constant(dtype, [channels], new Array<number>(channels).fill(neutral)),
  );
}

interface Norm {
  readonly epsilon: number;
}

/** A norm whose epsilon, a float32 in ONNX, is what it is here. */
const norm = <A extends Norm>(
  operator: Operator<A>,
  write: (call: Call, attributes: A, epsilon: { readonly float: number }) => Written | undefined,
): Entry =>
  rule(operator, (call, attributes) => {
    const { epsilon } = attributes;
    return call.holds(epsilon) ? write(call, attributes, { float: epsilon }) : undefined;
  });

export const norms: readonly Entry[] = [
  norm(operators.layerNorm, (call, { dimensions }, epsilon) =>
    call.op("LayerNormalization", call.operands, { axis: -dimensions, epsilon }),
  ),
  norm(operators.rmsNorm, (call, { dimensions }, epsilon) =>
    call.opset < 23 ? undefined : call.op("RMSNormalization", call.operands, { axis: -dimensions, epsilon }),
  ),
  norm(operators.batchNorm, (call, _, epsilon) => {
    const [x, mean, variance] = call.operands;
    return call.op("BatchNormalization", [x, ...scaling(call, 3), mean, variance], { epsilon });
  }),
  norm(operators.groupNorm, (call, { groups }, epsilon) =>
    call.opset < 21
      ? undefined
      : call.op("GroupNormalization", [call.operands[0], ...scaling(call, 1)], { num_groups: groups, epsilon }),
  ),
  norm(operators.instanceNorm, (call, _, epsilon) =>
    call.type(0).shape.length < 3
      ? undefined
      : call.op("InstanceNormalization", [call.operands[0], ...scaling(call, 1)], { epsilon }),
  ),
];
