"""Writes operator-cases.jsonl: calls of PyTorch's operators, and what they give by their documentation, computed by numpy.

Run with numpy 2: python3 make-operator-cases.py > operator-cases.jsonl
then with PyTorch: python3 results-of-pytorch.py operator-cases.jsonl --write

The second holds what numpy computed to PyTorch, and writes PyTorch's results in its place. What PyTorch's documentation shows in its examples stands here in numbers; the rest is computed in plain loops or by
numpy's own functions, in double precision.
"""
import math

import numpy as np

from operator_cases import Device, Dtype, a, case, each, f, f32, f64, i32, i64, rand, rng, u8

x = a([-2.5, -1.0, -0.25, 0.0, 0.5, 1.0, 3.0])
unit = a([-0.9, -0.5, 0.0, 0.25, 0.75])
positive = a([0.1, 0.5, 1.0, 2.0, 10.0])

# Functions of one number.
unary = {
    "exp": (x, math.exp), "expm1": (x, math.expm1), "sin": (x, math.sin), "cos": (x, math.cos), "tan": (x, math.tan),
    "atan": (x, math.atan), "sinh": (x, math.sinh), "cosh": (x, math.cosh), "tanh": (x, math.tanh), "erf": (x, math.erf),
    "erfc": (x, math.erfc), "asinh": (x, math.asinh), "asin": (unit, math.asin), "acos": (unit, math.acos),
    "atanh": (unit, math.atanh), "log1p": (unit, math.log1p), "log": (positive, math.log), "log2": (positive, math.log2),
    "log10": (positive, math.log10), "sqrt": (positive, math.sqrt), "rsqrt": (positive, lambda v: 1 / math.sqrt(v)),
    "reciprocal": (positive, lambda v: 1 / v), "acosh": (positive + f(0.95), math.acosh), "exp2": (x, lambda v: 2**v),
    "sigmoid": (x, lambda v: 1 / (1 + math.exp(-v))), "silu": (x, lambda v: v / (1 + math.exp(-v))),
    "mish": (x, lambda v: v * math.tanh(math.log1p(math.exp(v)))), "log_sigmoid": (x, lambda v: -math.log1p(math.exp(-v))),
    "selu": (x, lambda v: 1.0507009873554805 * (v if v > 0 else 1.6732632423543772 * math.expm1(v))),
    "sinc": (x, lambda v: 1.0 if v == 0 else math.sin(math.pi * v) / (math.pi * v)),
    "deg2rad": (x, math.radians), "rad2deg": (x, math.degrees), "square": (x, lambda v: v * v),
    "relu": (x, lambda v: max(v, 0.0)), "relu6": (x * 3, lambda v: min(max(v, 0.0), 6.0)), "abs": (x, abs),
    "neg": (x, lambda v: -v), "sign": (x, np.sign), "sgn": (x, np.sign), "floor": (x, math.floor), "ceil": (x, math.ceil),
    "round": (x, np.rint), "trunc": (x, math.trunc), "frac": (x, lambda v: v - math.trunc(v)),
    "hardsigmoid": (x * 2, lambda v: min(max(v + 3, 0), 6) / 6), "hardswish": (x * 2, lambda v: v * min(max(v + 3, 0), 6) / 6),
    "positive": (x, lambda v: v), "alias": (x, lambda v: v), "lift": (x, lambda v: v), "lift_fresh_copy": (x, lambda v: v),
}
for name, (values, function) in unary.items():
    case(name, values, gives=each(function, values))
# Integers become floats in functions of real numbers, and stay what they are where they round.
case("sqrt", a([1, 4, 9], i64), gives=a([1, 2, 3]))
case("floor", a([1, -4], i64), gives=a([1, -4], i64))
case("exp", a([0, 1], i32), gives=f(np.exp([0, 1])))
middle = np.array([0.1, 0.5, 0.9])
case("logit", f(middle), gives=f(np.log(middle / (1 - middle))))
case("logit", a([0.0, 0.5, 1.0]), 0.1, gives=f(np.log(middle / (1 - middle))))
case("signbit", a([-1.0, -0.0, 0.0, 2.0]), gives=np.array([True, True, False, False]))
special = a([np.nan, np.inf, -np.inf, 1.0])
for name in ("isnan", "isinf", "isfinite", "isposinf", "isneginf", "isreal"):
    case(name, special, gives=getattr(np, name)(special))
case("nan_to_num", special, gives=a([0.0, np.finfo(f32).max, np.finfo(f32).min, 1.0]))
case("nan_to_num", special, 2.0, 8.0, -9.0, gives=a([2.0, 8.0, -9.0, 1.0]))
case("round.decimals", a([0.1234567, -1.2751]), decimals=3, gives=a([0.123, -1.275]))
case("logical_not", a([0.0, 2.0]), gives=np.array([True, False]))
case("bitwise_not", a([True, False], bool), gives=np.array([False, True]))
case("bitwise_not", a([0, 5], i64), gives=a([-1, -6], i64))

# Activations with parameters.
case("elu", x, 0.7, gives=each(lambda v: v if v > 0 else 0.7 * math.expm1(v), x))
case("elu", x, 0.7, 1.2, 0.5, gives=each(lambda v: 1.2 * (v if v > 0 else 0.7 * math.expm1(0.5 * v)), x))
case("celu", x, 2.0, gives=each(lambda v: v if v > 0 else 2 * math.expm1(v / 2), x))
case("leaky_relu", x, 0.1, gives=each(lambda v: v if v > 0 else 0.1 * v, x))
case("rrelu", x, gives=each(lambda v: v if v > 0 else v * (0.125 + 1 / 3) / 2, x))
case("threshold", x, 0.3, 9.0, gives=each(lambda v: v if v > 0.3 else 9.0, x))
case("hardshrink", x, gives=each(lambda v: v if abs(v) > 0.5 else 0.0, x))
case("softshrink", x, gives=each(lambda v: v - 0.5 if v > 0.5 else v + 0.5 if v < -0.5 else 0.0, x))
case("hardtanh", x, -1.0, 2.0, gives=np.clip(x, f(-1), f(2)))
case("softplus", x, 2.0, gives=each(lambda v: math.log1p(math.exp(2 * v)) / 2, x))
case("gelu", x, gives=each(lambda v: v * 0.5 * (1 + math.erf(v / math.sqrt(2))), x))
case("gelu", x, approximate="tanh",
     gives=each(lambda v: 0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))), x))
g = rand(2, 6)
case("glu", g, 1, gives=f(g[:, :3] / (1 + np.exp(-g[:, 3:].astype(f64)))))
p, slope = rand(2, 3, 2), a([0.1, 0.2, 0.3])
case("prelu", p, slope, gives=np.where(p > 0, p, p * slope[None, :, None]))
case("clamp", x, -1.0, None, gives=np.maximum(x, f(-1)))
case("clamp", x, None, 1.0, gives=np.minimum(x, f(1)))
case("clamp.Tensor", x, f(np.full(7, -0.5)), f(np.full(7, 0.5)), gives=np.clip(x, f(-0.5), f(0.5)))
case("clamp_min", x, 0.0, gives=np.maximum(x, f(0)))
case("clamp_max", x, 0.0, gives=np.minimum(x, f(0)))
case("clip", a([1, 5, 9], i64), 2, 6, gives=a([2, 5, 6], i64))

# Arithmetic of two, and the types that it has.
m, n = rand(2, 3), rand(3)
case("add.Tensor", m, n, gives=m + n)
case("add.Tensor", m, n, alpha=2, gives=m + 2 * n)
case("add.Tensor", a([1, 2], i64), a([0.5, 0.5]), gives=a([1.5, 2.5]))
case("add.Tensor", a([1, 2], i32), a(3, i64), gives=a([4, 5], i32))
case("add.Tensor", a([1, 2], i32), a([3, 4], i64), gives=a([4, 6], i64))
case("add.Tensor", a([1.0, 2.0]), a(3, f64), gives=a([4, 5]))
case("add.Scalar", a([1, 2], i64), 1.5, gives=a([2.5, 3.5]))
case("add.Scalar", a([1, 2], u8), 3, gives=a([4, 5], u8))
case("add.Scalar", a([1.0, 2.0], f64), 1.5, gives=a([2.5, 3.5], f64))
case("add.Tensor", a([True, False], bool), a([True, True], bool), gives=a([True, True], bool))
case("sub.Tensor", m, n, gives=m - n)
case("sub.Scalar", m, 2, gives=m - 2)
case("rsub.Scalar", m, 2, gives=2 - m)
case("rsub.Tensor", m, n, gives=n - m)
case("mul.Tensor", m, n, gives=m * n)
case("mul.Scalar", a([1, 2], i64), 2.5, gives=a([2.5, 5.0]))
case("div.Tensor", a([7, -7], i64), a([2, 2], i64), gives=a([3.5, -3.5]))
case("div.Scalar", m, 4, gives=m / 4)
case("div.Tensor_mode", a([7, -7], i64), a([2, 2], i64), rounding_mode="floor", gives=a([3, -4], i64))
case("div.Tensor_mode", a([7, -7], i64), a([2, 2], i64), rounding_mode="trunc", gives=a([3, -3], i64))
case("div.Scalar_mode", a([7.0, -7.0]), 2, rounding_mode="trunc", gives=a([3, -3]))
case("div.Tensor_mode", a([7.0, -7.0]), a([2.0, 2.0]), rounding_mode=None, gives=a([3.5, -3.5]))
case("floor_divide.Tensor", a([7.0, -7.0]), a([2.0, 2.0]), gives=a([3, -4]))
case("floor_divide.Scalar", a([7, -7], i64), 2, gives=a([3, -4], i64))
case("remainder.Tensor", a([-3.0, -2.0, 3.0]), a([2.0, 2.0, -2.0]), gives=a([1.0, 0.0, -1.0]))
case("remainder.Scalar", a([1, 2, 3, 4, 5], i64), 2, gives=a([1, 0, 1, 0, 1], i64))
case("fmod.Scalar", a([-3, -2, -1, 1, 2, 3], i64), 2, gives=a([-1, 0, -1, 1, 0, 1], i64))
case("fmod.Tensor", a([-3.5, 3.5]), a([2.0, -2.0]), gives=a([-1.5, 1.5]))
for name in ("maximum", "minimum"):
    case(name, m, n, gives=getattr(np, name)(m, n))
    case(f"{name[:3]}.other", m, n, gives=getattr(np, name)(m, n))
