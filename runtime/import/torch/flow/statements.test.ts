// Functions of TorchScript whose course values decide, against the same functions in JavaScript.
import { describe, expect, it } from "vitest";
import { expectSame, graphOf, runner, sum } from "../testing/functions.ts";

describe("a choice that values decide", () => {
  it("sets variables to what the one branch or the other gives", () => {
    const source = `def f(x: Tensor) -> Tuple[Tensor, int]:
  if bool(torch.gt(torch.sum(x), 0)):
    y, n = torch.mul(x, 2), 1
  else:
    y, n = torch.sub(x, 1), 2
  return (y, torch.add(n, 10))
`;
    expectSame(source, (x) => (sum(x) > 0 ? [x.map((each) => each * 2), [11]] : [x.map((each) => each - 1), [12]]));
  });

  it("writes through views of what both branches share", () => {
    const source = `def f(x: Tensor) -> Tuple[Tensor, Tensor]:
  y = torch.clone(x)
  z = torch.select(y, 0, 1)
  if bool(torch.gt(torch.sum(x), 0)):
    _0 = torch.add_(z, 5)
  else:
    if bool(torch.lt(torch.select(x, 0, 0), -3)):
      _1 = torch.mul_(y, 2)
    else:
      pass
  return (y, z)
`;
    expectSame(source, ([a, b, c]) => {
      if (a + b + c > 0) return [[a, b + 5, c], [b + 5]];
      return a < -3 ? [[a * 2, b * 2, c * 2], [b * 2]] : [[a, b, c], [b]];
    });
  });

  it("changes lists and dictionaries of a fixed form", () => {
    const source = `def f(x: Tensor) -> Tuple[Tensor, int]:
  xs = [x, torch.neg(x)]
  ns = {"n": 1}
  if bool(torch.gt(torch.sum(x), 0)):
    _0 = torch._set_item(xs, 0, torch.add(x, 1))
    _1 = torch._set_item(ns, "n", 7)
  else:
    torch.reverse(xs)
  return (xs[0], ns["n"])
`;
    expectSame(source, (x) => (sum(x) > 0 ? [x.map((each) => each + 1), [7]] : [x.map((each) => 0 - each), [1]]));
  });

  it("chooses between lists and dictionaries as the branches leave them", () => {
    const source = `def f(x: Tensor) -> Tuple[Tensor, int]:
  a = [x]
  b = [torch.neg(x)]
  d = {"n": 1}
  e = {"n": 2}
  if bool(torch.gt(torch.sum(x), 0)):
    _0 = torch._set_item(a, 0, torch.add(x, 1))
    _1 = torch._set_item(e, "n", 5)
    c, g = a, e
  else:
    _0 = torch._set_item(b, 0, torch.mul(x, 3))
    c, g = b, d
  return (c[0], g["n"])
`;
    expectSame(source, (x) => (sum(x) > 0 ? [x.map((each) => each + 1), [5]] : [x.map((each) => each * 3), [1]]));
  });

  it("ends a function early in one branch, whatever stands behind", () => {
    const source = `def f(x: Tensor) -> Tensor:
  y = torch.add(x, 1)
  if bool(torch.gt(torch.sum(x), 10)):
    return torch.neg(y)
  y0 = torch.mul(y, 3)
  if bool(torch.lt(torch.sum(y0), 0)):
    return y0
  return torch.sub(y0, y)
`;
    expectSame(source, (x) => {
      const y = x.map((each) => each + 1);
      if (sum(x) > 10) return [y.map((each) => -each)];
      const tripled = y.map((each) => each * 3);
      return sum(tripled) < 0 ? [tripled] : [tripled.map((each, at) => each - y[at]!)];
    });
  });

  it("refuses shapes, kinds and lengths that values would decide, with the line", () => {
    const refused = (then: string, otherwise: string): unknown => {
      const source = `def f(x: Tensor) -> Tensor:
  if bool(torch.gt(torch.sum(x), 0)):
    y = ${then}
  else:
    y = ${otherwise}
  return x
`;
      try {
        return String(graphOf(source, ["x"]));
      } catch (error) {
        return error;
      }
    };
    const error = (message: string) => ({ code: "import/unsupported", message, details: ["at code/__torch__.py:2:3"] });
    expect(refused("x", "torch.sum(x)")).toMatchObject(error("y is f32[3] or f32, as values decide"));
    expect(refused("[x]", "None")).toMatchObject(error("y is a list or None, as values decide"));
    expect(refused("(x,)", "(x, x)")).toMatchObject(error("a tuple has 1 elements or 2, as values decide"));
    expect(refused('"a"', '"b"')).toMatchObject(error('y is the text "a" or the text "b", as values decide'));
  });

  it("makes a fault of what one branch raises", () => {
    const run = runner(`def f(x: Tensor) -> Tensor:
  if bool(torch.all(torch.ge(x, 0))):
    pass
  else:
    ops.prim.RaiseException("AssertionError: negative")
  return torch.sqrt(x)
`);
    expect(run([0, 4, 9])).toEqual([[0, 2, 3]]);
    expect(() => run([1, -1, 1])).toThrow(
      expect.objectContaining({
        code: "program/fault",
        message: "the model raises: AssertionError: negative at code/__torch__.py:5:5",
      }),
    );
  });
});

