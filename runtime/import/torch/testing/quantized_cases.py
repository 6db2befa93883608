"""Cases of quantised tensors, in integers; make-operator-cases.py writes them with its own."""
import numpy as np

from operator_cases import Quantized, a, case, f, f32, f64, rand, rng

QINT8, QUINT8 = 12, 13


def rounded(numbers, scale, zero, dtype=np.uint8):
    ends = np.iinfo(dtype)
    return np.clip(np.rint(np.asarray(numbers, f64) / f64(f32(scale))) + zero, ends.min, ends.max).astype(dtype)


x = rand(2, 3)
case("quantize_per_tensor", x, 0.05, 40, QUINT8, gives=rounded(x, 0.05, 40))
case("quantize_per_tensor", x, 0.025, 0, QINT8, gives=rounded(x, 0.025, 0, np.int8))
case("quantize_per_tensor.tensor_qparams", x, a(0.05), a(40, np.int64), QUINT8, gives=rounded(x, 0.05, 40))
q = Quantized(rng.integers(0, 255, (2, 3)).astype(np.uint8), 0.05, 100)
case("dequantize.self", q, gives=f(q.numbers()))
case("int_repr", q, gives=q.data)


def packed(weight, scales, bias, numbers=()):
    zeros = np.zeros(len(weight), np.int8)
    return {"weight": weight, "scales": f(scales), "zeroPoints": zeros, "bias": bias, "numbers": list(numbers)}


def products(total, scales, bias, scale, zero, rectified):
    """Sums in integers, with a bias, rounded once."""
    both = f32(scales)
    steps = np.rint((f32(total) + f32(bias) / both) * (both / f32(scale)))
    if rectified:
        steps = np.maximum(steps, 0)
    return np.clip(steps + zero, 0, 255).astype(np.uint8)


weight, scales, bias = rng.integers(-128, 128, (4, 3)).astype(np.int8), a([0.01, 0.02, 0.005, 0.01]), rand(4)
total = (q.data.astype(np.int64) - q.zero) @ weight.T.astype(np.int64)
for name, rectified in (("linear", False), ("linear_relu", True)):
    case(f"quantized::{name}", q, packed(weight, scales, bias), 0.2, 30,
         gives=products(total, f32(scales) * f32(q.scale), bias, 0.2, 30, rectified))


def convolved(data, kernel, stride, padding, dilation, groups):
    """Over planes or volumes, place by place."""
    rank = kernel.ndim - 2
    around = np.pad(data, [(0, 0), (0, 0)] + [(p, p) for p in padding])
    sizes = [(around.shape[2 + d] - dilation[d] * (kernel.shape[2 + d] - 1) - 1) // stride[d] + 1 for d in range(rank)]
    out = np.zeros((len(data), len(kernel), *sizes), np.int64)
    each, own = kernel.shape[1], len(kernel) // groups
    for place in np.ndindex(*sizes):
        ranges = tuple(slice(place[d] * stride[d], place[d] * stride[d] + dilation[d] * (kernel.shape[2 + d] - 1) + 1, dilation[d])
                       for d in range(rank))
        for o in range(len(kernel)):
            channels = slice(o // own * each, o // own * each + each)
            window = around[(slice(None), channels, *ranges)]
            out[(slice(None), o, *place)] = (window * kernel[o]).reshape(len(data), -1).sum(1)
    return out


for rank, shape, kernel, stride, padding, dilation, groups in (
    (1, (2, 4, 7), (6, 2, 1, 3), (1, 2), (0, 1), (1, 1), 2),
    (2, (1, 3, 5, 6), (2, 3, 3, 2), (1, 2), (1, 0), (1, 2), 1),
    (3, (1, 2, 3, 4, 4), (2, 2, 2, 2, 2), (1, 1, 2), (0, 1, 0), (1, 1, 1), 1),
):
    data = Quantized(rng.integers(0, 255, shape).astype(np.uint8), 0.03, 77)
    w, s, b = rng.integers(-128, 128, kernel).astype(np.int8), rand(kernel[0], low=0.004, high=0.02), rand(kernel[0])
    numbers = [len(stride), *stride, *padding, *dilation, *[0] * len(stride), groups, 0]
    line = data.data[:, :, None] if rank == 1 else data.data
    sums = convolved(line.astype(np.int64) - data.zero, w.astype(np.int64), stride, padding, dilation, groups)
    sums = sums[:, :, 0] if rank == 1 else sums
    along = (-1,) + (1,) * rank
    for name, rectified in ((f"conv{rank}d", False), (f"conv{rank}d_relu", True)):
        case(f"quantized::{name}.new", data, packed(w, s, b, numbers), 0.5, 120,
             gives=products(sums, (f32(s) * f32(data.scale)).reshape(along), b.reshape(along), 0.5, 120, rectified))
    floats = rand(*shape)
    low, high = min(float(floats.min()), 0.0), max(float(floats.max()), 0.0)
    step = f32(f32(high - low) / f32(255))
    zero = round(-low / float(step))
    steps = np.clip(np.rint(floats / step) + zero, 0, 255).astype(np.int64) - zero
    line = steps[:, :, None] if rank == 1 else steps
    sums = convolved(line, w.astype(np.int64), stride, padding, dilation, groups)
    sums = sums[:, :, 0] if rank == 1 else sums
    # The result is kept in bytes of the input's scale.
    bytes_ = products(sums, (f32(s) * step).reshape(along), b.reshape(along), step, zero, False)
    case(f"quantized::conv{rank}d_dynamic", floats, packed(w, s, b, numbers), gives=f((bytes_.astype(f64) - zero) * f64(step)))

other = Quantized(rng.integers(0, 255, (2, 3)).astype(np.uint8), 0.02, 10)
for name, run in (("add", np.add), ("mul", np.multiply)):
    for rectified in (False, True):
        y = run(q.numbers(), other.numbers())
        case(f"quantized::{name}{'_relu' if rectified else ''}", q, other, 0.11, 90,
             gives=rounded(np.maximum(y, 0) if rectified else y, 0.11, 90))
case("quantized::cat", [q, other], 1, 0.07, 64,
     gives=rounded(np.concatenate([q.numbers(), other.numbers()], 1), 0.07, 64))
case("quantized::cat", [q, q], 0, None, None, gives=np.concatenate([q.data, q.data]))
# What moves bytes or chooses among them keeps their meaning.
case("relu", q, gives=np.maximum(q.data, 100))
case("flatten.using_ints", q, gives=q.data.ravel())
image = Quantized(rng.integers(0, 255, (1, 2, 4, 4)).astype(np.uint8), 0.05, 3)
case("max_pool2d", image, [2, 2], gives=image.data.reshape(1, 2, 2, 2, 2, 2).max((3, 5)))