case("fmax", a([9.7, np.nan, 3.1, np.nan]), a([-2.2, 0.5, np.nan, np.nan]), gives=a([9.7, 0.5, 3.1, np.nan]))
case("fmin", a([2.2, np.nan, 2.1, np.nan]), a([-9.3, 0.1, np.nan, np.nan]), gives=a([-9.3, 0.1, 2.1, np.nan]))
case("atan2", a([0.9, -0.9]), a([-0.1, -0.2]), gives=f(np.arctan2([0.9, -0.9], [-0.1, -0.2])))
case("hypot", a([3.0, 0.0, 1e30]), a([4.0, 0.0, 1e30]), gives=f([5.0, 0.0, math.sqrt(2) * 1e30]))
case("logaddexp", a([-100.0, -200.0, -300.0]), a([-1.0, -2.0, -3.0]), gives=a([-1.0, -2.0, -3.0]))
case("logaddexp", m, m + 1, gives=f(np.logaddexp(m.astype(f64), m.astype(f64) + 1)))
case("logaddexp2", m, m + 1, gives=f(np.logaddexp2(m.astype(f64), m.astype(f64) + 1)))
case("copysign.Scalar", a([1.0, -2.0]), -0.0, gives=a([-1.0, -2.0]))
case("copysign.Tensor", a([1.0, -2.0, 3.0]), a([-1.0, 1.0, -0.0]), gives=a([-1.0, 2.0, -3.0]))
case("heaviside", a([-1.5, 0.0, 2.0]), a([0.5]), gives=a([0.0, 0.5, 1.0]))
for name in ("xlogy", "special_xlogy"):
    case(f"{name}.Tensor", a([0.0, 2.0, 0.0]), a([0.0, 3.0, np.nan]), gives=f([0.0, 2 * math.log(3), np.nan]))
    case(f"{name}.Scalar_Self", 2.0, a([3.0]), gives=f([2 * math.log(3)]))
    case(f"{name}.Scalar_Other", a([0.0, 2.0]), 3.0, gives=f([0.0, 2 * math.log(3)]))
case("pow.Tensor_Scalar", a([1, 2, 3], i64), 2, gives=a([1, 4, 9], i64))
case("pow.Tensor_Scalar", m, 3, gives=f(m.astype(f64) ** 3))
exponents = [2.0, 0.5, 3.0, -1.0, 0.0]
case("pow.Tensor_Tensor", positive, a(exponents), gives=f(positive.astype(f64) ** exponents))
case("pow.Scalar", 2, a([1.0, 2.0, 0.5]), gives=f(2.0 ** np.array([1.0, 2.0, 0.5])))
case("float_power.Tensor_Scalar", a([2, 3], i64), 2, gives=a([4, 9], f64))
case("float_power.Tensor_Tensor", a([2.0]), a([3.0]), gives=a([8], f64))
case("float_power.Scalar", 2, a([3.0]), gives=a([8], f64))
case("lerp.Scalar", a([1.0, 2.0]), a([3.0, 10.0]), 0.25, gives=a([1.5, 4.0]))
case("lerp.Tensor", a([1.0, 2.0]), a([3.0, 10.0]), a([0.0, 1.0]), gives=a([1.0, 10.0]))
case("addcmul", a([1.0, 1.0]), a([2.0, 3.0]), a([4.0, 5.0]), value=0.5, gives=a([5.0, 8.5]))
case("addcdiv", a([1.0, 1.0]), a([2.0, 3.0]), a([4.0, 5.0]), value=2, gives=f([2.0, 2.2]))
compare = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal}
for name, run in compare.items():
    case(f"{name}.Tensor", a([1, 2, 3], i64), a([2.0, 2.0, 2.0]), gives=run([1, 2, 3], 2))
    case(f"{name}.Scalar", a([1.0, 2.0, 3.0]), 2, gives=run([1, 2, 3], 2))
t, s = a([True, True, False, False], bool), a([True, False, True, False], bool)
for name, run in {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}.items():
    case(f"logical_{name}", t, s, gives=run(t, s))
    bits = getattr(np, f"bitwise_{name}")(a([12, 10], i64), 6)
    for spelled in (f"bitwise_{name}", f"__{name}__"):
        case(f"{spelled}.Tensor", t, s, gives=run(t, s))
        case(f"{spelled}.Scalar", a([12, 10], i64), 6, gives=bits)
for name, scalar in (("bitwise_left_shift", "Tensor_Scalar"), ("__lshift__", "Scalar")):
    case(f"{name}.Tensor", a([1, 3], i64), a([2, 1], i64), gives=a([4, 6], i64))
    case(f"{name}.{scalar}", a([1, 3], i64), 2, gives=a([4, 12], i64))
for name, scalar in (("bitwise_right_shift", "Tensor_Scalar"), ("__rshift__", "Scalar")):
    case(f"{name}.Tensor", a([-8, 12], i64), a([2, 1], i64), gives=a([-2, 6], i64))
    case(f"{name}.{scalar}", a([8, 12], i64), 2, gives=a([2, 3], i64))
case("isclose", a([10000.0, 1e-7, np.nan]), a([10000.1, 1e-8, np.nan]), gives=a([True, False, False], bool))
case("isclose", a([np.nan, np.inf]), a([np.nan, np.inf]), equal_nan=True, gives=a([True, True], bool))
case("allclose", a([10000.0, 1e-8]), a([10000.1, 1e-9]), gives=a(True, bool))
case("equal", a([1, 2], i64), a([1, 2], i64), gives=a(True, bool))
case("equal", a([1, 2], i64), a([1], i64), gives=a(False, bool))
case("where.self", s, a([1.0, 2.0, 3.0, 4.0]), a(9.0, f64), gives=a([1, 9, 3, 9]))
case("where.ScalarSelf", s, 1, a([5, 6, 7, 8], i64), gives=a([1, 6, 1, 8], i64))
case("where.ScalarOther", s, a([5, 6, 7, 8], i64), 1.5, gives=a([5, 1.5, 7, 1.5]))
case("where.Scalar", s, 1, 0, gives=a([1, 0, 1, 0], i64))
case("masked_fill.Scalar", m, m > 0, 7.0, gives=np.where(m > 0, f(7), m))
case("masked_fill.Tensor", m, m > 0, a(7.0), gives=np.where(m > 0, f(7), m))
case("fill.Scalar", m, 3, gives=f(np.full((2, 3), 3)))
case("fill.Tensor", m, a(3.0), gives=f(np.full((2, 3), 3)))
case("copy", m, n, gives=f(np.broadcast_to(n, (2, 3))))

# Reductions, and what runs along a dimension.
r = rand(2, 3, 4)
rd = r.astype(f64)
case("sum", r, gives=f(rd.sum()))
case("sum", a([True, True, False], bool), gives=a(2, i64))
case("sum.dim_IntList", r, [1], True, gives=f(rd.sum(1, keepdims=True)))
case("sum.dim_IntList", r, [0, -1], dtype=Dtype("f64"), gives=rd.sum((0, 2)))
case("mean", r, gives=f(rd.mean()))
case("mean.dim", r, [-1], False, gives=f(rd.mean(-1)))
case("prod", a([2, 3, 4], i32), gives=a(24, i64))
case("prod.dim_int", r, 1, gives=f(rd.prod(1)))
case("max", r, gives=r.max())
case("min", r, gives=r.min())
case("max.dim", r, 1, gives=(r.max(1), r.argmax(1)))
case("min.dim", r, 2, True, gives=(r.min(2, keepdims=True), r.argmin(2)[..., None]))
case("amax", r, [0, 2], gives=r.max((0, 2)))
case("amin", r, [1], True, gives=r.min(1, keepdims=True))
case("aminmax", r, dim=1, gives=(r.min(1), r.max(1)))
case("argmax", r, gives=np.array(r.argmax()))
case("argmin", r, 2, True, gives=r.argmin(2)[..., None])
case("any", r > 1.9, gives=np.array((r > 1.9).any()))
case("all", r > -3, gives=np.array(True))
case("any.dim", r > 1, 1, gives=(r > 1).any(1))
case("all.dim", r > -1, 2, True, gives=(r > -1).all(2, keepdims=True))
case("any.dims", r > 1, [0, 1], gives=(r > 1).any((0, 1)))
case("all.dims", r > -1, [0, 2], gives=(r > -1).all((0, 2)))
case("logsumexp", r, [1], gives=f(np.log(np.exp(rd).sum(1))))
for name, run in {"var": np.var, "std": np.std}.items():
    case(name, r, gives=f(run(rd, ddof=1)))
    case(f"{name}.dim", r, [1], False, True, gives=f(run(rd, axis=1, ddof=0, keepdims=True)))
    case(f"{name}.correction", r, [2], correction=2, gives=f(run(rd, axis=2, ddof=2)))
    case(f"{name}_mean", r, gives=(f(run(rd, ddof=1)), f(rd.mean())))
    case(f"{name}_mean.dim", r, [1], False, gives=(f(run(rd, axis=1, ddof=0)), f(rd.mean(1))))
    case(f"{name}_mean.correction", r, [0, 1], correction=1, gives=(f(run(rd, axis=(0, 1), ddof=1)), f(rd.mean((0, 1)))))
