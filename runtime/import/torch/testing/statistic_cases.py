"""Cases of statistics, special functions and further forms of operators; make-operator-cases.py writes them with its own.

Special functions are sums of their own definitions, with many terms, in numbers of 60 digits where those of 64 bits lose what counts.
"""
import itertools
import math
from decimal import Decimal, getcontext

import numpy as np

from operator_cases import Dtype, a, case, f, f32, f64, i32, i64, rand

getcontext().prec = 60


def each(function, values):
    return np.array([function(float(v)) for v in np.asarray(values, f64).ravel()]).reshape(np.shape(values))


def both(name, values, function, dtypes=(f32, f64)):
    """A case of floats of both widths."""
    for dtype in dtypes:
        given = np.asarray(values, dtype)
        case(name, given, gives=each(function, given).astype(dtype))


# Γ and what comes of it.
gamma_at = [0.1, 0.5, 1.0, 1.5, 2.0, 3.7, 9.5, 25.0, 171.5, -0.3, -1.5, -7.25]


def log_gamma(v):
    return math.inf if v <= 0 and v == int(v) else math.lgamma(v)


for name in ("lgamma", "special_gammaln"):
    both(name, gamma_at + [0.0, -3.0, math.inf, 1e30], log_gamma)


def digamma(v):
    """Moved on by 10,000 steps, where ln is good to 1e−9, with the next terms of the series."""
    if v < 0:
        return digamma(1 - v) - math.pi / math.tan(math.pi * v)
    total = -math.fsum(1 / (v + k) for k in range(10000))
    far = v + 10000
    return total + math.log(far) - 1 / (2 * far) - 1 / (12 * far**2)


for name in ("digamma", "special_digamma", "special_psi"):
    both(name, gamma_at, digamma)
case("digamma", a([0.0, -0.0, -2.0]), gives=a([-math.inf, math.inf, math.nan]))


def zeta(s, q):
    total = math.fsum((q + k) ** -s for k in range(2000))
    far = q + 2000
    return total + far ** (1 - s) / (s - 1) + far**-s / 2 + s * far ** (-s - 1) / 12


for name in ("polygamma", "special_polygamma"):
    for n in (1, 2, 3):
        given = a([0.3, 1.0, 2.5, 11.0])
        case(name, n, given, gives=f(each(lambda v: (-1) ** (n + 1) * math.factorial(n) * zeta(n + 1, v), given)))
    case(name, 0, a([0.3, 2.5]), gives=f(each(digamma, a([0.3, 2.5]))))
case("polygamma", 1, a([-0.3]), gives=f([math.pi**2 / math.sin(0.3 * math.pi) ** 2 - zeta(2, 1.3)]))
s, q = a([2.0, 3.5, 1.0, 4.0]), a([1.0, 0.25, 1.0, 7.5])
case("special_zeta", s, q, gives=f([zeta(2, 1), zeta(3.5, 0.25), math.inf, zeta(4, 7.5)]))
case("special_zeta.self_scalar", 2.0, a([1.0]), gives=f([math.pi**2 / 6]))
case("special_zeta.other_scalar", a([2.0, 4.0]), 1.0, gives=f([math.pi**2 / 6, math.pi**4 / 90]))
for name in ("mvlgamma", "special_multigammaln"):
    given = a([3.0, 4.5])
    case(name, given, 3, gives=f(each(lambda v: 1.5 * math.log(math.pi) + sum(math.lgamma(v - k / 2) for k in range(3)), given)))


def inverse_erf(y):
    """By halving, on the side where nothing is lost."""
    if abs(y) >= 1:
        return math.copysign(math.inf, y) if abs(y) == 1 else math.nan
    low, high = 0.0, 7.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erfc(middle) > 1 - abs(y) else (low, middle)
    return math.copysign(low, y)


for name in ("erfinv", "special_erfinv"):
    both(name, [-1.0, -0.99, -0.5, 0.0, 0.1, 0.25, 0.75, 0.9375, 0.999, 1.0, 1.5], inverse_erf)
