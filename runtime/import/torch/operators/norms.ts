// PyTorch's norms of vectors and matrices, and distances.
import { type MatrixOrder, matrixNorm, vectorNorm, type Wide } from "../../../capture/linalg/index.ts";
import { constant, type Tensor } from "../../../capture/tensor.ts";
import { cast, isScalar, type TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { floatType } from "../promotion.ts";
import { operator, type TorchOperator } from "./definition.ts";
import { broadcastShape } from "./positions.ts";

const ofVectors = (x: Tensor, ord: number, axes: readonly number[], keepDims: boolean): Tensor =>
  vectorNorm(x as Tensor<Wide>, { ord, axes, keepDims });

const orders: readonly unknown[] = ["fro", "nuc", 1, -1, 2, -2, Infinity, -Infinity] satisfies readonly MatrixOrder[];

function ofMatrices(x: Tensor, ord: unknown, axes: readonly number[], keepDims: boolean): Tensor {
  if (!orders.includes(ord)) throw unsupportedTorch(`a norm of matrices of order ${String(ord)}`);
  const [rows, columns] = axes as [number, number];
  return matrixNorm(x as Tensor<Wide>, { ord: ord as MatrixOrder, axes: [rows, columns], keepDims });
}

const every = (x: Tensor): readonly number[] => x.shape.map((_, at) => at);

const axesOf = (call: TorchCall, x: Tensor): readonly number[] => {
  const rank = x.shape.length;
  const axes = call.has("dim") ? call.ints("dim").map((axis) => (axis < 0 ? axis + rank : axis)) : [];
  return axes.length === 0 ? every(x) : axes;
};

const floats = (call: TorchCall, name: string): Tensor => {
  const x = call.tensor(name);
  return cast(x, call.dtype("dtype", floatType(x.dtype)));
};

const lastTwo = (x: Tensor): readonly number[] => [x.shape.length - 2, x.shape.length - 1];

function anyNorm(call: TorchCall): Tensor {
  const x = floats(call, "self");
  const order = call.value("ord");
  const axes = call.has("dim") ? axesOf(call, x) : undefined;
  const keep = call.flag("keepdim");
  if (order === null) return ofVectors(x, 2, axes ?? every(x), keep);
  if (typeof order === "string") return ofMatrices(x, order, axes ?? lastTwo(x), keep);
  const isMatrix = axes ? axes.length === 2 : x.shape.length === 2;
  return isMatrix
    ? ofMatrices(x, Number(order), axes ?? lastTwo(x), keep)
    : ofVectors(x, Number(order), axes ?? [0], keep);
}

/** norm: of all elements or over dimensions, always as of a vector. */
const plainNorm = (call: TorchCall): Tensor => {
  const x = floats(call, "self");
  const order = call.value("p");
  return ofVectors(x, isScalar(order) ? Number(order) : 2, axesOf(call, x), call.flag("keepdim"));
};

const nuclear = (call: TorchCall): Tensor => {
  const x = call.tensor("self");
  return ofMatrices(x, "nuc", call.has("dim") ? axesOf(call, x) : lastTwo(x), call.flag("keepdim"));
};

export const norms: readonly TorchOperator[] = [
  operator(
    "linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    (call) => {
      const x = floats(call, "self");
      return ofVectors(x, call.float("ord"), axesOf(call, x), call.flag("keepdim"));
    },
  ),
  operator(
    "linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2,-1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    (call) => {
      const x = floats(call, "self");
      return ofMatrices(x, call.float("ord"), axesOf(call, x), call.flag("keepdim"));
    },
  ),
  operator(
    "linalg_matrix_norm.str_ord(Tensor self, str ord='fro', int[] dim=[-2,-1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    (call) => {
      const x = floats(call, "self");
      return ofMatrices(x, call.text("ord"), axesOf(call, x), call.flag("keepdim"));
    },
  ),
  operator(
    "linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    anyNorm,
  ),
  operator(
    "linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    anyNorm,
  ),
  operator("norm.Scalar(Tensor self, Scalar p=2) -> Tensor", plainNorm),
  operator("norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor", plainNorm),
  operator(
    "norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype) -> Tensor",
    plainNorm,
  ),
  operator("norm.ScalarOpt_dtype(Tensor self, Scalar? p, *, ScalarType dtype) -> Tensor", plainNorm),
  operator("nuclear_norm(Tensor self, bool keepdim=False) -> Tensor", nuclear),
  operator("nuclear_norm.dim(Tensor self, int[2] dim, bool keepdim=False) -> Tensor", nuclear),
  operator("frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", (call) => {
    const x = call.tensor("self");
    return ofVectors(x, 2, axesOf(call, x), call.flag("keepdim"));
  }),
  operator("linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor", (call) =>
    cross(call, call.value("dim")),
  ),
  operator("cross(Tensor self, Tensor other, int? dim=None) -> Tensor", (call) => cross(call, call.value("dim"))),
  operator("dist(Tensor self, Tensor other, Scalar p=2) -> Tensor", (call) => {
    const [a, b] = call.promoted(["self", "other"], floatType) as [Tensor, Tensor];
    const x = a.sub(b);
    return ofVectors(
      x,
      call.float("p"),
      x.shape.map((_, at) => at),
      false,
    );
  }),
  operator("cdist(Tensor x1, Tensor x2, float p=2, int? compute_mode=None) -> Tensor", distances),
  operator("_cdist_forward(Tensor x1, Tensor x2, float p, int? compute_mode) -> Tensor", distances),
  operator("pdist(Tensor self, float p=2) -> Tensor", pairDistances),
  operator("_pdist_forward(Tensor self, float p=2) -> Tensor", pairDistances),
  operator(
    "pairwise_distance(Tensor x1, Tensor x2, float p=2, float eps=1e-06, bool keepdim=False) -> Tensor",
    (call) => {
      const [a, b] = call.promoted(["x1", "x2"], floatType) as [Tensor, Tensor];
      const x = a.sub(b).add(call.float("eps"));
      return ofVectors(x, call.float("p"), [x.shape.length - 1], call.flag("keepdim"));
    },
  ),
  operator("cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor", (call) => {
    const [a, b] = call.promoted(["x1", "x2"], floatType) as [Tensor, Tensor];
    const axis = [call.axis("dim", Math.max(a.shape.length, b.shape.length))];
    const length = (x: Tensor) => ofVectors(x, 2, axis, true).maximum(call.float("eps"));
    return a
      .div(length(a))
      .mul(b.div(length(b)))
      .sum(axis);
  }),
];

