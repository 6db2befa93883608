"""Cases of losses, recurrent layers and windows, in plain loops over single numbers; make-operator-cases.py writes them with its own."""
import itertools
import math

import numpy as np

from operator_cases import a, case, f, f64, i64, rand

NONE, MEAN, SUM = 0, 1, 2


def reductions(name, *arguments, loss, **keywords):
    """A case for each way to make one number of a loss: of all elements, their mean, their sum."""
    loss = np.asarray(loss, f64)
    for reduction, value in ((NONE, loss), (MEAN, loss.mean()), (SUM, loss.sum())):
        case(name, *arguments, reduction, gives=f(value), **keywords)


def each_of(function, *arrays):
    return np.vectorize(function, otypes=[f64])(*[np.asarray(array, f64) for array in arrays])


x, t = rand(2, 3), rand(2, 3)
share, truth = rand(2, 3, low=0.05, high=0.95), rand(2, 3, low=0.0, high=1.0)
sign = a([[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]])

reductions("l1_loss", x, t, loss=each_of(lambda p, q: abs(p - q), x, t))
reductions("mse_loss", x, t, loss=each_of(lambda p, q: (p - q) ** 2, x, t))
case("mse_loss", a([1.0, 2.0]), a([1, 4], i64), gives=a(2.0))


def smooth(p, q, beta):
    d = abs(p - q)
    return 0.5 * d * d / beta if d < beta else d - 0.5 * beta


for beta in (0.5, 2.0):
    for reduction, run in ((MEAN, np.mean), (SUM, np.sum)):
        case("smooth_l1_loss", x, t, reduction, beta, gives=f(run(each_of(lambda p, q: smooth(p, q, beta), x, t))))
        case("huber_loss", x, t, reduction, beta, gives=f(run(beta * each_of(lambda p, q: smooth(p, q, beta), x, t))))
case("smooth_l1_loss", x, t, MEAN, 0.0, gives=f(each_of(lambda p, q: abs(p - q), x, t).mean()))
reductions("soft_margin_loss", x, sign, loss=each_of(lambda p, q: math.log(1 + math.exp(-q * p)), x, sign))
case("hinge_embedding_loss", x, sign, 0.7, MEAN,
     gives=f(each_of(lambda p, q: p if q == 1 else max(0.0, 0.7 - p), x, sign).mean()))


def divergence(p, q):
    return (q * math.log(q) if q > 0 else 0.0) - q * p


zeroed = truth.copy()
zeroed[0, 0] = 0
reductions("kl_div", x, zeroed, loss=each_of(divergence, x, zeroed))
case("kl_div", x, t, SUM, log_target=True, gives=f(each_of(lambda p, q: math.exp(q) * (q - p), x, t).sum()))


def cross(p, q):
    return -(q * max(math.log(p), -100) + (1 - q) * max(math.log(1 - p), -100))


weights = a([0.5, 1.0, 2.0])
case("binary_cross_entropy", share, truth, gives=f(each_of(cross, share, truth).mean()))
case("binary_cross_entropy", share, truth, weights, SUM, gives=f((each_of(cross, share, truth) * weights).sum()))
case("binary_cross_entropy", a([0.0, 1.0]), a([1.0, 1.0]), None, NONE, gives=a([100.0, 0.0]))


def logits(p, q, positive):
    sigmoid = 1 / (1 + math.exp(-p))
    return -(positive * q * math.log(sigmoid) + (1 - q) * math.log(1 - sigmoid))


each_logit = each_of(lambda p, q: logits(p, q, 1.0), x, truth)
case("binary_cross_entropy_with_logits", x, truth, gives=f(each_logit.mean()))
case("binary_cross_entropy_with_logits", x, truth, weights, a([3.0, 1.0, 0.5]), SUM,
     gives=f((each_of(logits, x, truth, np.tile(a([3.0, 1.0, 0.5]), (2, 1))) * weights).sum()))
# No overflow where e^−x has one.
case("binary_cross_entropy_with_logits", a([-200.0, 200.0]), a([1.0, 1.0]), None, None, NONE, gives=a([200.0, 0.0]))


def poisson(p, q, log_input, full):
    loss = math.exp(p) - q * p if log_input else p - q * math.log(p + 1e-8)
    return loss + (q * math.log(q) - q + 0.5 * math.log(2 * math.pi * q) if full and q > 1 else 0.0)