case("count_nonzero", a([[0, 1], [2, 0]], i64), gives=a(2, i64))
case("count_nonzero.dim_IntList", a([[0, 1], [2, 3]], i64), [1], gives=a([1, 2], i64))
case("nansum", a([1.0, np.nan, 2.0]), gives=a(3.0))
case("nanmean", a([[1.0, np.nan], [2.0, 4.0]]), [0], gives=a([1.5, 4.0]))
order = a([[3.0, 1.0, 2.0, 1.0], [0.0, 5.0, 5.0, -1.0]])
rising = np.argsort(order, 1, kind="stable")
falling = np.argsort(-order, 1, kind="stable")
case("sort", order, gives=(np.take_along_axis(order, rising, 1), rising))
case("sort.stable", order, stable=True, dim=1, descending=True, gives=(np.take_along_axis(order, falling, 1), falling))
case("msort", order, gives=np.sort(order, 0))
case("argsort", order, -1, True, gives=falling)
case("argsort.stable", order, stable=True, gives=rising)
case("topk", a([1.0, 2.0, 3.0, 4.0, 5.0]), 3, gives=(a([5.0, 4.0, 3.0]), a([4, 3, 2], i64)))
case("topk", order, 2, 1, False, gives=(a([[1.0, 1.0], [-1.0, 0.0]]), a([[1, 3], [3, 0]], i64)))
case("kthvalue", a([1.0, 2.0, 3.0, 4.0, 5.0]), 4, gives=(a(4.0), a(3, i64)))
case("median", a([0.2202, -0.9, 0.5, 0.1]), gives=a(0.1))
case("median", a([0.2, np.nan, 0.5]), gives=a(np.nan))
case("median.dim", a([[3.0, 1.0, 2.0], [4.0, np.nan, 0.0]]), 1, gives=(a([2.0, np.nan]), a([2, 1], i64)))
case("quantile.scalar", a([0.0, 1.0, 4.0, 9.0]), 0.5, gives=a(2.5))
case("quantile.scalar", r, 0.3, 2, True, gives=f(np.quantile(rd, 0.3, axis=2, keepdims=True)))
case("cumsum", a([1, 2, 3], i32), 0, gives=a([1, 3, 6], i64))
case("cumsum", r, 1, gives=f(rd.cumsum(1)))
case("cumprod", r, -1, gives=f(rd.cumprod(-1)))
case("cummax", a([1.0, 3.0, 2.0, 3.0]), 0, gives=(a([1.0, 3.0, 3.0, 3.0]), a([0, 1, 1, 3], i64)))
case("cummin", a([3.0, 1.0, 2.0, 1.0]), 0, gives=(a([3.0, 1.0, 1.0, 1.0]), a([0, 1, 1, 3], i64)))
case("logcumsumexp", a([-1.0, 0.5, 2.0]), 0, gives=f(np.log(np.cumsum(np.exp([-1.0, 0.5, 2.0])))))
case("diff", a([1, 3, 2], i64), gives=a([2, -1], i64))
case("diff", a([[1, 2, 3], [3, 4, 6]], i64), 1, 0, gives=a([[2, 2, 3]], i64))
case("histc", a([1.0, 2.0, 1.0]), 4, 0, 3, gives=a([0.0, 2.0, 1.0, 0.0]))
case("trace", a([[1, 2, 3], [4, 5, 6], [7, 8, 9]]), gives=a(15.0))
case("trapezoid.dx", a([1.0, 5.0, 10.0]), gives=a(10.5))
case("softmax.int", r, 1, gives=f(np.exp(rd) / np.exp(rd).sum(1, keepdims=True)))
case("_softmax", r, 2, False, gives=f(np.exp(rd) / np.exp(rd).sum(2, keepdims=True)))
case("log_softmax.int", r, 1, gives=f(rd - np.log(np.exp(rd).sum(1, keepdims=True))))
case("_log_softmax", r, 0, False, gives=f(rd - np.log(np.exp(rd).sum(0, keepdims=True))))

# Making and arranging.
case("zeros", [2, 2], dtype=Dtype("i64"), gives=np.zeros((2, 2), i64))
case("ones", [2], gives=np.ones(2, f32))
case("full", [2, 1], 3, gives=np.full((2, 1), 3, i64))
case("full", [2], 2.5, gives=a([2.5, 2.5]))
case("zeros_like", m, gives=np.zeros_like(m))
case("ones_like", m, dtype=Dtype("i32"), gives=np.ones((2, 3), i32))
case("full_like", m, 4, gives=np.full_like(m, 4))
case("new_zeros", m, [2], gives=np.zeros(2, f32))
case("new_ones", a([1], i64), [2], gives=np.ones(2, i64))
case("new_full", a([1], i64), [2], 7, gives=np.full(2, 7, i64))
case("new_empty", m, [2], gives=np.zeros(2, f32))
case("empty_like", m, gives=np.zeros_like(m))
case("empty.memory_format", [2], dtype=Dtype("f64"), gives=np.zeros(2))
case("scalar_tensor", 3.5, gives=a(3.5))
case("tensor", [[1, 2], [3, 4]], gives=a([[1, 2], [3, 4]], i64))
case("tensor", [1, 2.5], gives=a([1, 2.5]))
case("eye", 2, gives=np.eye(2, dtype=f32))
case("eye.m", 2, 3, gives=np.eye(2, 3, dtype=f32))
case("arange", 5, gives=np.arange(5))
case("arange", a(3, i64), gives=np.arange(3))
case("arange.start", 1, 2.5, gives=a([1.0, 2.0]))
case("arange.start_step", 1.0, 2.5, 0.5, gives=a([1.0, 1.5, 2.0]))
case("linspace", 3, 10, 5, gives=a([3.0, 4.75, 6.5, 8.25, 10.0]))
case("linspace", -10, 10, 1, gives=a([-10.0]))
case("logspace", 0.1, 1.0, 5, gives=f(np.logspace(0.1, 1.0, 5)))
case("cat", [m, a([[1, 2, 3]], i64)], gives=f(np.concatenate([m, [[1, 2, 3]]])))
case("stack", [n, n + 1], 1, gives=np.stack([n, n + 1], 1))
case("hstack", [a([1, 2, 3], i64), a([4, 5, 6], i64)], gives=a([1, 2, 3, 4, 5, 6], i64))
case("vstack", [a([1, 2, 3], i64), a([4, 5, 6], i64)], gives=a([[1, 2, 3], [4, 5, 6]], i64))
case("dstack", [a([1, 2], i64), a([4, 5], i64)], gives=np.dstack([[1, 2], [4, 5]]))
case("column_stack", [a([1, 2], i64), a([4, 5], i64)], gives=a([[1, 4], [2, 5]], i64))
case("block_diag", [a([[0, 1], [1, 0]], i64), a(7, i64), a([4, 6, 5], i64)],
     gives=a([[0, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0], [0, 0, 7, 0, 0, 0], [0, 0, 0, 4, 6, 5]], i64))
case("roll", a([[1, 2], [3, 4], [5, 6], [7, 8]], i64), 1, gives=a([[8, 1], [2, 3], [4, 5], [6, 7]], i64))
case("roll", a([[1, 2], [3, 4], [5, 6], [7, 8]], i64), [2, 1], [0, 1], gives=a([[6, 5], [8, 7], [2, 1], [4, 3]], i64))
for indexing in ("ij", "xy"):
    grids = np.meshgrid([1, 2, 3], [4, 5, 6, 7], indexing=indexing)
    case("meshgrid.indexing", [a([1, 2, 3], i64), a([4, 5, 6, 7], i64)], indexing=indexing, gives=tuple(grids))
case("meshgrid", [a([1, 2], i64), a([3, 4], i64)], gives=tuple(np.meshgrid([1, 2], [3, 4], indexing="ij")))
case("cartesian_prod", [a([1, 2], i64), a([4, 5], i64)], gives=a([[1, 4], [1, 5], [2, 4], [2, 5]], i64))
case("broadcast_tensors", [a([[0, 1, 2]], i64), a([[0], [1]], i64)], gives=tuple(np.broadcast_arrays([[0, 1, 2]], [[0], [1]])))
case("repeat", a([1, 2, 3], i64), [4, 2], gives=np.tile([1, 2, 3], (4, 2)))
case("tile", a([[1, 2], [3, 4]], i64), [2], gives=np.tile([[1, 2], [3, 4]], 2))
case("repeat_interleave.self_int", a([1, 2, 3], i64), 2, gives=a([1, 1, 2, 2, 3, 3], i64))
case("repeat_interleave.self_Tensor", a([[1, 2], [3, 4]], i64), a([1, 2], i64), 0, gives=a([[1, 2], [3, 4], [3, 4]], i64))
case("flip", r, [0, -1], gives=r[::-1, :, ::-1])
case("fliplr", m, gives=m[:, ::-1])
case("flipud", m, gives=m[::-1])
for k in (1, 2, 3, -1):
    case("rot90", m, k, [0, 1], gives=np.rot90(m, k))
case("diag", a([1.0, 2.0]), 1, gives=np.diag(a([1.0, 2.0]), 1))
case("diag", rand(3, 4) * 0 + np.arange(12, dtype=f32).reshape(3, 4), -1, gives=a([4.0, 9.0]))
case("diag_embed", a([[1.0, 2.0], [3.0, 4.0]]), gives=np.stack([np.diag(a([1.0, 2.0])), np.diag(a([3.0, 4.0]))]))
case("diag_embed", a([1.0, 2.0]), -1, 1, 0, gives=np.diag(a([1.0, 2.0]), 1))
case("tril", a([[1, 2, 3], [4, 5, 6], [7, 8, 9]], i64), -1, gives=np.tril([[1, 2, 3], [4, 5, 6], [7, 8, 9]], -1))
case("triu", a([[1, 2, 3], [4, 5, 6], [7, 8, 9]], i64), 1, gives=np.triu([[1, 2, 3], [4, 5, 6], [7, 8, 9]], 1))
case("tril_indices", 3, 3, gives=np.array(np.tril_indices(3)))
case("triu_indices", 4, 3, 1, gives=np.array(np.triu_indices(4, 1, 3)))
case("outer", a([1.0, 2.0]), a([3.0, 4.0]), gives=np.outer(a([1.0, 2.0]), a([3.0, 4.0])))
case("kron", a([[1, 2], [3, 4]], i64), a([[1, 2], [3, 4]], i64), gives=np.kron([[1, 2], [3, 4]], [[1, 2], [3, 4]]))
case("einsum", "bij,bjk->bik", [rand(2, 2, 3) * 0 + 1, rand(2, 3, 2) * 0 + 2], gives=f(np.full((2, 2, 2), 6)))
case("tensordot", a(np.arange(24).reshape(2, 3, 4)), a(np.arange(12).reshape(4, 3)), [1, 2], [1, 0],
     gives=f(np.tensordot(np.arange(24.0).reshape(2, 3, 4), np.arange(12.0).reshape(4, 3), ([1, 2], [1, 0]))))
case("vander", a([1, 2, 3, 5], i64), 3, gives=np.vander([1, 2, 3, 5], 3))
case("vander", a([1, 2, 3, 5], i64), increasing=True, gives=np.vander([1, 2, 3, 5], increasing=True))
case("pad", a([[1, 2], [3, 4]], i64), [1, 0, 0, 1], "constant", 9.0, gives=a([[9, 1, 2], [9, 3, 4], [9, 9, 9]], i64))
line = a([[[1, 2, 3, 4]]])
case("pad", line, [2, 1], "reflect", gives=np.pad(line, [(0, 0), (0, 0), (2, 1)], "reflect"))
case("pad", line, [2, 1], "replicate", gives=np.pad(line, [(0, 0), (0, 0), (2, 1)], "edge"))
case("pad", line, [2, 1], "circular", gives=np.pad(line, [(0, 0), (0, 0), (2, 1)], "wrap"))
case("constant_pad_nd", line, [0, 2], 1.5, gives=np.pad(line, [(0, 0), (0, 0), (0, 2)], constant_values=1.5))
for rank, shape in ((1, (1, 4)), (2, (1, 3, 4)), (3, (1, 1, 2, 3, 4))):
    given = a(np.arange(np.prod(shape)).reshape(shape))
    pads = [1, 0, 1, 1, 0, 1][: 2 * rank]
    around = [(0, 0)] * (len(shape) - rank) + [(pads[2 * d], pads[2 * d + 1]) for d in reversed(range(rank))]
    case(f"reflection_pad{rank}d", given, pads, gives=np.pad(given, around, "reflect"))
    case(f"replication_pad{rank}d", given, pads, gives=np.pad(given, around, "edge"))
