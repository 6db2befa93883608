"""Writes programs.jsonl: random TorchScript programs, calls of them, and what they give, computed by numpy.

Run with numpy 2: python3 make-programs.py > programs.jsonl

TorchScript is Python: a program is run by Python itself, over the few functions of torch that stand here in numpy, whose arrays are
views of each other as PyTorch's tensors are. PyTorch is not needed; programs-of-pytorch.py holds the results to it. Numbers are quarters of small integers, and are held to that
behind every product, so that no order of sums rounds anything: whoever computes them right has the same bits.
"""
import json
import types

import numpy as np

ROWS, COLUMNS = 3, 4
f32 = np.float32


# What the programs call, over arrays.


def tensor(value):
    return np.asarray(value, f32)


def view(array, dim, start, end, step=1):
    return array[(slice(None),) * (dim % array.ndim) + (slice(start, end, step),)]


def select(array, dim, index):
    index %= array.shape[dim]
    return np.squeeze(view(array, dim, index, index + 1), dim)


def written(array, value):
    array[...] = value
    return array


torch = types.SimpleNamespace(
    add=lambda a, b: a + b,
    sub=lambda a, b: a - b,
    mul=lambda a, b: a * b,
    div=lambda a, b: a / b,
    neg=lambda a: -a,
    abs=np.abs,
    relu=lambda a: np.maximum(a, f32(0)),
    floor=np.floor,
    clamp=lambda a, low, high: np.clip(a, f32(low), f32(high)),
    minimum=np.minimum,
    maximum=np.maximum,
    where=np.where,
    gt=lambda a, b: a > b,
    lt=lambda a, b: a < b,
    le=lambda a, b: a <= b,
    sum=lambda a, dims=None: tensor(a.sum() if dims is None else a.sum(tuple(dims))),
    select=select,
    slice=lambda a, dim, start, end: view(a, dim, start, end),
    t=lambda a: a.T,
    matmul=lambda a, b: a @ b,
    flip=lambda a, dims: np.flip(a, tuple(dims)),
    roll=lambda a, shifts, dims: np.roll(a, tuple(shifts), tuple(dims)),
    stack=lambda many, dim: np.stack(many, dim),
    cat=lambda many, dim: np.concatenate(many, dim),
    clone=lambda a: a.copy(),
    append=lambda many, each: many.append(each) or many,
    remainder=lambda a, b: a % b,
    copy_=written,
    add_=lambda a, b: written(a, a + b),
    mul_=lambda a, b: written(a, a * b),
    neg_=lambda a: written(a, -a),
)


class Module:
    pass


SCOPE = {"torch": torch, "Module": Module, "Tensor": np.ndarray, "annotate": lambda _, value: value, "List": list}


# What makes programs.