counts = a([[0.0, 1.0, 2.0], [3.0, 5.0, 1.5]])
case("poisson_nll_loss", x, counts, True, False, 1e-8, MEAN,
     gives=f(each_of(lambda p, q: poisson(p, q, True, False), x, counts).mean()))
case("poisson_nll_loss", share, counts, False, True, 1e-8, SUM,
     gives=f(each_of(lambda p, q: poisson(p, q, False, True), share, counts).sum()))


def cosine(p, q):
    return (p * q).sum() / math.sqrt(((p * p).sum() + 1e-12) * ((q * q).sum() + 1e-12))


angles = [cosine(p.astype(f64), q.astype(f64)) for p, q in zip(x, t)]
reductions("cosine_embedding_loss", x, t, a([1, -1], i64), 0.2,
           loss=[1 - angles[0], max(0.0, angles[1] - 0.2)])
reductions("margin_ranking_loss", x, t, sign, 0.3, loss=each_of(lambda p, q, s: max(0.0, -s * (p - q) + 0.3), x, t, sign))
far = rand(2, 3)


def norm(p, q, power):
    return (np.abs(p.astype(f64) - q + 1e-6) ** power).sum() ** (1 / power)


for power, swap in ((2.0, False), (3.0, True), (1.0, False)):
    loss = []
    for anchor, near, away in zip(x, t, far):
        rest = min(norm(anchor, away, power), norm(near, away, power)) if swap else norm(anchor, away, power)
        loss.append(max(0.0, norm(anchor, near, power) - rest + 1.0))
    case("triplet_margin_loss", x, t, far, 1.0, power, 1e-6, swap, MEAN, gives=f(np.mean(loss)))

# Of classes: the number of a class for each row.
rows, classes = rand(3, 4), a([1, 0, 3], i64)
class_weights = a([0.5, 1.0, 2.0, 0.25])


def margins(row, label, p, margin, weight):
    return sum(weight[label] * max(0.0, margin - row[label] + row[i]) ** p for i in range(4) if i != label) / 4


for p in (1, 2):
    loss = [margins(row, label, p, 0.5, class_weights.astype(f64)) for row, label in zip(rows.astype(f64), classes)]
    reductions("multi_margin_loss", rows, classes, p, 0.5, class_weights, loss=loss)
case("multi_margin_loss", rows[0], a(2, i64), gives=f(margins(rows[0].astype(f64), 2, 1, 1.0, np.ones(4))))
# The example of PyTorch's documentation: 0.25·((1 − (0.1 − 0.2)) + (1 − (0.1 − 0.4)) + (1 − (0.8 − 0.2)) + (1 − (0.8 − 0.4))).
case("multilabel_margin_loss", a([[0.1, 0.2, 0.4, 0.8]]), a([[3, 0, -1, 1]], i64), gives=f(0.85))


def labels_loss(row, labels):
    labels = list(itertools.takewhile(lambda label: label >= 0, labels))
    return sum(max(0.0, 1 - (row[j] - row[i])) for j in labels for i in range(len(row)) if i not in labels) / len(row)


many = a([[3, 0, -1, 1], [2, -1, 0, 0], [-1, 1, 1, 1]], i64)
reductions("multilabel_margin_loss", rows, many,
           loss=[labels_loss(row, labels) for row, labels in zip(rows.astype(f64), many)])
case("multilabel_margin_loss", rows[1], many[1], gives=f(labels_loss(rows[1].astype(f64), many[1])))


def likelihood(values, target, weight, ignored, reduction, smoothing=0.0):
    """Over [n, c, …] and [n, …], place by place."""
    loss, total = np.zeros(target.shape), 0.0
    for place in np.ndindex(*target.shape):
        label = target[place]
        if label == ignored:
            continue
        column = values[(place[0], slice(None), *place[1:])]
        own = -weight[label] * column[label]
        rest = -(weight * column).sum() / len(column)
        loss[place] = (1 - smoothing) * own + smoothing * rest
        total += weight[label]
    if reduction == NONE:
        return loss
    return loss.sum() / total if reduction == MEAN else loss.sum()


def log_softmax(values):
    values = values.astype(f64)
    return values - np.log(np.exp(values).sum(1, keepdims=True))