both("special_ndtr", [-9.0, -3.0, -0.5, 0.0, 1.0, 4.0], lambda v: math.erfc(-v / math.sqrt(2)) / 2)
both("special_ndtri", [0.001, 0.25, 0.5, 0.875], lambda v: math.sqrt(2) * inverse_erf(2 * v - 1))
both("special_log_ndtr", [-30.0, -5.0, -1.0, 0.0, 2.0], lambda v: math.log(math.erfc(-v / math.sqrt(2)) / 2))
both("special_erfcx", [-2.0, 0.0, 0.5, 1.9, 2.5, 9.0, 20.0], lambda v: math.exp(v * v) * math.erfc(v))
case("special_entr", a([0.0, 0.5, 2.0, -1.0, math.nan]), gives=f([0, 0.5 * math.log(2), -2 * math.log(2), -math.inf, math.nan]))


def bessel(v, order, scaled):
    total, term = Decimal(0), Decimal(1)
    half = Decimal(abs(v)) / 2
    if order == 1:
        term = half
    for k in range(1, 400):
        total += term
        term *= half * half / (k * (k + order))
    value = total * (-Decimal(abs(v))).exp() if scaled else total
    return float(value) * (math.copysign(1, v) if order == 1 else 1)


bessel_at = [-30.0, -3.5, 0.0, 0.25, 1.0, 8.0, 24.5, 25.5, 60.0]
for name, order, scaled in (("i0", 0, 0), ("special_i0", 0, 0), ("special_i0e", 0, 1), ("special_i1", 1, 0), ("special_i1e", 1, 1)):
    both(name, bessel_at, lambda v: bessel(v, order, scaled))
for schema, p_, q_ in (("", a([0.0, 2.0]), a([math.inf, 3.0])), (".self_scalar", 2.0, a([3.0])), (".other_scalar", a([0.0, 2.0]), 3.0)):
    pairs = np.broadcast_arrays(np.asarray(p_, f64), np.asarray(q_, f64))
    case(f"special_xlog1py{schema}", p_, q_, gives=f([u and u * math.log1p(v) for u, v in zip(*pairs)]))

# What occurs how often, and orders.
numbers = a([[3, 1, 2], [3, 3, 7]], i64)
values, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
inverse = inverse.reshape(2, 3)
case("_unique2", numbers, True, True, True, gives=(values, inverse, counts))
case("_unique", numbers, True, True, gives=(values, inverse))
runs = [(key, len(list(group))) for key, group in itertools.groupby([1, 1, 2, 2, 2, 1, 3])]
case("unique_consecutive", a([1, 1, 2, 2, 2, 1, 3], i64), True, True,
     gives=(a([key for key, _ in runs], i64), a([at for at, (_, n) in enumerate(runs) for _ in range(n)], i64), a([n for _, n in runs], i64)))
# The example of PyTorch's documentation of torch.mode.
table = a([[0, 0, 0, 2, 0, 0, 2], [0, 3, 0, 0, 2, 0, 1], [2, 2, 2, 0, 0, 0, 3], [2, 2, 3, 0, 1, 1, 0], [1, 1, 0, 0, 2, 0, 2]], i64)
case("mode", table, 0, gives=(a([0, 2, 0, 0, 0, 0, 2], i64), a([1, 3, 4, 4, 2, 4, 4], i64)))
case("mode", a([[2.5, 1.0, 2.5], [4.0, 3.0, 9.0]]), -1, True, gives=(a([[2.5], [3.0]]), a([[2], [1]], i64)))
r = rand(3, 5)
methods = {"linear": "linear", "lower": "lower", "higher": "higher", "midpoint": "midpoint", "nearest": "nearest"}
holes = r.copy()
holes[0, 1] = holes[1] = math.nan
for mode, method in methods.items():
    for share in (0.3, 0.75):
        case("quantile.scalar", r, share, 1, interpolation=mode, gives=f(np.quantile(r.astype(f64), share, axis=1, method=method)))
shares = a([0.1, 0.5, 0.9])
case("quantile", r, shares, 0, True, gives=f(np.quantile(r.astype(f64), shares.astype(f64), axis=0, keepdims=True)))
case("quantile", r, shares, gives=f(np.quantile(r.astype(f64), shares.astype(f64))))
case("quantile", r, a(0.5), 1, gives=f(np.quantile(r.astype(f64), 0.5, axis=1)))
case("quantile.scalar", holes, 0.5, 1, gives=f(np.quantile(holes.astype(f64), 0.5, axis=1)))
with np.errstate(all="ignore"):
    import warnings

    warnings.simplefilter("ignore")
    case("nanquantile.scalar", holes, 0.3, 1, gives=f(np.nanquantile(holes.astype(f64), 0.3, axis=1)))
    case("nanquantile", holes, shares, 1, True, gives=f(np.nanquantile(holes.astype(f64), shares.astype(f64), axis=1, keepdims=True)))