class Program:
    """Statements of one method, `forward` of a matrix and a vector, over a matrix that it keeps."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.lines = []
        self.depth = 0
        self.in_loop = False
        self.vectors, self.matrices = ["v", "w"], ["m"]
        self.fresh = 0

    def one(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def number(self):
        return repr(float(self.rng.integers(-8, 9)) / 4)

    def name(self, letter):
        self.fresh += 1
        return f"{letter}{self.fresh}"

    def line(self, text):
        self.lines.append("  " * self.depth + text)

    # Expressions.

    def vector(self, deep=0):
        if deep > 2 or self.rng.random() < 0.3:
            return self.one(*self.vectors)
        a = lambda: self.vector(deep + 1)  # noqa: E731
        return self.one(
            lambda: f"torch.add({a()}, {a()})",
            lambda: f"torch.sub({a()}, {self.number()})",
            lambda: f"(self).held(torch.mul({a()}, {a()}), )",
            lambda: f"torch.{self.one('minimum', 'maximum')}({a()}, {a()})",
            lambda: f"torch.{self.one('neg', 'abs', 'relu')}({a()})",
            lambda: f"torch.where(torch.gt({a()}, {self.number()}), {a()}, {a()})",
            lambda: f"torch.flip({a()}, [0])",
            lambda: f"torch.roll({a()}, [1], [0])",
            lambda: f"torch.cat([torch.slice({a()}, 0, 1, 4), torch.slice({a()}, 0, 0, 1)], 0)",
            lambda: f"torch.select({self.matrix(deep + 1)}, 0, {self.rng.integers(-ROWS, ROWS)})",
            lambda: f"(self).held(torch.sum({self.matrix(deep + 1)}, [0]), )",
            lambda: f"(self).held(torch.matmul(torch.t({self.one(*self.matrices)}), torch.select({self.one(*self.matrices)}, 1, 1)), )",
        )()

    def matrix(self, deep=0):
        if deep > 2 or self.rng.random() < 0.4:
            return self.one(*self.matrices)
        a = lambda: self.matrix(deep + 1)  # noqa: E731
        return self.one(
            lambda: f"torch.add({a()}, {self.vector(deep + 1)})",
            lambda: f"(self).held(torch.mul({a()}, {a()}), )",
            lambda: f"torch.stack([{self.vector(2)}, {self.vector(2)}, {self.vector(2)}], 0)",
            lambda: f"torch.flip({a()}, [{self.one(0, 1)}])",
            lambda: f"torch.where(torch.le({a()}, {self.vector(deep + 1)}), {a()}, {self.number()})",
        )()

    def test(self):
        return self.one(
            lambda: f"bool(torch.gt(torch.sum({self.vector(1)}), {self.number()}))",
            lambda: f"bool(torch.lt(torch.select({self.one(*self.vectors)}, 0, 1), {self.number()}))",
        )()

    # Statements.

    def block(self, count, inside=None):
        """Statements, whose new names are gone behind them."""
        kept = (list(self.vectors), list(self.matrices))
        self.depth += 1
        for _ in range(count):
            self.statement()
        if inside:
            inside()
        self.depth -= 1
        self.vectors, self.matrices = kept

    def assign(self):
        if self.rng.random() < 0.6:
            name = self.one(self.one(*self.vectors), self.name("a"))
            self.line(f"{name} = (self).held({self.vector()}, )")
            self.vectors = [*dict.fromkeys([*self.vectors, name])]
        else:
            name = self.one(self.one(*self.matrices), self.name("b"))
            self.line(f"{name} = (self).held({self.matrix()}, )")
            self.matrices = [*dict.fromkeys([*self.matrices, name])]

    def write(self):
        """Into a view, or a view of one, of a matrix that is the program's own."""
        base = self.one("m", "m", "self.memory")
        if base == "m" and self.rng.random() < 0.85:
            self.line("m = torch.clone(m)")
        row = f"torch.select({base}, 0, {self.rng.integers(ROWS)})"
        start = int(self.rng.integers(0, COLUMNS - 1))
        target, value = self.one(
            (row, self.vector(1)),
            (f"torch.slice({row}, 0, {start}, {start + 2})", self.number()),
            (f"torch.select({base}, 1, {self.rng.integers(COLUMNS)})", self.number()),
            (f"torch.t({base})", self.number()),
            (f"torch.slice({base}, 0, 1, 3)", self.vector(1)),
        )
        name = self.one("add_", "mul_", "copy_", "neg_")
        if name == "neg_":
            self.line(f"{self.name('_')} = torch.neg_({target})")
        elif name == "copy_" and not value.startswith(("torch", "(", "v", "w", "a")):
            self.line(f"{self.name('_')} = torch.mul_({target}, {value})")
        else:
            self.line(f"{self.name('_')} = torch.{name}({target}, {value})")
        self.line(f"{self.name('_')} = torch.copy_({base}, (self).held({base}, ))")

    def choose(self):
        self.line(f"if {self.test()}:")
        self.block(self.rng.integers(1, 3))
        self.line("else:")
        if self.rng.random() < 0.5:
            self.block(1)
        else:
            self.line("  pass")

    def leave(self):
        """Early: out of a loop, on with it, or out of the program."""
        self.line(f"if {self.test()}:")
        kind = self.one("break", "continue") if self.in_loop else "return"
        self.block(1, lambda: self.line("return (v, m)" if kind == "return" else kind))
        self.line("else:")
        self.line("  pass")

    def repeat(self):
        counter = self.name("i")
        self.line(f"for {counter} in range({self.rng.integers(2, 4)}):")
        around, self.in_loop = self.in_loop, True
        row = lambda: self.line(f"w = (self).held(torch.add(w, torch.select(m, 0, {counter})), )")  # noqa: E731
        self.block(self.rng.integers(1, 3), row)
        self.in_loop = around

    def turn(self):
        """As long as values say, and so many times at most."""
        goes, count = self.name("c"), self.name("n")
        self.line(f"{count} = 0")
        self.line(f"{goes} = {self.test()}")
        self.line(f"while {goes}:")

        def end():
            self.line(f"{count} = torch.add({count}, 1)")
            self.line(f"if {self.test()}:")
            self.line(f"  {goes} = torch.lt({count}, {self.rng.integers(2, 6)})")
            self.line("else:")
            self.line(f"  {goes} = False")

        around, self.in_loop = self.in_loop, False
        kept, self.leave = self.leave, self.assign
        self.block(self.rng.integers(1, 3), end)
        self.leave, self.in_loop = kept, around

    def gather(self):
        """Vectors in a list."""
        many, counter = self.name("l"), self.name("i")
        self.line(f"{many} = annotate(List[Tensor], [])")
        self.line(f"for {counter} in range({self.rng.integers(2, 4)}):")
        self.line(f"  {self.name('_')} = torch.append({many}, torch.add(torch.select(m, 0, {counter}), {self.vector(2)}))")
        self.line(f"w = (self).held(torch.sum(torch.stack({many}, 0), [0]), )")

    def count(self):
        """Numbers that values decide, and a row at one of them."""
        number, place = self.name("s"), self.name("k")
        self.line(f"{number} = float(torch.sum({self.vector(1)}))")
        self.line(f"{place} = torch.remainder(int(torch.sum(torch.floor({self.vector(1)}))), {ROWS})")
        self.line(f"v = (self).held(torch.add(torch.select(m, 0, {place}), torch.mul({number}, 0.5)), )")

    def augment(self):
        name = self.one("v", "m")
        if self.rng.random() < 0.85:
            self.line(f"{name} = torch.clone({name})")
        self.line(f"{name} {self.one('+=', '-=')} {self.vector(1)}")
        self.line(f"{name} = (self).held({name}, )")

    def statement(self):
        kinds = [self.assign, self.assign, self.write, self.augment, self.gather, self.count]
        if self.depth < 4:
            kinds += [self.choose, self.choose, self.repeat, self.turn, self.leave]
        kinds[self.rng.integers(len(kinds))]()

    def source(self):
        self.depth = 2
        for _ in range(self.rng.integers(4, 8)):
            self.statement()
        body = "\n".join(self.lines)
        return f"{HEAD}{body}\n{TAIL}"