plane, plane_classes = rand(2, 4, 2, 2), a([[[0, 1], [3, -100]], [[2, 2], [1, 0]]], i64)
even = np.ones(4)
for reduction in (NONE, MEAN, SUM):
    for name in ("nll_loss", "nll_loss_nd"):
        case(name, rows, classes, None, reduction, gives=f(likelihood(rows.astype(f64), classes, even, -100, reduction)))
    case("nll_loss", rows, classes, class_weights, reduction, 0,
         gives=f(likelihood(rows.astype(f64), classes, class_weights, 0, reduction)))
    for name in ("nll_loss2d", "nll_loss_nd"):
        case(name, plane, plane_classes, class_weights, reduction,
             gives=f(likelihood(plane.astype(f64), plane_classes, class_weights, -100, reduction)))
    for smoothing in (0.0, 0.2):
        case("cross_entropy_loss", rows, classes, class_weights, reduction, 3, smoothing,
             gives=f(likelihood(log_softmax(rows), classes, class_weights, 3, reduction, smoothing)))
        case("cross_entropy_loss", plane, plane_classes, None, reduction, -100, smoothing,
             gives=f(likelihood(log_softmax(plane), plane_classes, even, -100, reduction, smoothing)))
case("nll_loss_nd", rows[0], a(1, i64), gives=f(-rows[0][1]))
case("nll_loss_forward", rows, classes, class_weights, MEAN, -100,
     gives=(f(likelihood(rows.astype(f64), classes, class_weights, -100, MEAN)), f(class_weights[classes].sum())))
case("nll_loss2d_forward", plane, plane_classes, None, SUM, -100,
     gives=(f(likelihood(plane.astype(f64), plane_classes, even, -100, SUM)), f(7)))
shares = rand(3, 4, low=0.0, high=1.0)
soft = -(class_weights * log_softmax(rows) * (shares * 0.9 + 0.1 / 4)).sum(1)
case("cross_entropy_loss", rows, shares, class_weights, MEAN, -100, 0.1, gives=f(soft.mean()))
case("cross_entropy_loss", rows, shares, class_weights, NONE, -100, 0.1, gives=f(soft))


def ways(logs, text, blank):
    """Every way to draw a text out over the steps, one by one."""
    total = 0.0
    for path in itertools.product(range(logs.shape[1]), repeat=logs.shape[0]):
        merged = [letter for at, letter in enumerate(path) if at == 0 or path[at - 1] != letter]
        if [letter for letter in merged if letter != blank] == list(text):
            total += math.exp(sum(logs[step, letter] for step, letter in enumerate(path)))
    return -math.log(total) if total > 0 else math.inf


steps = log_softmax(rand(5, 3, 3).transpose(0, 2, 1)).transpose(0, 2, 1)
steps = f(np.log(np.exp(steps) / np.exp(steps).sum(2, keepdims=True)))
texts, lengths, turns = a([[1, 2], [1, 1], [2, 0]], i64), [2, 2, 1], [5, 4, 5]
drawn = [ways(steps[:turns[n], n].astype(f64), texts[n][: lengths[n]], 0) for n in range(3)]
case("ctc_loss.IntList", steps, texts, turns, lengths, 0, NONE, gives=f(drawn))
case("ctc_loss.IntList", steps, texts, turns, lengths, gives=f(np.mean(np.divide(drawn, lengths))))
case("ctc_loss.Tensor", steps, a([1, 2, 1, 1, 2], i64), a(turns, i64), a(lengths, i64), 0, SUM, gives=f(np.sum(drawn)))
# Two equal letters need a blank between them, and so three steps.
case("ctc_loss.IntList", steps, texts, [5, 2, 5], lengths, 0, NONE, True, gives=f([drawn[0], 0.0, drawn[2]]))

# Recurrent layers over packed sequences of 3, 2 and 2 steps, row by row.
w = [rand(4, 3), rand(4, 4), rand(4), rand(4)]
sequences, first = [rand(count, 3) for count in (3, 2, 2)], rand(2, 3, 4)
packed = np.concatenate([np.stack([s[step] for s in sequences if len(s) > step]) for step in range(3)])
sizes = a([3, 3, 1], i64)


def over(sequence, h, step, backwards):
    outputs = [None] * len(sequence)
    for at in range(len(sequence))[:: -1 if backwards else 1]:
        h = step(sequence[at].astype(f64), h)
        outputs[at] = h[0] if isinstance(h, tuple) else h
    return outputs, h


def repacked(lines):
    return np.concatenate([np.stack([line[step] for line in lines if len(line) > step]) for step in range(3)])