def lower_median(row):
    kept = sorted((v, at) for at, v in enumerate(row) if not math.isnan(v))
    return kept[(len(kept) - 1) // 2]


found = [lower_median(row) for row in holes[[0, 2]]]
case("nanmedian.dim", holes[[0, 2]], 1, gives=(f([v for v, _ in found]), a([at for _, at in found], i64)))
case("nanmedian", holes, gives=f(lower_median(holes.ravel())[0]))
case("nanmedian", a([4, 1, 3, 2], i64), gives=a(2, i64))

# Covariances, areas, norms.
case("cov", r, gives=f(np.cov(r.astype(f64))))
case("cov", r[0], gives=f(np.cov(r[0].astype(f64))))
frequencies, weights = a([1, 2, 3, 1, 1], i64), a([0.5, 1.0, 0.25, 2.0, 1.0])
case("cov", r, correction=0, gives=f(np.cov(r.astype(f64), ddof=0)))
case("cov", r, fweights=frequencies, aweights=weights, gives=f(np.cov(r.astype(f64), fweights=frequencies, aweights=weights)))
case("corrcoef", r, gives=f(np.corrcoef(r.astype(f64))))
at_x = a([0.0, 0.5, 2.0, 3.0, 7.0])
for name in ("trapezoid", "trapz"):
    case(f"{name}.x", r, at_x, gives=f(np.trapezoid(r.astype(f64), at_x.astype(f64))))
    case(f"{name}.dx", r, dx=0.5, dim=0, gives=f(np.trapezoid(r.astype(f64), dx=0.5, axis=0)))
heights = (r[:, 1:].astype(f64) + r[:, :-1]) / 2
case("cumulative_trapezoid.x", r, at_x, gives=f(np.cumsum(heights * np.diff(at_x), axis=1)))
case("cumulative_trapezoid.dx", r, dx=2, gives=f(np.cumsum(heights * 2, axis=1)))
case("trapz.dx", a([1, 5, 10], i64), gives=a(10.5))
for p_ in (1, 2, 3):
    size = (np.abs(r.astype(f64)) ** p_).sum(0) ** (1 / p_)
    case("renorm", r, p_, 1, 2.0, gives=f(np.where(size > 2, r * 2 / (size + 1e-7), r)))
case("inner", r, rand(2, 5).astype(f32) * 0 + 1.5, gives=f(np.inner(r.astype(f64), np.full((2, 5), 1.5))))
case("vdot", r[0], r[1], gives=f(np.vdot(r[0].astype(f64), r[1].astype(f64))))
for repeats, run in ((False, itertools.combinations), (True, itertools.combinations_with_replacement)):
    case("combinations", a([1, 2, 3], i64), 2, repeats, gives=a(list(run([1, 2, 3], 2)), i64))
case("unravel_index", a([5, 0, 23], i64), [2, 3, 4], gives=tuple(each.astype(i64) for each in np.unravel_index([5, 0, 23], (2, 3, 4))))
hist, edges = np.histogram(r.astype(f64), bins=4, range=(-1.0, 1.5))
case("histogram.bin_ct", r, 4, range=[-1.0, 1.5], gives=(f(hist), f(edges)))
case("histogram.bin_ct", a([3.0, 3.0]), 2, gives=(a([0, 2]), a([2.5, 3.0, 3.5])))
hist, edges = np.histogram([1.0, 2.0, 2.0, 4.0], bins=3, weights=[1.0, 0.5, 2.0, 1.0], density=True)
case("histogram.bin_ct", a([1.0, 2.0, 2.0, 4.0]), 3, weight=a([1.0, 0.5, 2.0, 1.0]), density=True, gives=(f(hist), f(edges)))
# Between the least and the greatest, where no ends are given.
case("histc", a([1.0, 2.0, 1.0, 5.0]), 4, gives=a([2, 1, 0, 1]))
case("histc", a([2.0, 2.0]), 4, gives=a([0, 0, 2, 0]))
case("diff", a([1, 3, 2], i64), 1, -1, a([0], i64), a([4, 4], i64), gives=a([1, 2, -1, 2, 0], i64))

# Numbers before tensors, and other forms.
bits = a([12, 10], i64)
case("bitwise_and.Scalar_Tensor", 6, bits, gives=bits & 6)
case("bitwise_or.Scalar_Tensor", 6, bits, gives=bits | 6)
case("bitwise_xor.Scalar_Tensor", 6, bits, gives=bits ^ 6)
case("bitwise_left_shift.Scalar_Tensor", 3, a([1, 2], i64), gives=a([6, 12], i64))
case("bitwise_right_shift.Scalar_Tensor", -12, a([1, 2], i64), gives=a([-6, -3], i64))
case("remainder.Scalar_Tensor", 7, a([3.0, -3.0]), gives=a([1.0, -2.0]))
case("clamp_max.Tensor", r, r[0], gives=np.minimum(r, r[0]))
case("clamp_min.Tensor", r, r[0], gives=np.maximum(r, r[0]))
case("ldexp.Tensor", a([1.5, -3.0]), a([4, -1], i64), gives=a([24.0, -1.5]))
case("ldexp.Tensor", a([3, 5], i64), a([1, 2], i64), gives=a([6.0, 20.0]))
for rank, run in ((1, np.atleast_1d), (2, np.atleast_2d), (3, np.atleast_3d)):
    for value in (a(2.0), a([1.0, 2.0]), a([[1.0, 2.0], [3.0, 4.0]])):
        case(f"atleast_{rank}d", value, gives=run(value))
    case(f"atleast_{rank}d.Sequence", [a(2.0), r], gives=(run(a(2.0)), run(r)))
case("isin.Tensor_Scalar", bits, 10, gives=a([False, True], bool))
case("isin.Scalar_Tensor", 12, bits, invert=True, gives=a(False, bool))
case("range", 1, 4, gives=a([1, 2, 3, 4]))
case("range.step", 1.0, 4.0, 0.5, gives=f(np.arange(1, 4.25, 0.5)))
case("sum_to_size", rand(2, 1, 3) * 0 + 2, [1, 3], gives=np.full((1, 3), 4, f32))
case("sum_to_size", r, [3, 1], gives=f(r.astype(f64).sum(1, keepdims=True)))
for shape, wrap in (((3, 4), False), ((7, 3), False), ((7, 3), True), ((3, 3, 3), False)):
    whole = np.zeros(shape, f32)
    np.fill_diagonal(whole, 5, wrap=wrap)
    case("fill_diagonal", np.zeros(shape, f32), 5, wrap, gives=whole)
case("_prelu_kernel", r, a(0.25), gives=np.where(r > 0, r, r * f32(0.25)))
v, g = rand(4, 3), rand(4, 1)
length = np.sqrt((v.astype(f64) ** 2).sum(1, keepdims=True))
case("_weight_norm_interface", v, g, 0, gives=(f(v * g / length), f(length)))
hidden = r.copy()
hidden[1] = -math.inf
soft = np.exp(r.astype(f64)) / np.exp(r.astype(f64)).sum(1, keepdims=True)
soft[1] = 0
case("_safe_softmax", hidden, -1, gives=f(soft))
q_, k_, v_ = (rand(1, 2, 3, 4) for _ in range(3))
scores = q_.astype(f64) @ k_.astype(f64).transpose(0, 1, 3, 2) / 2
mask = np.triu(np.full((3, 3), -np.inf), 1)
shares = np.exp(scores + mask)
attended = shares / shares.sum(-1, keepdims=True) @ v_.astype(f64)
case("_scaled_dot_product_flash_attention_for_cpu", q_, k_, v_, 0.0, True,
     gives=(f(attended), f(np.log(shares.sum(-1)))))
case("_scaled_dot_product_attention_math", q_, k_, v_, f(mask), gives=(f(attended), f(shares / shares.sum(-1, keepdims=True))))
case("log_sigmoid_forward", r, gives=(f(-np.log1p(np.exp(-r.astype(f64)))), f(np.exp(-np.abs(r.astype(f64))))))
case("repeat_interleave.Tensor", a([2, 0, 3], i64), gives=a([0, 0, 2, 2, 2], i64))
case("nonzero_static", a([[0, 3], [4, 0], [1, 1]], i64), size=3, gives=a([[0, 1], [1, 0], [2, 0]], i64))
case("nonzero_static", a([0, 3, 0], i64), size=2, fill_value=-7, gives=a([[1], [-7]], i64))
case("split.sizes", a([1, 2, 3], i64), [1, 2], gives=(a([1], i64), a([2, 3], i64)))
case("unsafe_split.Tensor", a([1, 2, 3], i64), 2, gives=(a([1, 2], i64), a([3], i64)))
case("unsafe_split_with_sizes", a([1, 2, 3], i64), [1, 2], gives=(a([1], i64), a([2, 3], i64)))
case("narrow_copy", r, 1, 1, 2, gives=r[:, 1:3])
case("resolve_neg", r, gives=r)
case("_reshape_alias", r, [5, 3], [3, 1], gives=r.reshape(5, 3))
case("conj_physical", a([[1.0, 2.0]]).view(np.complex64), gives=a([[1.0, -2.0]]).view(np.complex64))
case("chain_matmul", [r, rand(5, 2) * 0 + 1], gives=f(r.astype(f64) @ np.ones((5, 2))))
case("avg_pool2d", r[None, None], [2, 2], [1, 1], [0, 0], False, True, 3,
     gives=f((r[:-1, :-1].astype(f64) + r[1:, :-1] + r[:-1, 1:] + r[1:, 1:]) / 3)[None, None])
bag_weights = rand(4, 2)
case("_embedding_bag_forward_only", bag_weights, a([0, 2, 1], i64), a([0, 2], i64),
     gives=(f(np.stack([bag_weights[0].astype(f64) + bag_weights[2], bag_weights[1]])), np.zeros(0, i64), np.zeros(2, i64), np.zeros(2, i64)))
case("scalar_tensor", 2.5, dtype=Dtype("f64"), gives=np.array(2.5))
case("pow.Tensor_Scalar", a([2, 3], i32), 3, gives=a([8, 27], i32))
# Numbers as results: tensors of no dimension here.
case("is_same_size", r, r[0], gives=a(False, bool))
case("is_same_size", r, r, gives=a(True, bool))
case("_local_scalar_dense", a([2.5]), gives=a(2.5, f64))
case("_local_scalar_dense", a(7, i64), gives=a(7, i64))
case("sym_stride.int", r, 0, gives=a(5, i64))
case("sym_storage_offset", r, gives=a(0, i64))

# Transforms as ATen has them: of a norm by its number, and half of what mirrors itself.
signal = rand(3, 6)
for normalization, norm in ((0, "backward"), (1, "ortho"), (2, "forward")):
    case("_fft_r2c", signal, [1], normalization, True, gives=np.fft.rfft(signal.astype(f64), norm=norm).astype(np.complex64))
    case("_fft_r2c", signal, [0, 1], normalization, True, gives=np.fft.rfftn(signal.astype(f64), norm=norm).astype(np.complex64))
spectrum = np.fft.rfftn(signal.astype(f64)).astype(np.complex64)
case("_fft_r2c", signal, [1], 0, False, gives=np.fft.fft(signal.astype(f64)).astype(np.complex64))
case("_fft_c2c", spectrum, [0], 0, True, gives=np.fft.fft(spectrum, axis=0).astype(np.complex64))
case("_fft_c2c", spectrum, [0, 1], 2, False, gives=np.fft.ifft2(spectrum).astype(np.complex64))
case("_fft_c2r", spectrum, [0, 1], 2, 6, gives=signal)
case("_fft_c2r", spectrum, [1], 0, 5, gives=f(np.fft.irfft(spectrum, 5, norm="forward")))

bounds = a([1.0, 3.0, 5.0])
case("bucketize.Scalar", 3, bounds, gives=a(1, i64))
case("bucketize.Scalar", 3.0, bounds, right=True, gives=a(2, i64))
case("searchsorted.Scalar", bounds, 4, out_int32=True, gives=a(2, i32))
case("searchsorted.Scalar", bounds, 5.0, side="right", gives=a(3, i64))
case("view.dtype", r, Dtype("i32"), gives=r.view(i32))
case("view.dtype", a([1, -1], i32), Dtype("f32"), gives=a([1, -1], i32).view(f32))