HEAD = """\
class M(Module):
  __parameters__ = []
  __buffers__ = ["memory", ]
  memory : Tensor
  def forward(self: __torch__.M,
    x: Tensor,
    y: Tensor) -> Tuple[Tensor, Tensor]:
    m = torch.clone(x)
    v = torch.clone(y)
    w = torch.clone(torch.select(self.memory, 0, 0))
"""
TAIL = """\
    _0 = torch.copy_(self.memory, (self).held(torch.add(self.memory, m), ))
    return (v, m)
  def held(self: __torch__.M,
    x: Tensor) -> Tensor:
    return torch.clamp(torch.div(torch.floor(torch.mul(x, 4.0)), 4.0), -8.0, 8.0)
"""


def quarters(rng, *shape):
    return (rng.integers(-12, 13, shape) / 4).astype(f32)


def flat(array):
    return [float(each) for each in np.asarray(array).ravel()]


def main(count=64, calls=3):
    for seed in range(count):
        program = Program(seed)
        source = program.source()
        scope = dict(SCOPE)
        exec(compile("from __future__ import annotations\n" + source, f"program {seed}", "exec"), scope)
        module = scope["M"]()
        module.memory = quarters(program.rng, ROWS, COLUMNS)
        line = {"seed": seed, "source": source, "memory": flat(module.memory), "calls": []}
        for _ in range(calls):
            x, y = quarters(program.rng, ROWS, COLUMNS), quarters(program.rng, COLUMNS)
            v, m = module.forward(x, y)
            line["calls"].append({"x": flat(x), "y": flat(y), "v": flat(v), "m": flat(m), "memory": flat(module.memory)})
        print(json.dumps(line, separators=(",", ":")))


main()