case("unfold", a([1, 2, 3, 4, 5, 6, 7]), 0, 2, 2, gives=a([[1, 2], [3, 4], [5, 6]]))
case("slice_scatter", np.zeros((8, 8), f32), np.ones((2, 8), f32), 0, 6, gives=f(np.r_[np.zeros((6, 8)), np.ones((2, 8))]))
case("slice_scatter", np.zeros((2, 6), f32), np.ones((2, 2), f32), 1, 1, 5, 2, gives=a([[0, 1, 0, 1, 0, 0]] * 2))
case("select_scatter", np.zeros((2, 2), f32), a([1, 2]), 0, 0, gives=a([[1, 2], [0, 0]]))
case("diagonal_scatter", np.zeros((3, 3), f32), a([1, 2]), 1, gives=np.diag(a([1, 2]), 1))
case("to.dtype", a([1.7, -1.7]), Dtype("i64"), gives=a([1, -1], i64))
case("to.dtype", a([0.0, 2.0]), Dtype("bool"), gives=a([False, True], bool))
case("_to_copy", m, dtype=Dtype("f64"), gives=m.astype(f64))
case("type_as", a([1.5]), a([1], i64), gives=a([1], i64))
case("clone", m, gives=m)
case("native_dropout", m, 0.5, False, gives=(m, np.ones((2, 3), bool)))
for name in ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"):
    case(name, m, 0.5, False, gives=m)

# Views, as what they show.
for name in ("view", "reshape", "_unsafe_view"):
    case(name, m, [3, -1], gives=m.reshape(3, 2))
case("view_as", m, np.zeros((3, 2), f32), gives=m.reshape(3, 2))
case("reshape_as", m, np.zeros(6, f32), gives=m.reshape(6))
case("flatten.using_ints", r, 1, gives=r.reshape(2, 12))
case("ravel", m, gives=m.ravel())
case("unflatten.int", r, 2, [2, -1], gives=r.reshape(2, 3, 2, 2))
case("squeeze", m[None, :, None], gives=m)
case("squeeze.dim", m[None], 0, gives=m)
case("squeeze.dims", m[None, :, None], [0, 2], gives=m)
case("unsqueeze", m, -1, gives=m[..., None])
case("permute", r, [2, 0, -2], gives=r.transpose(2, 0, 1))
case("transpose.int", r, 0, -1, gives=r.swapaxes(0, 2))
case("swapaxes", r, 0, 1, gives=r.swapaxes(0, 1))
case("swapdims", r, 0, 1, gives=r.swapaxes(0, 1))
case("movedim.int", r, 0, 2, gives=np.moveaxis(r, 0, 2))
case("moveaxis.intlist", r, [0, 1], [1, 2], gives=np.moveaxis(r, [0, 1], [1, 2]))
case("t", m, gives=m.T)
case("numpy_T", r, gives=r.T)
for name in ("mT", "adjoint", "matrix_H"):
    case(name, m if name == "matrix_H" else r, gives=(m if name == "matrix_H" else r).swapaxes(-1, -2))
case("select.int", r, 1, -1, gives=r[:, -1])
case("slice.Tensor", r, 2, 1, 100, 2, gives=r[:, :, 1::2])
case("slice.Tensor", r, 0, -1, None, gives=r[-1:])
case("narrow", r, 2, 1, 2, gives=r[:, :, 1:3])
case("expand", n, [2, -1], gives=np.broadcast_to(n, (2, 3)))
case("expand_as", n, m, gives=np.broadcast_to(n, (2, 3)))
case("broadcast_to", n, [2, 3], gives=np.broadcast_to(n, (2, 3)))
for name in ("chunk", "unsafe_chunk"):
    case(name, a(np.arange(11)), 6, gives=tuple(a(np.arange(at, min(at + 2, 11))) for at in range(0, 11, 2)))
case("split.Tensor", a(np.arange(5)), 2, gives=(a([0, 1]), a([2, 3]), a([4])))
case("split", a(np.arange(5)), [1, 4], gives=(a([0]), a([1, 2, 3, 4])))
case("split_with_sizes", a(np.arange(5)), [1, 4], gives=(a([0]), a([1, 2, 3, 4])))
case("tensor_split.sections", a(np.arange(8)), 3, gives=(a([0, 1, 2]), a([3, 4, 5]), a([6, 7])))
case("tensor_split.indices", a(np.arange(7)), [1, 6], gives=(a([0]), a([1, 2, 3, 4, 5]), a([6])))
for name, axis in (("hsplit", 1), ("vsplit", 0), ("dsplit", 2)):
    cube = a(np.arange(64).reshape(4, 4, 4))
    case(f"{name}.int", cube, 2, gives=tuple(np.split(cube, 2, axis)))
    case(f"{name}.array", cube, [1, 3], gives=tuple(np.split(cube, [1, 3], axis)))
case("unbind.int", m, 1, gives=tuple(m.T))
for name in ("detach", "contiguous"):
    case(name, m, gives=m)
case("diagonal", r, 1, 1, 2, gives=np.diagonal(r, 1, 1, 2))
case("linalg_diagonal", r, gives=np.diagonal(r, 0, 1, 2))
case("as_strided", a(np.arange(9).reshape(3, 3)), [2, 2], [1, 2], 1, gives=a([[1, 3], [2, 4]]))

# Positions and masks.
q = a(np.arange(12).reshape(3, 4))
case("index_select", q, 1, a([0, 2], i64), gives=q[:, [0, 2]])
case("gather", a([[1, 2], [3, 4]], i64), 1, a([[0, 0], [1, 0]], i64), gives=a([[1, 1], [4, 3]], i64))
case("gather", q, 0, a([[2, 1]], i64), gives=a([[8, 5]]))
case("take_along_dim", q, a([[3], [0], [1]], i64), 1, gives=a([[3], [4], [9]]))
case("take", q, a([[0, 5], [-1, 2]], i64), gives=a([[0, 5], [11, 2]]))
case("put", q, a([1, -1], i64), a([50, 60]), gives=a([[0, 50, 2, 3], [4, 5, 6, 7], [8, 9, 10, 60]]))
case("put", q, a([1, 1], i64), a([50, 60]), True, gives=a([[0, 111, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]))
for name in ("index.Tensor", "_unsafe_index.Tensor"):
    case(name, q, [a([2, -1, 0], i64)], gives=q[[2, -1, 0]])
    case(name, q, [None, a([[1], [-1]], i64)], gives=q[:, [[1], [-1]]])
    case(name, q, [a([0, 2], i64), a([1, -2], i64)], gives=q[[0, 2], [1, -2]])
case("index.Tensor", r, [a([[0], [1]], i64), None, a([0, 3], i64)], gives=r[[[0], [1]], :, [0, 3]])
case("index.Tensor", r, [None, a([[0], [1]], i64), a([0, 3], i64)], gives=r[:, [[0], [1]], [0, 3]])
case("index.Tensor", q, [a([True, False, True], bool)], gives=q[[True, False, True]])
case("index.Tensor", q, [q > 6], gives=q[q > 6])


def put(x, key, values, adds=False):
    y = x.copy()
    if adds:
        np.add.at(y, key, values)
    else:
        y[key] = values
    return y


for name in ("index_put", "_unsafe_index_put"):
    case(name, q, [a([2, 0], i64)], a([[1], [2]]), gives=put(q, [2, 0], [[1], [2]]))
case("index_put", q, [None, a([-1, 0], i64)], a(7.0), gives=put(q, (slice(None), [-1, 0]), 7))
case("index_put", q, [a([0, 0], i64), a([1, 1], i64)], a([5, 6]), True, gives=put(q, ([0, 0], [1, 1]), [5, 6], True))
case("index_put", r, [a([1, 0], i64), None, a([0, 3], i64)], a(9.0), gives=put(r, ([1, 0], slice(None), [0, 3]), 9))
case("index_put", q, [q > 6], a(-1.0), gives=np.where(q > 6, f(-1), q))
case("index_put", q, [q > 6], a([1, 2, 3, 4, 5]), gives=put(q, q > 6, [1, 2, 3, 4, 5]))
case("index_put", q, [a([True, False, True], bool)], a([[1, 1, 1, 1], [2, 2, 2, 2]]),
     gives=put(q, [True, False, True], [[1] * 4, [2] * 4]))
case("index_put", q, [None, a([True, False, False, True], bool)], a([5, 6]),
     gives=put(q, (slice(None), np.array([True, False, False, True])), [5, 6]))
case("index_put", q, [q > 6], a(10.0), True, gives=np.where(q > 6, q + 10, q))
case("index_add", q, 0, a([0, 0], i64), a([[1, 1, 1, 1], [2, 2, 2, 2]]), alpha=2, gives=put(q, [0], [[6] * 4], True))
case("index_copy", q, 0, a([2, 0], i64), a([[1] * 4, [2] * 4]), gives=put(q, [2, 0], [[1] * 4, [2] * 4]))
case("index_fill.int_Scalar", q, 1, a([0, 2], i64), -1, gives=put(q, (slice(None), [0, 2]), -1))
case("index_fill.int_Tensor", q, 1, a([0, 2], i64), a(-1.0), gives=put(q, (slice(None), [0, 2]), -1))
case("index_reduce", q, 0, a([0, 0], i64), a([[1] * 4, [9] * 4]), "amax", gives=put(q, [0], [[9] * 4]))
source = a(np.arange(1, 11).reshape(2, 5), i64)
case("scatter.src", np.zeros((3, 5), i64), 0, a([[0, 1, 2, 0]], i64), source,
     gives=a([[1, 0, 0, 4, 0], [0, 2, 0, 0, 0], [0, 0, 3, 0, 0]], i64))
case("scatter.value", np.full((2, 4), 2.0, f32), 1, a([[2], [3]], i64), 1.25,
     gives=a([[2, 2, 1.25, 2], [2, 2, 2, 1.25]]))
case("scatter.value_reduce", np.full((2, 4), 2.0, f32), 1, a([[2], [3]], i64), 1.23, reduce="multiply",
     gives=f([[2, 2, 2.46, 2], [2, 2, 2, 2.46]]))
case("scatter.reduce", np.full((2, 4), 2.0, f32), 1, a([[2], [3]], i64), a([[1], [5]]), reduce="add",
     gives=a([[2, 2, 3, 2], [2, 2, 2, 7]]))
case("scatter_add", np.zeros((3, 5), f32), 0, a([[0, 1, 2, 0, 0]], i64), np.ones((2, 5), f32),
     gives=a([[1, 0, 0, 1, 1], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0]]))