/** The product of vectors of three numbers that stands at right angles to both. */
function cross(call: TorchCall, dim: unknown): Tensor {
  const [given1, given2] = call.promoted(["self", "other"]) as [Tensor, Tensor];
  const shape = broadcastShape(given1.shape, given2.shape);
  const [a, b] = [given1.broadcastTo(shape), given2.broadcastTo(shape)];
  const axis = dim === null ? shape.indexOf(3) : call.axis("dim", shape.length);
  if (shape[axis] !== 3) throw torchMisfit(`cross of [${shape}], where no dimension has 3 elements`);
  const turn = (x: Tensor, by: number) => x.roll(by, axis);
  return turn(a, -1)
    .mul(turn(b, 1))
    .sub(turn(a, 1).mul(turn(b, -1)));
}

/** Of rows of two matrices, the norms of all differences. */
function distances(call: TorchCall): Tensor {
  const [a, b] = call.promoted(["x1", "x2"], floatType) as [Tensor, Tensor];
  const x = a.unsqueeze(-2).sub(b.unsqueeze(b.shape.length - 2));
  return ofVectors(x, call.float("p"), [x.shape.length - 1], false);
}

/** Of all pairs of rows, the norms of their differences. */
function pairDistances(call: TorchCall): Tensor {
  const self = call.tensor("self");
  const count = self.shape[0]!;
  const pairs = Array.from({ length: count * count }, (_, at) => [Math.floor(at / count), at % count] as const);
  const upper = pairs.filter(([row, column]) => column > row);
  const rows = (of: 0 | 1) =>
    self.indexSelect(
      0,
      constant(
        upper.map((pair) => pair[of]),
        "i64",
        [upper.length],
      ),
    );
  return ofVectors(rows(0).sub(rows(1)), call.float("p"), [1], false);
}