describe("a loop that values end", () => {
  it("carries tensors, numbers and what views write to", () => {
    const source = `def f(x: Tensor) -> Tuple[Tensor, int, Tensor]:
  y = torch.abs(x)
  total = torch.zeros([3])
  n = 0
  while bool(torch.gt(torch.sum(y), 3)):
    y = torch.floor(torch.div(y, 2))
    _0 = torch.add_(torch.select(total, 0, 2), torch.sum(y))
    n = torch.add(n, 1)
  return (y, n, total)
`;
    expectSame(source, (x) => {
      let y = x.map(Math.abs);
      let [n, total] = [0, 0];
      for (; sum(y) > 3; n++) {
        y = y.map((each) => Math.floor(each / 2));
        total += sum(y);
      }
      return [y, [n], [0, 0, total]];
    });
  });

  it("leaves a turn, a loop and a function early", () => {
    const source = `def f(x: Tensor) -> Tuple[Tensor, int]:
  n = 0
  while True:
    n = torch.add(n, 1)
    x = torch.add(x, n)
    if bool(torch.lt(torch.select(x, 0, 0), 0)):
      continue
    if bool(torch.gt(torch.sum(x), 100)):
      return (torch.neg(x), n)
    if bool(torch.gt(torch.select(x, 0, 1), 30)):
      break
  return (x, n)
`;
    expectSame(source, (x) => {
      let now: number[] = [...x];
      for (let n = 1; ; n++) {
        now = now.map((each) => each + n);
        if (now[0]! < 0) continue;
        if (sum(now) > 100) return [now.map((each) => -each), [n]];
        if (now[1]! > 30) return [now, [n]];
      }
    });
  });

  it("leaves a loop of known turns early", () => {
    const source = `def f(x: Tensor) -> Tensor:
  for i in range(6):
    if bool(torch.gt(torch.sum(x), 20)):
      break
    x = torch.add(x, i)
  return x
`;
    expectSame(source, (x) => {
      let now: number[] = [...x];
      for (let i = 0; i < 6 && sum(now) <= 20; i++) now = now.map((each) => each + i);
      return [now];
    });
  });

  it("turns as often as a tensor says, over numbers that only a run knows", () => {
    const source = `def f(x: Tensor) -> Tuple[Tensor, int, float]:
  n = int(torch.max(x))
  y = x
  s = 0
  for i in range(2, n, 3):
    y = torch.add(torch.mul(y, 2), i)
    s = torch.add(s, torch.remainder(torch.neg(i), 4))
  return (y, torch.floordiv(torch.sub(s, 100), 7), torch.div(s, 2))
`;
    expectSame(source, (x) => {
      let y: number[] = [...x];
      let s = 0;
      for (let i = 2; i < Math.max(...x); i += 3) {
        y = y.map((each) => each * 2 + i);
        s += ((-i % 4) + 4) % 4;
      }
      return [y, [Math.floor((s - 100) / 7)], [s / 2]];
    });
  });

  it("takes slices at indices that only a run knows, and writes to them", () => {
    const source = `def f(x: Tensor) -> Tensor:
  y = torch.clone(x)
  i = int(torch.item(torch.argmax(y)))
  _0 = torch.copy_(torch.select(y, 0, i), torch.tensor(-50.))
  return y
`;
    expectSame(source, (x) => {
      const at = x.indexOf(Math.max(...x));
      return [x.map((each, index) => (index === at ? -50 : each))];
    });
  });

  it("is a fault where it would turn more than a thousand times", () => {
    const run = runner(`def f(x: Tensor) -> Tensor:
  while bool(torch.gt(torch.sum(x), 0)):
    x = torch.sub(x, 1)
  return x
`);
    expect(run([1000, 1000, 1000])).toEqual([[0, 0, 0]]);
    expect(() => run([1001, 1001, 1001])).toThrow(expect.objectContaining({ code: "program/fault" }));
  });
});