src, index, own = a([1, 2, 3, 4, 5, 6]), a([0, 1, 0, 1, 2, 1], i64), a([1, 2, 3, 4])
for reduce, gives in {"sum": [5, 14, 8, 4], "amax": [3, 6, 5, 4], "amin": [1, 2, 3, 4], "prod": [3, 96, 15, 4],
                      "mean": [5 / 3, 3.5, 4, 4]}.items():
    case("scatter_reduce.two", own, 0, index, src, reduce, gives=f(gives))
for reduce, gives in {"sum": [4, 12, 5, 4], "amax": [3, 6, 5, 4], "amin": [1, 2, 5, 4], "prod": [3, 48, 5, 4],
                      "mean": [2, 4, 5, 4]}.items():
    case("scatter_reduce.two", own, 0, index, src, reduce, include_self=False, gives=f(gives))
case("masked_scatter", a([0, 0, 0, 0, 0], i64), a([[False, False, False, True, True], [True, True, False, True, True]], bool),
     a([[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]], i64), gives=a([[0, 0, 0, 0, 1], [2, 3, 0, 4, 5]], i64))
case("masked_select", q, q > 8, gives=a([9, 10, 11]))
case("bincount", a([4, 3, 6, 3, 4], i64), None, 8, gives=a([0, 0, 0, 2, 2, 0, 1, 0], i64))
case("bincount", a([4, 3, 6, 3, 4], i64), a([0, 0.25, 0.5, 0.75, 1.0]), 7, gives=a([0, 0, 0, 1.0, 1.0, 0, 0.5]))
for name in ("nonzero", "argwhere"):
    case(name, a([[0.6, 0, 0], [0, 0.4, 0], [0, 0, 1.2]]), gives=a([[0, 0], [1, 1], [2, 2]], i64))
case("bucketize.Tensor", a([[3, 6, 9], [3, 6, 9]], i64), a([1, 3, 5, 7, 9], i64), gives=a([[1, 3, 4], [1, 3, 4]], i64))
case("bucketize.Tensor", a([3, 6, 9], i64), a([1, 3, 5, 7, 9], i64), right=True, gives=a([2, 3, 5], i64))
sequence, searched = a([[1, 3, 5, 7, 9], [2, 4, 6, 8, 10]], i64), a([[3, 6, 9], [3, 6, 9]], i64)
case("searchsorted.Tensor", sequence, searched, gives=a([[1, 3, 4], [1, 2, 4]], i64))
case("searchsorted.Tensor", sequence, searched, right=True, gives=a([[2, 3, 5], [1, 3, 4]], i64))
case("one_hot", a([0, 2, 1], i64), 3, gives=a([[1, 0, 0], [0, 0, 1], [0, 1, 0]], i64))

# Linear algebra.
for dtype in (f32, f64):
    matrix = np.array([[0.0, 2.0, 1.0], [4.0, -1.0, 2.0], [1.0, 1.0, 5.0]], dtype)
    wide = matrix.astype(f64)
    right = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]], dtype)
    case("linalg_solve", matrix, right, gives=np.linalg.solve(wide, right).astype(dtype))
    case("linalg_solve", matrix, right[:, 0], gives=np.linalg.solve(wide, right[:, 0].astype(f64)).astype(dtype))
    case("linalg_solve", matrix, right.T.copy(), left=False, gives=np.linalg.solve(wide.T, right).T.astype(dtype))
    for name in ("linalg_inv", "inverse"):
        case(name, matrix, gives=np.linalg.inv(wide).astype(dtype))
    for name in ("linalg_det", "det"):
        case(name, matrix, gives=np.array(np.linalg.det(wide), dtype))
    case("slogdet", matrix, gives=tuple(np.array(each, dtype) for each in np.linalg.slogdet(wide)))
    spd = wide @ wide.T + np.eye(3)
    lower = np.linalg.cholesky(spd)
    for name in ("linalg_cholesky", "cholesky"):
        case(name, spd.astype(dtype), gives=lower.astype(dtype))
    case("linalg_cholesky", spd.astype(dtype), upper=True, gives=lower.T.astype(dtype))
    case("logdet", spd.astype(dtype), gives=np.array(np.log(np.linalg.det(spd)), dtype))
    case("cholesky_solve", right, lower.astype(dtype), gives=np.linalg.solve(spd, right).astype(dtype))
    case("cholesky_inverse", lower.astype(dtype), gives=np.linalg.inv(spd).astype(dtype))
    case("linalg_solve_triangular", lower.astype(dtype), right, upper=False, gives=np.linalg.solve(lower, right).astype(dtype))
    case("linalg_solve_triangular", lower.T.copy().astype(dtype), right.T.copy(), upper=True, left=False,
         gives=np.linalg.solve(lower, right).T.astype(dtype))
    case("triangular_solve", right, lower.T.copy().astype(dtype),
         gives=(np.linalg.solve(lower.T, right).astype(dtype), lower.T.copy().astype(dtype)))
batch = rand(4, 3, 3, dtype=f64)
case("linalg_solve", batch, rand(4, 3, 2, dtype=f64) * 0 + 1, gives=np.linalg.solve(batch, np.ones((4, 3, 2))))
case("linalg_slogdet", batch, gives=tuple(np.linalg.slogdet(batch)))
case("linalg_inv_ex", batch, gives=(np.linalg.inv(batch), np.zeros(4, i32)))
case("linalg_cholesky_ex", batch @ batch.swapaxes(1, 2) + np.eye(3),
     gives=(np.linalg.cholesky(batch @ batch.swapaxes(1, 2) + np.eye(3)), np.zeros(4, i32)))
case("logdet", a([[0.0, 1.0], [1.0, 0.0]]), gives=a(np.nan))
tall = a([[12.0, -51, 4], [6, 167, -68], [-4, 24, -41]], f64)
qq, rr = np.linalg.qr(tall)
case("linalg_qr", tall, gives=(qq, rr))
case("linalg_qr", tall[:, :2].copy(), gives=tuple(np.linalg.qr(tall[:, :2])))
case("linalg_matrix_power", batch, 3, gives=np.linalg.matrix_power(batch, 3))
case("matrix_power", batch, -2, gives=np.linalg.matrix_power(batch, -2))
case("linalg_multi_dot", [m, m.T.copy(), n[:2].copy()], gives=f(m.astype(f64) @ m.T @ n[:2]))
for ord in (2, 1, 0, 3.5, math.inf, -math.inf):
    case("linalg_vector_norm", r, float(ord) if isinstance(ord, float) else ord, [1], gives=f(np.linalg.norm(rd, ord, axis=1)))
case("linalg_vector_norm", r, gives=f(np.linalg.norm(rd)))
for ord in (1, -1, math.inf, -math.inf):
    case("linalg_matrix_norm", r, float(ord) if isinstance(ord, float) else ord, gives=f(np.linalg.norm(rd, ord, axis=(1, 2))))
case("linalg_matrix_norm.str_ord", r, gives=f(np.linalg.norm(rd, "fro", axis=(1, 2))))
case("linalg_norm", r, gives=f(np.linalg.norm(rd)))
case("linalg_norm.ord_str", m, "fro", gives=f(np.linalg.norm(m.astype(f64))))
case("norm.Scalar", r, 3, gives=f((np.abs(rd) ** 3).sum() ** (1 / 3)))
case("norm.ScalarOpt_dim", r, 1, [2], True, gives=f(np.abs(rd).sum(2, keepdims=True)))
case("norm.ScalarOpt_dim_dtype", r, 2, [2], False, dtype=Dtype("f64"), gives=np.linalg.norm(rd, axis=2))
case("norm.ScalarOpt_dtype", r, 2, dtype=Dtype("f64"), gives=np.array(np.linalg.norm(rd)))
case("frobenius_norm.dim", r, [1, 2], gives=f(np.linalg.norm(rd, axis=(1, 2))))
three = rand(4, 3)
case("linalg_cross", three, three[::-1].copy(), gives=f(np.cross(three.astype(f64), three[::-1].astype(f64))))
case("cross", three.T.copy(), three[::-1].T.copy(), gives=f(np.cross(three.astype(f64), three[::-1].astype(f64)).T))
case("dist", m, n, 2, gives=f(np.linalg.norm((m - n).astype(f64))))
one, other = rand(3, 2), rand(4, 2)
between = np.linalg.norm(one[:, None].astype(f64) - other[None].astype(f64), axis=-1)
case("cdist", one, other, gives=f(between))
case("_cdist_forward", one, other, 1.0, None, gives=f(np.abs(one[:, None].astype(f64) - other[None].astype(f64)).sum(-1)))
own_pairs = [np.linalg.norm(other[i].astype(f64) - other[j].astype(f64)) for i in range(4) for j in range(i + 1, 4)]
case("pdist", other, gives=f(own_pairs))
case("_pdist_forward", other, gives=f(own_pairs))
case("pairwise_distance", one, other[:3].copy(), gives=f(np.linalg.norm(one.astype(f64) - other[:3] + 1e-6, axis=1)))
cosine = (one.astype(f64) * other[:3]).sum(1) / np.linalg.norm(one.astype(f64), axis=1) / np.linalg.norm(other[:3].astype(f64), axis=1)
case("cosine_similarity", one, other[:3].copy(), gives=f(cosine))

# Products and layers.
u, w, b = rand(2, 3), rand(4, 3), rand(4)
ud, wd = u.astype(f64), w.astype(f64)
case("linear", u, w, b, gives=f(ud @ wd.T + b))
case("linear", u[0].copy(), w, gives=f(ud[0] @ wd.T))
case("addmm", b, u, w.T.copy(), beta=0.5, alpha=2, gives=f(0.5 * b + 2 * ud @ wd.T))
case("matmul", u, w.T.copy(), gives=f(ud @ wd.T))
case("matmul", u, w[0].copy(), gives=f(ud @ wd[0]))
case("mm", u, w.T.copy(), gives=f(ud @ wd.T))
case("mv", u, w[0].copy(), gives=f(ud @ wd[0]))
case("dot", w[0].copy(), w[1].copy(), gives=f(wd[0] @ wd[1]))
bb1, bb2 = rand(2, 2, 3), rand(2, 3, 2)
case("bmm", bb1, bb2, gives=f(bb1.astype(f64) @ bb2))
case("baddbmm", np.ones((2, 2, 2), f32), bb1, bb2, alpha=2, gives=f(1 + 2 * bb1.astype(f64) @ bb2))
case("addbmm", np.ones((2, 2), f32), bb1, bb2, beta=3, gives=f(3 + (bb1.astype(f64) @ bb2).sum(0)))
case("addmv", a([1.0, 2.0]), u, w[0].copy(), gives=f([1, 2] + ud @ wd[0]))
case("addr", np.ones((2, 3), f32), a([1.0, 2.0]), w[0].copy(), gives=f(1 + np.outer([1.0, 2.0], wd[0])))
bilinear = rand(2, 3, 4)
case("bilinear", u, rand(2, 4) * 0 + a([1, 2, 3, 4]), bilinear, a([0.5, 0.25]),
     gives=f(np.einsum("ni,oij,nj->no", ud, bilinear.astype(f64), np.tile([1.0, 2, 3, 4], (2, 1))) + [0.5, 0.25]))
