// PyTorch's activations beyond those that the tensor API has of its own.
import { constant, type Tensor, where } from "../../../capture/tensor.ts";
import { cast, type TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { floatType } from "../promotion.ts";
import { operator, type TorchOperator } from "./definition.ts";

type Float = Tensor<"f32">;

const floats = (x: Tensor): Float => cast(x, floatType(x.dtype)) as Float;

const unary = (name: string, run: (x: Float) => Tensor): TorchOperator =>
  operator(`${name}(Tensor self) -> Tensor`, (call) => run(floats(call.tensor("self"))));

/** alpha·(e^(x/alpha') − 1) below 0, and x above, times a scale. */
const elu = (x: Float, alpha: number, scale: number, input: number): Float => {
  const below = x.mul(input).expm1().mul(alpha);
  return where(x.greater(0), x, below).mul(scale);
};

/** Of Klambauer and others' self-normalising networks. */
const selu = { alpha: 1.6732632423543772, scale: 1.0507009873554805 };

/** ln sigmoid(x), without overflow on either side. */
const logSigmoid = (x: Float): Float => x.minimum(0).sub(x.abs().neg().exp().log1p());

const halves = (call: TorchCall): readonly [Float, Float] => {
  const x = floats(call.tensor("self"));
  const axis = call.axis("dim", x.shape.length);
  const size = x.shape[axis]!;
  if (size % 2 !== 0) throw torchMisfit(`glu halves a dimension of ${size}`);
  const half = (from: number): Float =>
    x.slice(...x.shape.map((each, at) => (at === axis ? ([from, from + size / 2] as const) : ([0, each] as const))));
  return [half(0), half(size / 2)];
};

const shrunk = (call: TorchCall, soft: boolean): Tensor => {
  const x = floats(call.tensor("self"));
  const edge = call.float("lambd");
  const outside = x.abs().greater(edge);
  return where(outside, soft ? x.sub(x.sign().mul(edge)) : x, constant(0, x.dtype));
};

export const activations: readonly TorchOperator[] = [
  operator("elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor", (call) => {
    const x = floats(call.tensor("self"));
    const [alpha, scale, input] = ["alpha", "scale", "input_scale"].map((name) => call.float(name)) as [
      number,
      number,
      number,
    ];
    return scale === 1 && input === 1 ? x.elu({ alpha }) : elu(x, alpha, scale, input);
  }),
  unary("selu", (x) => elu(x, selu.alpha, selu.scale, 1)),
  operator("celu(Tensor self, Scalar alpha=1.0) -> Tensor", (call) => {
    const alpha = call.float("alpha");
    return elu(floats(call.tensor("self")), alpha, 1, 1 / alpha);
  }),
  unary("mish", (x) => x.mul(x.softplus().tanh())),
  unary("log_sigmoid", logSigmoid),
  operator("glu(Tensor self, int dim=-1) -> Tensor", (call) => {
    const [value, gate] = halves(call);
    return value.mul(gate.sigmoid());
  }),
  operator("hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor", (call) => shrunk(call, false)),
  operator("softshrink(Tensor self, Scalar lambd=0.5) -> Tensor", (call) => shrunk(call, true)),
  operator("threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor", (call) => {
    const x = call.tensor("self");
    return where(x.greater(call.float("threshold")), x, constant(call.float("value"), x.dtype));
  }),
  operator(
    "rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.3333333333333333, bool training=False, Generator? generator=None) -> Tensor",
    (call) => {
      if (call.flag("training"))
        throw unsupportedTorch("rrelu that draws its slopes", "call eval() before it is saved");
      const x = floats(call.tensor("self"));
      return where(x.greater(0), x, x.mul((call.float("lower") + call.float("upper")) / 2));
    },
  ),
];
