// PyTorch's type promotion: which dtype an operation has by those of its operands (torch.result_type).
import { type Dtype, isFloatDtype } from "../../../kernels/index.ts";
import { TorchNumber, TorchTensor, type TorchValue } from "./values.ts";

const signedOf: { readonly [dtype in Dtype]?: number } = { i8: 8, i16: 16, i32: 32, i64: 64 };
const unsignedOf: { readonly [dtype in Dtype]?: number } = { u8: 8, u16: 16, u32: 32, u64: 64 };
const floatBits: { readonly [dtype in Dtype]?: number } = { f16: 16, bf16: 16, f32: 32, f64: 64 };

/** PyTorch's default for floats, and for integers. */
const defaultFloat: Dtype = "f32";

type Category = 0 | 1 | 2;
const categoryOf = (dtype: Dtype): Category => (dtype === "bool" ? 0 : isFloatDtype(dtype) ? 2 : 1);

const wider = (one: Dtype, other: Dtype, bits: { readonly [dtype in Dtype]?: number }): Dtype =>
  bits[one]! >= bits[other]! ? one : other;

/** The dtype that holds both (torch.promote_types). */
export function promoteTypes(one: Dtype, other: Dtype): Dtype {
  if (one === other) return one;
  const [low, high] = [categoryOf(one), categoryOf(other)];
  if (low !== high) return low > high ? one : other;
  if (low === 2) {
    if (floatBits[one] === 16 && floatBits[other] === 16) return "f32";
    return wider(one, other, floatBits);
  }
  if (signedOf[one] && signedOf[other]) return wider(one, other, signedOf);
  if (unsignedOf[one] && unsignedOf[other]) return wider(one, other, unsignedOf);
  const [signed, unsigned] = signedOf[one] ? [one, other] : [other, one];
  const bits = Math.max(signedOf[signed]!, Math.min(64, unsignedOf[unsigned]! * 2));
  return (Object.keys(signedOf) as Dtype[]).find((dtype) => signedOf[dtype] === bits)!;
}

/** The dtype of an operation on tensors and numbers: numbers and tensors of no dimension only count where their kind is higher. */
export function resultType(operands: readonly TorchValue[]): Dtype {
  const dtypes: [Dtype | undefined, Dtype | undefined, Dtype | undefined] = [undefined, undefined, undefined];
  const add = (level: 0 | 1 | 2, dtype: Dtype) => {
    const now = dtypes[level];
    dtypes[level] = now === undefined ? dtype : promoteTypes(now, dtype);
  };
  for (const operand of operands) {
    if (operand instanceof TorchTensor) add(operand.rank > 0 ? 0 : 1, operand.dtype);
    else if (operand instanceof TorchNumber)
      add(2, { int: "i64", float: defaultFloat, bool: "bool" }[operand.kind] as Dtype);
    else if (typeof operand === "boolean") add(2, "bool");
    else if (typeof operand === "bigint") add(2, "i64");
    else if (typeof operand === "number") add(2, defaultFloat);
  }
  return dtypes.reduce<Dtype | undefined>((sum, dtype) => {
    if (sum === undefined || dtype === undefined) return sum ?? dtype;
    if (categoryOf(dtype) <= categoryOf(sum)) return sum;
    return dtype;
  }, undefined)!;
}

/** The dtype that functions of real numbers give: integers become floats. */
export const floatType = (dtype: Dtype): Dtype => (isFloatDtype(dtype) ? dtype : defaultFloat);