h = rand(2, 4)
hh, bh = rand(4, 4), rand(4)
for name, active in (("tanh", np.tanh), ("relu", lambda v: np.maximum(v, 0))):
    step = lambda inp, state: active(inp @ wd.T + b + state @ hh.astype(f64).T + bh)
    case(f"rnn_{name}_cell", u, h, w, hh, b, bh, gives=f(step(ud, h.astype(f64))))
    sequence = rand(3, 2, 3)
    state, outs = h.astype(f64), []
    for t_ in range(3):
        state = step(sequence[t_].astype(f64), state)
        outs.append(state)
    case(f"rnn_{name}.input", sequence, h[None], [w, hh, b, bh], True, 1, 0.0, False, False, False,
         gives=(f(np.stack(outs)), f(state[None])))
ln = rand(2, 3, 4)
lnd = ln.astype(f64)


def norm(v, axes, eps=1e-5):
    return (v - v.mean(axes, keepdims=True)) / np.sqrt(v.var(axes, keepdims=True) + eps)


scale, shift = rand(4), rand(4)
case("layer_norm", ln, [4], scale, shift, gives=f(norm(lnd, -1) * scale + shift))
case("layer_norm", ln, [3, 4], gives=f(norm(lnd, (1, 2))))
case("native_layer_norm", ln, [4], scale, shift, 1e-5,
     gives=(f(norm(lnd, -1) * scale + shift), f(lnd.mean(-1, keepdims=True)), f(1 / np.sqrt(lnd.var(-1, keepdims=True) + 1e-5))))
case("rms_norm", ln, [4], scale, 1e-5, gives=f(lnd / np.sqrt((lnd**2).mean(-1, keepdims=True) + 1e-5) * scale))
gn = rand(2, 4, 3)
gnd = gn.astype(f64)
grouped = norm(gnd.reshape(2, 2, 6), -1).reshape(2, 4, 3) * scale[:, None] + shift[:, None]
case("group_norm", gn, 2, scale, shift, gives=f(grouped))
rows = gnd.reshape(2, 2, 6)
case("native_group_norm", gn, scale, shift, 2, 4, 3, 2, 1e-5,
     gives=(f(grouped), f(rows.mean(-1)), f(1 / np.sqrt(rows.var(-1) + 1e-5))))
mean, var = rand(4), np.abs(rand(4)) + f(0.1)
bn = f((gnd - mean[:, None]) / np.sqrt(var[:, None].astype(f64) + 1e-5) * scale[:, None] + shift[:, None])
none = np.zeros(0, f32)
case("batch_norm", gn, scale, shift, mean, var, False, 0.1, 1e-5, True, gives=bn)
case("_native_batch_norm_legit_no_training", gn, scale, shift, mean, var, 0.1, 1e-5, gives=(bn, none, none))
case("native_batch_norm", gn, scale, shift, mean, var, False, 0.1, 1e-5, gives=(bn, none, none))
case("_native_batch_norm_legit", gn, scale, shift, mean, var, False, 0.1, 1e-5, gives=(bn, none, none))
case("_native_batch_norm_legit.no_stats", gn, scale, shift, True, 0.1, 1e-5,
     gives=(f(norm(gnd, (0, 2)) * scale[:, None] + shift[:, None]), f(gnd.mean((0, 2))), f(1 / np.sqrt(gnd.var((0, 2)) + 1e-5))))
case("instance_norm", gn, scale, shift, None, None, True, 0.1, 1e-5, True,
     gives=f(norm(gnd, 2) * scale[:, None] + shift[:, None]))
case("instance_norm", gn, None, None, mean, var, False, 0.1, 1e-5, True,
     gives=f((gnd - mean[:, None]) / np.sqrt(var[:, None].astype(f64) + 1e-5)))
weight = a(np.arange(12).reshape(6, 2))
case("embedding", weight, a([[1, 5], [0, 2]], i64), gives=weight[[[1, 5], [0, 2]]])
bag, offsets = a([1, 2, 4, 5, 4, 3], i64), a([0, 4], i64)
for mode, run in ((0, np.sum), (1, np.mean), (2, np.max)):
    gives = f(np.stack([run(weight[bag[:4]], axis=0), run(weight[bag[4:]], axis=0)]))
    # What else there is says of each index its bag, of each bag its size, and where its largest elements are from.
    sizes_ = a([4, 2] if mode else [0, 0], i64)
    rest_ = (a([0, 0, 0, 0, 1, 1] if mode else [], i64), sizes_, a([[5, 5], [4, 4]], i64) if mode == 2 else sizes_)
    for name in ("embedding_bag", "_embedding_bag"):
        case(name, weight, bag, offsets, False, mode, gives=(gives, *rest_))
case("embedding_bag.padding_idx", weight, bag, a([0, 4, 6], i64), False, 1, False, None, True, 4,
     gives=(f(np.stack([weight[[1, 2, 5]].mean(0), weight[[3]].mean(0)])), a([0, 0, 0, 0, 1, 1], i64), a([3, 1], i64), a([3, 1], i64)))

# Windows.


