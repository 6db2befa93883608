// What topics carry: descriptions of messages as the tensors that an application sees.
import type { Dtype } from "../kernels/index.ts";
import { type Signature, type TensorType, tensor } from "../runtime/index.ts";
import { layoutSlot } from "../scheduler/index.ts";
import {
  type DecodePlan,
  type DecodeRule,
  type EncodePlan,
  type EncodeRule,
  makeDecodePlan,
  makeEncodePlan,
  slotBytesOf,
} from "./codec-plan.ts";
import { fullTypeName } from "./definitions.ts";

/** An input topic's message: its type, the tensors it becomes, and the plan between. */
export interface InputMessage<F extends Signature = Signature> {
  readonly type: string;
  readonly fields: F;
  readonly plan: DecodePlan;
}

/** A sensor_msgs/msg/Image of fixed size and encoding, as one tensor `data`: u8[height, width]. */
export function image(
  encoding: "mono8",
  size: readonly [height: number, width: number],
): InputMessage<{ readonly data: TensorType<"u8"> }> {
  const [height, width] = size;
  const fields = { data: tensor("u8", [height, width]) };
  const plan = makeDecodePlan("sensor_msgs/msg/Image", height * width, {
    height: { kind: "expect", value: height },
    width: { kind: "expect", value: width },
    encoding: { kind: "expect", value: encoding },
    step: { kind: "expect", value: width },
    data: { kind: "bytes", count: height * width, offset: 0 },
  });
  return { type: "sensor_msgs/msg/Image", fields, plan };
}

/** Numbers of a message as scalar tensors: `{ rate: { field: "angular_velocity.z", dtype: "f32" } }`. */
export function numbers<const S extends { readonly [name: string]: { readonly field: string; readonly dtype: Dtype } }>(
  type: string,
  selection: S,
): InputMessage<{ readonly [K in keyof S]: TensorType<S[K]["dtype"]> }> {
  const entries = Object.entries(selection);
  const { slotBytes, fields } = layoutSlot(
    entries.map(([name, { dtype }]) => ({ name, dtype, shape: [], bytes: slotBytesOf(dtype, []) })),
  );
  const rules = Object.fromEntries(
    entries.map(([, { field, dtype }], at): [string, DecodeRule] => [
      field,
      { kind: "scalar", dtype, offset: fields[at]!.offset },
    ]),
  );
  const types = Object.fromEntries(entries.map(([name, { dtype }]) => [name, tensor(dtype, [])]));
  return {
    type: fullTypeName(type),
    fields: types as { readonly [K in keyof S]: TensorType<S[K]["dtype"]> },
    plan: makeDecodePlan(type, slotBytes, rules),
  };
}

/** A field of a record as it lies in a slot. */
export interface PlacedField {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly offset: number;
}

/** Fields of well-known messages by the names that controllers give their outputs. */
const usualPlaces: { readonly [type: string]: { readonly [output: string]: string } } = {
  "ackermann_msgs/msg/AckermannDriveStamped": {
    steeringAngle: "drive.steering_angle",
    speed: "drive.speed",
    acceleration: "drive.acceleration",
  },
};

/**
 * The plan that shows scalar outputs as a message.
 *
 * `mapping` names the message's field for each output; without it, outputs go to the fields of the same name, or to the
 * usual place of well-known types.
 */
export function outputPlan(
  type: string,
  slotBytes: number,
  outputs: readonly PlacedField[],
  mapping: { readonly [output: string]: string } = usualPlaces[fullTypeName(type)] ?? {},
  constants: { readonly [field: string]: number | string } = {},
): EncodePlan {
  const rules: Record<string, EncodeRule> = {};
  for (const [field, value] of Object.entries(constants)) rules[field] = { kind: "constant", value };
  for (const { name, dtype, offset } of outputs) rules[mapping[name] ?? name] = { kind: "scalar", dtype, offset };
  return makeEncodePlan(type, slotBytes, rules);
}