for name, active in (("tanh", np.tanh), ("relu", lambda v: np.maximum(v, 0))):
    def step_of(v, h):
        return active(w[0] @ v + w[2] + w[1] @ h + w[3])

    sides = [[over(s, first[side][n].astype(f64), step_of, side == 1) for n, s in enumerate(sequences)] for side in (0, 1)]
    outputs = [[np.concatenate([p, q]) for p, q in zip(sides[0][n][0], sides[1][n][0])] for n in range(3)]
    case(f"rnn_{name}.data", packed, sizes, first, w + w, True, 1, 0.0, False, True,
         gives=(f(repacked(outputs)), f([[sides[side][n][1] for n in range(3)] for side in (0, 1)])))


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


g = [rand(12, 3), rand(12, 4), rand(12), rand(12)]


def gru_step(v, h):
    (r1, z1, n1), (r2, z2, n2) = np.split(g[0] @ v + g[2], 3), np.split(g[1] @ h + g[3], 3)
    z = sigmoid(z1 + z2)
    return (1 - z) * np.tanh(n1 + sigmoid(r1 + r2) * n2) + z * h


runs = [over(s, first[0][n].astype(f64), gru_step, False) for n, s in enumerate(sequences)]
case("gru.data", packed, sizes, first[:1], g, True, 1, 0.0, False, False,
     gives=(f(repacked([run[0] for run in runs])), f([[run[1] for run in runs]])))

# An LSTM whose output is two numbers, projected from a cell of four.
p = [rand(16, 3), rand(16, 2), rand(16), rand(16), rand(2, 4)]


def lstm_step(v, state):
    i, forget, new, out = np.split(p[0] @ v + p[2] + p[1] @ state[0] + p[3], 4)
    c = sigmoid(forget) * state[1] + sigmoid(i) * np.tanh(new)
    return p[4] @ (sigmoid(out) * np.tanh(c)), c


hidden, cell = rand(1, 3, 2), rand(1, 3, 4)
runs = [over(s, (hidden[0][n].astype(f64), cell[0][n].astype(f64)), lstm_step, False) for n, s in enumerate(sequences)]
left = (f([[run[1][0] for run in runs]]), f([[run[1][1] for run in runs]]))
case("lstm.data", packed, sizes, [hidden, cell], p, True, 1, 0.0, False, False,
     gives=(f(repacked([run[0] for run in runs])),) + left)
batch = np.stack([s[:2] for s in sequences])
runs = [over(s[:2], (hidden[0][n].astype(f64), cell[0][n].astype(f64)), lstm_step, False) for n, s in enumerate(sequences)]
case("lstm.input", batch, [hidden, cell], p, True, 1, 0.0, False, False, True,
     gives=(f([run[0] for run in runs]), f([[run[1][0] for run in runs]]), f([[run[1][1] for run in runs]])))
padded = np.zeros((3, 3, 3), np.float32)
for n, s in enumerate(sequences):
    padded[n, : len(s)] = s
case("_pack_padded_sequence", padded, a([3, 2, 2], i64), True, gives=(packed, sizes))
case("_pad_packed_sequence", packed, sizes, True, 0.0, 0, gives=(padded, a([3, 2, 2], i64)))
filled = padded.transpose(1, 0, 2).copy()
filled[2, 1:] = -1
case("_pad_packed_sequence", packed, sizes, False, -1.0, 4,
     gives=(np.concatenate([filled, np.full((1, 3, 3), -1, np.float32)]), a([3, 2, 2], i64)))

# Windows; a periodic one is the first part of one that is longer by one.
for name, run in (("hann", np.hanning), ("hamming", np.hamming), ("blackman", np.blackman), ("bartlett", np.bartlett)):
    case(f"{name}_window.periodic", 8, False, gives=f(run(8)))
    case(f"{name}_window.periodic", 7, True, gives=f(run(8)[:7]))
case("bartlett_window", 7, gives=f(np.bartlett(8)[:7]))
case("kaiser_window", 7, gives=f(np.kaiser(8, 12.0)[:7]))
case("kaiser_window.periodic", 8, False, gives=f(np.kaiser(8, 12.0)))
case("kaiser_window.beta", 8, False, 5.0, gives=f(np.kaiser(8, 5.0)))
turn = 2 * np.pi * np.arange(8) / 8
case("hamming_window.periodic_alpha", 8, True, 0.6, gives=f(0.6 - 0.46 * np.cos(turn)))
case("hamming_window.periodic_alpha_beta", 8, True, 0.6, 0.4, gives=f(0.6 - 0.4 * np.cos(turn)))