def windows(x_, size, stride, run, padding=0, fill=0.0, dilation=1):
    rank = x_.ndim - 2
    x_ = np.pad(x_.astype(f64), [(0, 0)] * 2 + [(padding, padding)] * rank, constant_values=fill)
    outs = [(x_.shape[2 + d] - dilation * (size - 1) - 1) // stride + 1 for d in range(rank)]
    y_ = np.empty(x_.shape[:2] + tuple(outs))
    for at in np.ndindex(*outs):
        part = x_[(slice(None), slice(None)) + tuple(slice(i * stride, i * stride + dilation * (size - 1) + 1, dilation) for i in at)]
        y_[(slice(None), slice(None)) + at] = run(part.reshape(*x_.shape[:2], -1))
    return y_


for rank, shape in ((1, (1, 2, 7)), (2, (1, 2, 5, 6)), (3, (1, 1, 4, 4, 5))):
    given = rand(*shape)
    most = windows(given, 2, 2, lambda v: v.max(-1), 1, -np.inf)
    case(f"max_pool{rank}d", given, [2], [2], [1], gives=f(most))
    case(f"avg_pool{rank}d", given, [2], [2], [1], gives=f(windows(given, 2, 2, lambda v: v.mean(-1), 1)))
    flat = np.pad(np.arange(np.prod(shape[2:])).reshape(shape[2:]), 1, constant_values=-1)
    padded = np.pad(given, [(0, 0)] * 2 + [(1, 1)] * rank, constant_values=-np.inf)
    places = np.empty(most.shape, i64)
    for at in np.ndindex(*most.shape):
        cut = tuple(slice(2 * i, 2 * i + 2) for i in at[2:])
        places[at] = flat[cut].ravel()[padded[at[:2] + cut].argmax()]
    case(f"max_pool{rank}d_with_indices", given, [2], [2], [1], gives=(f(most), places))
    if rank > 1:
        unpooled = np.zeros(shape[:2] + (int(np.prod(shape[2:])),))
        for at in np.ndindex(*most.shape):
            unpooled[at[:2] + (places[at],)] = most[at]
        extra = ([2] * 3, [0] * 3) if rank == 3 else ()
        case(f"max_unpool{rank}d", f(most), places, list(shape[2:]), *extra, gives=f(unpooled.reshape(shape)))
    size = [3, 2, 2][:rank]
    means, best, where = np.empty(shape[:2] + tuple(size)), np.empty(shape[:2] + tuple(size)), np.empty(shape[:2] + tuple(size), i64)
    for at in np.ndindex(*size):
        cut = tuple(slice(i * n_ // s_, -(-(i + 1) * n_ // s_)) for i, n_, s_ in zip(at, shape[2:], size))
        key = (slice(None), slice(None))
        part = given[key + cut].astype(f64).reshape(*shape[:2], -1)
        means[key + at], best[key + at] = part.mean(-1), part.max(-1)
        where[key + at] = flat[tuple(slice(c.start + 1, c.stop + 1) for c in cut)].ravel()[part.argmax(-1)]
    case(f"adaptive_avg_pool{rank}d", given, size, gives=f(means))
    case(f"_adaptive_avg_pool{rank}d", given, size, gives=f(means))
    case(f"adaptive_max_pool{rank}d", given, size, gives=(f(best), where))


def convolved(x_, w_, b_, stride=1, padding=0, dilation=1):
    rank = x_.ndim - 2
    outs = []
    for o in range(w_.shape[0]):
        outs.append(windows(x_, w_.shape[2], stride, lambda v: (v * w_[o].reshape(w_.shape[1], -1)).sum((1, 2))[:, None].repeat(v.shape[1], 1),
                            padding, 0.0, dilation)[:, :1] + b_[o])
    return f(np.concatenate(outs, 1))


for rank, shape in ((1, (2, 2, 7)), (2, (1, 2, 5, 6)), (3, (1, 2, 4, 4, 5))):
    given, kernel, bias_ = rand(*shape), rand(3, 2, *([3] * rank)), rand(3)
    y_ = convolved(given, kernel.astype(f64), bias_, 2, 1)
    case(f"conv{rank}d", given, kernel, bias_, [2], [1], gives=y_)
    case(f"conv{rank}d.padding", given, kernel, bias_, 1, "same", gives=convolved(given, kernel.astype(f64), bias_, 1, 1))
    case("convolution", given, kernel, bias_, [2] * rank, [1] * rank, [1] * rank, False, [0] * rank, 1, gives=y_)
    case("_convolution", given, kernel, bias_, [2] * rank, [1] * rank, [1] * rank, False, [0] * rank, 1, False, False, True, True, gives=y_)
    back = rand(2, 3, *([2] * rank))
    spread = np.zeros((shape[0], 3) + tuple(2 * v for v in shape[2:]))
    for at in np.ndindex(*shape[2:]):
        cut = (slice(None), slice(None)) + tuple(slice(2 * i, 2 * i + 2) for i in at)
        spread[cut] += np.einsum("nc,co...->no...", given[(slice(None), slice(None)) + at].astype(f64), back.astype(f64))
    case(f"conv_transpose{rank}d" + ("" if rank == 1 else ".input"), given, back, bias_, [2],
         gives=f(spread + bias_.reshape(1, 3, *([1] * rank))))

# Images.


def taps(size, out, kind, corners=False, scale=None):
    """Weights [out, size] of one dimension that is resized."""
    step = (size - 1) / (out - 1) if corners and out > 1 else 0.0 if corners else 1 / scale if scale else size / out
    table = np.zeros((out, size))
    for i in range(out):
        if kind == "nearest":
            table[i, min(int(i * step), size - 1)] = 1
        elif kind == "exact":
            table[i, min(int((i + 0.5) * step), size - 1)] = 1
        elif kind == "linear":
            at = i * step if corners else max((i + 0.5) * step - 0.5, 0.0)
            low = min(int(at), size - 1)
            table[i, low] += 1 - (at - low)
            table[i, min(low + 1, size - 1)] += at - low
        elif kind == "cubic":
            at = i * step if corners else (i + 0.5) * step - 0.5
            low = math.floor(at)
            for k in range(-1, 3):
                d, c = abs(at - low - k), -0.75
                w_ = (c + 2) * d**3 - (c + 3) * d**2 + 1 if d <= 1 else c * d**3 - 5 * c * d**2 + 8 * c * d - 4 * c
                table[i, min(max(low + k, 0), size - 1)] += w_
        else:
            support = (1 if kind == "linear aa" else 2) * max(step, 1)
            centre = (i + 0.5) * step
            first, last = max(int(centre - support + 0.5), 0), min(int(centre + support + 0.5), size)
            for j in range(first, last):
                d = abs(j + 0.5 - centre) / max(step, 1)
                if kind == "linear aa":
                    table[i, j] = max(1 - d, 0)
                else:
                    c = -0.5
                    table[i, j] = ((c + 2) * d - (c + 3)) * d * d + 1 if d < 1 else (((d - 5) * d + 8) * d - 4) * c if d < 2 else 0
            table[i] /= table[i].sum()
    return table


def scaled(image, sizes, kind, corners=False, factors=None):
    y_ = image.astype(f64)
    for d, out in enumerate(sizes):
        table = taps(image.shape[2 + d], out, kind, corners, factors[d] if factors else None)
        y_ = np.moveaxis(np.moveaxis(y_, 2 + d, -1) @ table.T, -1, 2 + d)
    return f(y_)


pictures = {1: rand(1, 2, 5), 2: rand(1, 2, 4, 5), 3: rand(1, 1, 3, 4, 2)}
for rank, image in pictures.items():
    sizes = [7, 3, 5][:rank]
    floats = [1.5, 2.0, 1.7][:rank]
    grown = [math.floor(n_ * s_) for n_, s_ in zip(image.shape[2:], floats)]
    nothing = [None] * rank
    for kind, name in (("nearest", f"upsample_nearest{rank}d"), ("exact", f"_upsample_nearest_exact{rank}d")):
        case(name, image, sizes, *nothing, gives=scaled(image, sizes, kind))
        case(f"{name}.vec", image, None, floats, gives=scaled(image, grown, kind, factors=floats))
    name = {1: "upsample_linear1d", 2: "upsample_bilinear2d", 3: "upsample_trilinear3d"}[rank]
    for corners in (False, True):
        case(name, image, sizes, corners, *nothing, gives=scaled(image, sizes, "linear", corners))
        case(f"{name}.vec", image, None, corners, floats, gives=scaled(image, grown, "linear", corners, floats))
image = pictures[2]
for corners in (False, True):
    case("upsample_bicubic2d", image, [7, 3], corners, None, None, gives=scaled(image, [7, 3], "cubic", corners))
case("upsample_bicubic2d.vec", image, None, False, [1.5, 2.0], gives=scaled(image, [6, 10], "cubic", False, [1.5, 2.0]))
case("_upsample_bilinear2d_aa", image, [2, 3], False, None, None, gives=scaled(image, [2, 3], "linear aa"))
case("_upsample_bilinear2d_aa.vec", image, [2, 7], False, None, gives=scaled(image, [2, 7], "linear aa"))
case("_upsample_bicubic2d_aa", image, [2, 3], False, None, None, gives=scaled(image, [2, 3], "cubic aa"))
case("_upsample_bicubic2d_aa.vec", image, [2, 3], False, None, gives=scaled(image, [2, 3], "cubic aa"))


def sampled(volume, grid, border):
    """Samples in a volume [n, c, d, h, w] at [n, d, h, w, 3], linear, without corners aligned."""
    extents = volume.shape[2:]
    out = np.zeros(volume.shape[:2] + grid.shape[1:4])
    for at in np.ndindex(*grid.shape[:4]):
        place = [((grid[at][2 - d] + 1) * extents[d] - 1) / 2 for d in range(3)]
        if border:
            place = [min(max(v, 0), n_ - 1) for v, n_ in zip(place, extents)]
        for corner in np.ndindex(2, 2, 2):
            index = [math.floor(v) + c for v, c in zip(place, corner)]
            weight_ = np.prod([1 - abs(v - i) for v, i in zip(place, index)])
            if all(0 <= i < n_ for i, n_ in zip(index, extents)):
                out[(at[0], slice(None)) + at[1:]] += weight_ * volume[(at[0], slice(None)) + tuple(index)].astype(f64)
    return f(out)


grid2, grid3 = rand(1, 2, 3, 2, low=-1.2, high=1.2), rand(1, 2, 2, 2, 3, low=-1.2, high=1.2)
flat_grid = np.concatenate([grid2, np.zeros((1, 2, 3, 1), f32)], -1)[:, None]
for border in (False, True):
    plane = sampled(image[:, :, None], flat_grid, border)[:, :, 0]
    for name in ("grid_sampler", "grid_sampler_2d"):
        case(name, image, grid2, 0, int(border), False, gives=plane)
    case("grid_sampler_3d", pictures[3], grid3, 0, int(border), False, gives=sampled(pictures[3], grid3, border))
theta = rand(1, 2, 3)
xs, ys = [-2 / 3, 0, 2 / 3], [-0.5, 0.5]
case("affine_grid_generator", theta, [1, 1, 2, 3], False,
     gives=f([[[theta[0].astype(f64) @ [x_, y_, 1] for x_ in xs] for y_ in ys]]))
channels = a(np.arange(1 * 8 * 2 * 3).reshape(1, 8, 2, 3))
big = np.zeros((1, 2, 4, 6), f32)
for c_, i, j in np.ndindex(2, 4, 6):
    big[0, c_, i, j] = channels[0, c_ * 4 + (i % 2) * 2 + j % 2, i // 2, j // 2]
case("pixel_shuffle", channels, 2, gives=big)
case("pixel_unshuffle", big, 2, gives=channels)
case("channel_shuffle", a(np.arange(1, 17).reshape(1, 4, 2, 2)), 2, gives=a(np.arange(1, 17).reshape(1, 4, 2, 2))[:, [0, 2, 1, 3]])
around = np.pad(image.astype(f64), [(0, 0), (0, 0), (1, 1), (1, 1)])
columns = np.stack([around[:, :, i : i + 2, j : j + 3].reshape(1, -1) for i in range(0, 5, 2) for j in range(5)], -1)
case("im2col", image, [2, 3], [1, 1], [1, 1], [2, 1], gives=f(columns))
summed = np.zeros((1, 2, 6, 7))
for at, (i, j) in enumerate((i, j) for i in range(0, 5, 2) for j in range(5)):
    summed[:, :, i : i + 2, j : j + 3] += columns[:, :, at].reshape(1, 2, 2, 3)
case("col2im", f(columns), [4, 5], [2, 3], [1, 1], [1, 1], [2, 1], gives=f(summed[:, :, 1:-1, 1:-1]))

# Spectra.
c64 = np.complex64
for size in (5, 8, 12):
    signal = rand(2, size)
    numbers = (rand(2, size) + 1j * rand(2, size)).astype(c64)
    for norm_ in (None, "ortho", "forward"):
        case("fft_fft", signal, norm=norm_, gives=np.fft.fft(signal, norm=norm_).astype(c64))
        case("fft_fft", numbers, norm=norm_, gives=np.fft.fft(numbers, norm=norm_).astype(c64))
        case("fft_ifft", numbers, norm=norm_, gives=np.fft.ifft(numbers, norm=norm_).astype(c64))
        case("fft_rfft", signal, norm=norm_, gives=np.fft.rfft(signal, norm=norm_).astype(c64))
        half = np.fft.rfft(signal).astype(c64)
        case("fft_irfft", half, size, norm=norm_, gives=f(np.fft.irfft(half, size, norm=norm_)))
case("fft_fft", signal, 7, 0, gives=np.fft.fft(signal, 7, 0).astype(c64))
case("fft_rfft", signal, 6, gives=np.fft.rfft(signal, 6).astype(c64))
case("fft_ifft", signal, gives=np.fft.ifft(signal).astype(c64))
field = rand(2, 3, 4)
spectrum = np.fft.fftn(field, axes=(1, 2)).astype(c64)
for name, run in (("fft", np.fft.fft2), ("ifft", np.fft.ifft2)):
    case(f"fft_{name}2", field, gives=run(field).astype(c64))
    case(f"fft_{name}2", spectrum, gives=run(spectrum).astype(c64))
    case(f"fft_{name}n", field, None, [0, 2], gives=getattr(np.fft, f"{name}n")(field, axes=(0, 2)).astype(c64))
case("fft_rfft2", field, gives=np.fft.rfft2(field).astype(c64))
case("fft_rfftn", field, gives=np.fft.rfftn(field).astype(c64))
case("fft_irfft2", np.fft.rfft2(field).astype(c64), gives=f(np.fft.irfft2(np.fft.rfft2(field))))
case("fft_irfftn", np.fft.rfftn(field).astype(c64), gives=f(np.fft.irfftn(np.fft.rfftn(field))))
case("fft_fftfreq", 5, 0.5, gives=f(np.fft.fftfreq(5, 0.5)))
case("fft_rfftfreq", 6, gives=f(np.fft.rfftfreq(6)))
case("fft_fftshift", field, gives=np.fft.fftshift(field))
case("fft_ifftshift", field, [1], gives=np.fft.ifftshift(field, 1))
sound, hann = rand(2, 40), f(np.hanning(9)[:8])
padded = np.pad(sound, [(0, 0), (8, 8)], "reflect").astype(f64)
window = np.pad(hann.astype(f64), 4)


def spectra(samples):
    frames = np.stack([samples[:, at : at + 16] for at in range(0, samples.shape[1] - 15, 4)], 1)
    return np.fft.rfft(frames * window).swapaxes(1, 2)


case("stft", sound, 16, 4, 8, hann, False, True, True, gives=spectra(sound.astype(f64)).astype(c64))
case("stft", sound[0].copy(), 16, 4, 8, hann, True, True, False,
     gives=f(np.stack([(spectra(sound.astype(f64))[0] / 4).real, (spectra(sound.astype(f64))[0] / 4).imag], -1)))
case("stft.center", sound, 16, 4, 8, hann, True, "reflect", False, True, True, gives=spectra(padded).astype(c64))
case("istft", spectra(padded).astype(c64), 16, 4, 8, hann, gives=sound)
case("istft", spectra(padded).astype(c64), 16, 4, 8, hann, length=30, gives=sound[:, :30])
z1, z2 = numbers[0], numbers[1]
for name, run in (("abs", np.abs), ("angle", np.angle), ("real", np.real), ("imag", np.imag), ("conj", np.conj), ("_conj", np.conj)):
    case(name, z1, gives=run(z1))
case("resolve_conj", z1, gives=z1)
case("view_as_real", z1, gives=np.stack([z1.real, z1.imag], -1))
case("view_as_complex", np.stack([z1.real, z1.imag], -1), gives=z1)
case("complex", z1.real.copy(), z1.imag.copy(), gives=z1)
case("polar", np.abs(z1), np.angle(z1), gives=z1)
for name, run in (("add", np.add), ("sub", np.subtract), ("mul", np.multiply), ("div", np.divide)):
    case(f"{name}.Tensor", z1, z2, gives=run(z1.astype(complex), z2).astype(c64))
    case(f"{name}.Tensor", z1, np.abs(z2), gives=run(z1.astype(complex), np.abs(z2)).astype(c64))
    case(f"{name}.Tensor", np.abs(z1), z2, gives=run(np.abs(z1), z2.astype(complex)).astype(c64))

# Attention, recurrent layers, bytes.


def softmax(v):
    e = np.exp(v - v.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(q_, k_, v_, hidden=None, scale_=None):
    scores = q_ @ k_.swapaxes(-1, -2) * (scale_ or 1 / math.sqrt(q_.shape[-1]))
    weights_ = softmax(scores if hidden is None else np.where(hidden, -np.inf, scores))
    return weights_ @ v_, weights_


qa, ka, va = rand(1, 2, 3, 4), rand(1, 2, 5, 4), rand(1, 2, 5, 4)
qd, kd, vd = (v.astype(f64) for v in (qa, ka, va))
case("scaled_dot_product_attention", qa, ka, va, gives=f(attention(qd, kd, vd)[0]))
seen = np.array([[1, 1, 0, 1, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)
case("scaled_dot_product_attention", qa, ka, va, seen, scale=0.3, gives=f(attention(qd, kd, vd, ~seen, 0.3)[0]))
case("scaled_dot_product_attention", ka, ka, va, None, 0.0, True, gives=f(attention(kd, kd, vd, ~np.tri(5, dtype=bool))[0]))
case("scaled_dot_product_attention", np.concatenate([qa, qa], 1), ka, va, enable_gqa=True,
     gives=f(attention(np.concatenate([qd, qd], 1), kd.repeat(2, 1), vd.repeat(2, 1))[0]))
tokens = rand(2, 3, 4)
packed, packed_bias, project, project_bias = rand(12, 4), rand(12), rand(4, 4), rand(4)


def heads(v, hidden=None):
    parts_ = (v @ packed.astype(f64).T + packed_bias).reshape(2, 3, 3, 2, 2).transpose(2, 0, 3, 1, 4)
    y_, weights_ = attention(*parts_, hidden)
    return y_.swapaxes(1, 2).reshape(2, 3, 4) @ project.astype(f64).T + project_bias, weights_


td = tokens.astype(f64)
padding_mask = np.array([[0, 0, 1], [0, 0, 0]], bool)
attended, weights = heads(td, padding_mask[:, None, None])
case("_native_multi_head_attention", tokens, tokens, tokens, 4, 2, packed, packed_bias, project, project_bias, padding_mask, True,
     True, 1, gives=(f(attended), f(weights.mean(1))))
causal = ~np.tri(3, dtype=bool)
attended, weights = heads(td, causal)
case("_native_multi_head_attention", tokens, tokens, tokens, 4, 2, packed, packed_bias, project, project_bias, causal, True, False, 0,
     gives=(f(attended), f(weights)))
g1, b1, g2, b2, w1, c1, w2, c2 = rand(4), rand(4), rand(4), rand(4), rand(6, 4), rand(6), rand(4, 6), rand(4)
forward = lambda v: np.maximum(v @ w1.astype(f64).T + c1, 0) @ w2.astype(f64).T + c2
after = norm(td + heads(td)[0], -1) * g1 + b1
after = norm(after + forward(after), -1) * g2 + b2
rest = (g1, b1, g2, b2, w1, c1, w2, c2)
case("_transformer_encoder_layer_fwd", tokens, 4, 2, packed, packed_bias, project, project_bias, False, False, 1e-5, *rest, gives=f(after))
before = td + heads(norm(td, -1) * g1 + b1, padding_mask[:, None, None])[0]
before = before + forward(norm(before, -1) * g2 + b2)
case("_transformer_encoder_layer_fwd", tokens, 4, 2, packed, packed_bias, project, project_bias, False, True, 1e-5, *rest, padding_mask, 1,
     gives=f(before))
sigmoid = lambda v: 1 / (1 + np.exp(-v))


def lstm_step(v, h_, c_, wi, wh, bi, bh_):
    i_, f_, g_, o_ = np.split(v @ wi.T + bi + h_ @ wh.T + bh_, 4, -1)
    c_ = sigmoid(f_) * c_ + sigmoid(i_) * np.tanh(g_)
    return sigmoid(o_) * np.tanh(c_), c_


def gru_step(v, h_, wi, wh, bi, bh_):
    (r1, z1_, n1), (r2, z2_, n2) = np.split(v @ wi.T + bi, 3, -1), np.split(h_ @ wh.T + bh_, 3, -1)
    z_ = sigmoid(z1_ + z2_)
    return (1 - z_) * np.tanh(n1 + sigmoid(r1 + r2) * n2) + z_ * h_


hidden, cell = rand(2, 4), rand(2, 4)
lw, gw = (rand(16, 3), rand(16, 4), rand(16), rand(16)), (rand(12, 3), rand(12, 4), rand(12), rand(12))
ld, gd = ([v.astype(f64) for v in each_] for each_ in (lw, gw))
h1, c1_ = lstm_step(ud, hidden.astype(f64), cell.astype(f64), *ld)
case("lstm_cell", u, [hidden, cell], *lw, gives=(f(h1), f(c1_)))
case("gru_cell", u, hidden, *gw, gives=f(gru_step(ud, hidden.astype(f64), *gd)))
long = rand(2, 4, 3)
for name in ("lstm", "gru"):
    pair_, wide_ = (lw, lw[::-1]), None
    states, outs = [], np.zeros((2, 4, 8))
    for side in (0, 1):
        h_, c_ = hidden.astype(f64), cell.astype(f64)
        for turn in range(4):
            t_ = 3 - turn if side else turn
            if name == "lstm":
                h_, c_ = lstm_step(long[:, t_].astype(f64), h_, c_, *ld)
            else:
                h_ = gru_step(long[:, t_].astype(f64), h_, *gd)
            outs[:, t_, 4 * side : 4 * side + 4] = h_
        states.append((h_, c_))
    first = [np.stack([hidden, hidden]), np.stack([cell, cell])]
    parameters = list(lw if name == "lstm" else gw) * 2
    last = (f(np.stack([states[0][0], states[1][0]])),) + ((f(np.stack([states[0][1], states[1][1]])),) if name == "lstm" else ())
    case(f"{name}.input", long, first if name == "lstm" else first[0], parameters, True, 1, 0.0, False, True, True, gives=(f(outs),) + last)
bytes_ = rng.integers(-128, 128, (4, 3)).astype(np.int8)
scales_, bias_ = a([0.01, 0.02, 0.005, 0.01]), rand(4)
layer = {"weight": bytes_, "scales": scales_, "zeroPoints": np.zeros(4, np.int8), "bias": bias_}
low, high = min(float(u.min()), 0), max(float(u.max()), 0)
step_ = f32((high - low) / 127)
zero = round(-low / float(step_))
steps = np.clip(np.rint(u / step_) + zero, 0, 255)
product = ((steps - zero) @ bytes_.astype(f64).T) * step_ * scales_ + bias_
case("quantized::linear_dynamic", u, layer, True, gives=f(product))
case("quantized::linear_relu_dynamic", u, layer, True, gives=np.maximum(f(product), f(0)))
half_ = {"weight": w.astype(np.float16).astype(f32), "scales": a(1.0), "zeroPoints": a(0.0), "bias": bias_}
halves = ud @ half_["weight"].astype(f64).T + bias_
case("quantized::linear_dynamic_fp16", u, half_, gives=f(halves))
case("quantized::linear_relu_dynamic_fp16", u, half_, gives=f(np.maximum(halves, 0)))
quantised = f((np.clip(np.rint(x.astype(f64) / 0.1) + 10, 0, 30) - 10) * 0.1)
case("fake_quantize_per_tensor_affine", x, 0.1, 10, 0, 30, gives=quantised)
case("fake_quantize_per_tensor_affine.tensor_qparams", x, a(0.1), a(10, i32), 0, 30, gives=quantised)
case("fake_quantize_per_channel_affine", m, a([0.1, 0.2]), a([0, 5], i32), 0, 0, 20,
     gives=f((np.clip(np.rint(m / [[0.1], [0.2]]) + [[0], [5]], 0, 20) - [[0], [5]]) * [[0.1], [0.2]]))
case("empty_strided", [2, 2], [2, 1], gives=np.zeros((2, 2), f32))
case("empty_permuted", [2, 2], [0, 1], gives=np.zeros((2, 2), f32))
case("new_empty_strided", m, [2], [1], gives=np.zeros(2, f32))
case("row_stack", [n, n], gives=np.stack([n, n]))
case("to.other", m, a(0, f64), gives=m.astype(f64))
case("to.dtype_layout", m, dtype=Dtype("f64"), gives=m.astype(f64))
case("movedim.intlist", r, [0], [2], gives=np.moveaxis(r, 0, 2))
case("moveaxis.int", r, 0, 2, gives=np.moveaxis(r, 0, 2))
case("to.device", m, Device(), Dtype("f64"), gives=m.astype(f64))
for name, run in (("hann", np.hanning), ("hamming", np.hamming), ("blackman", np.blackman)):
    case(f"{name}_window", 8, gives=f(run(9)[:8]))
case("isin.Tensor_Tensor", a([[1, 2], [3, 4]], i64), a([2, 3], i64), gives=a([[False, True], [True, False]], bool))
case("_weight_norm", w, a([[1.0], [2.0], [3.0], [4.0]]),
     gives=f(wd / np.linalg.norm(wd, axis=1, keepdims=True) * [[1], [2], [3], [4]]))

import factor_cases  # noqa: E402, F401
import loss_cases  # noqa: E402, F401
import quantized_cases  # noqa: E402, F401
import statistic_cases  # noqa: E402, F401
import complex_cases  # noqa: E402, F401
import number_cases  # noqa: E402, F401
