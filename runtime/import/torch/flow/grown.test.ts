// Lists whose length values decide, against the same lists in JavaScript.
import { describe, expect, it } from "vitest";
import { compile, load } from "../../../index.ts";
import { expectSame, graphOf, runner, sum } from "../testing/functions.ts";

const code = (...lines: readonly string[]): string =>
  ["def f(x: Tensor) -> Tensor:", ...lines.map((line) => `  ${line}`), ""].join("\n");

/** The numbers of x that are greater than 3, with their places, as a loop of known turns collects them. */
const collected = [
  "xs = annotate(List[Tensor], [])",
  "ns = annotate(List[int], [])",
  "for i in range(3):",
  "  if bool(torch.gt(torch.select(x, 0, i), 3)):",
  "    _0 = torch.append(xs, torch.mul(x, torch.select(x, 0, i)))",
  "    _1 = torch.append(ns, torch.add(torch.mul(i, 10), 1))",
];

const chosen = (x: readonly number[]) => x.flatMap((each, i) => (each > 3 ? [{ each, n: i * 10 + 1 }] : []));

/** Halves of the greatest number, as a loop that values end collects them, with their turn. */
const halved = [
  "pairs = annotate(List[Tuple[int, float]], [])",
  "y = torch.item(torch.max(x))",
  "n = 0",
  "while torch.gt(y, 1.):",
  "  y = torch.div(y, 2.)",
  "  n = torch.add(n, 1)",
  "  _0 = torch.append(pairs, (n, y))",
];

function halves(x: readonly number[]): (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = [];
  for (let y = Math.max(...x) / 2, n = 1; y * 2 > 1; y /= 2, n++) pairs.push([n, y]);
  return pairs;
}

describe("a tensor of one size or another, as values decide", () => {
  it("is computed with behind the choice, and has its own size", () => {
    const source = code(
      "if bool(torch.gt(torch.sum(x), 0)):",
      "  y = torch.mul(torch.slice(x, 0, 0, 2), 2)",
      "else:",
      "  if bool(torch.gt(torch.select(x, 0, 0), 0)):",
      "    y = torch.cat([x, x])",
      "  else:",
      "    y = torch.index(x, [torch.lt(x, -5)])",
      "n = torch.size(y, 0)",
      "z = torch.sum(torch.mul(torch.unsqueeze(y, 1), torch.ones([n, 2])))",
      "return (n, torch.sum(y), z, torch.sum(torch.add(y, 1)))",
    );
    expectSame(source, (x) => {
      const y =
        sum(x) > 0 ? x.slice(0, 2).map((each) => each * 2) : x[0] > 0 ? [...x, ...x] : x.filter((each) => each < -5);
      return [[y.length], [sum(y)], [2 * sum(y)], [sum(y) + y.length]];
    });
  });

  it("is a result in machine code, with how many elements there are", async () => {
    const source = code(
      "if bool(torch.gt(torch.sum(x), 0)):",
      "  y = torch.stack([x, x])",
      "else:",
      "  y = torch.stack([torch.neg(x)])",
      "return y",
    );
    const program = load(await compile(graphOf(source, ["x"])));
    const run = (...x: readonly number[]) => {
      const { y, yCount } = program.run({ x: Float32Array.from(x) } as never) as unknown as {
        readonly [name: string]: ArrayLike<number>;
      };
      return [Number(yCount![0]), ...Array.from(y!)];
    };
    expect(run(1, 2, 3)).toEqual([2, 1, 2, 3, 1, 2, 3]);
    expect(run(-1, -2, -3)).toEqual([1, 1, 2, 3, 0, 0, 0]);
  });

  it("is refused in a loop whose turns change its size", () => {
    const lines = ["while bool(torch.gt(torch.sum(x), 0)):", "  x = torch.sub(torch.cat([x, x]), 9)", "return x"];
    expect(() => graphOf(code(...lines), ["x"])).toThrow(/x is f32\[3\] or f32\[6\], as values decide/);
  });
});

describe("a list whose length values decide", () => {
  it("has a length, and tensors that are stacked, joined and made of its numbers", () => {
    const source = code(
      ...collected,
      "s = torch.sum(torch.stack(xs, 1), [1])",
      "c = torch.sum(torch.cat(xs, 0))",
      "t = torch.sum(torch.tensor(ns, dtype=4))",
      "return (torch.len(xs), s, c, t, torch.__contains__(ns, 11), torch.sum(ns))",
    );
    expectSame(source, (x) => {
      const all = chosen(x);
      const total = sum(all.map(({ each }) => each));
      const ns = sum(all.map(({ n }) => n));
      return [[all.length], x.map((each) => each * total), [sum(x) * total], [ns], [Number(x[1] > 3)], [ns]];
    });
  });

  it("gives its elements by places from the front and the end, and lets them be replaced", () => {
    const source = code(
      ...collected,
      "if torch.eq(torch.len(ns), 0):",
      "  _2 = torch.append(ns, 5)",
      "  _3 = torch.append(xs, x)",
      "last = ns[-1]",
      "torch._set_item(ns, 0, torch.neg(last))",
      "k = torch.sub(torch.len(ns), 1)",
      "return (last, ns[0], ns[k], torch.sum(xs[k]))",
    );
    expectSame(source, (x) => {
      const all = chosen(x);
      const ns = all.length > 0 ? all.map(({ n }) => n) : [5];
      const last = ns.at(-1)!;
      ns[0] = -last;
      return [[last], [ns[0]!], [ns.at(-1)!], [all.length > 0 ? sum(x) * all.at(-1)!.each : sum(x)]];
    });
  });

  it("grows in a loop that values end, of tuples, and is turned over", () => {
    const source = code(
      ...halved,
      "torch.reverse(pairs)",
      "if torch.gt(torch.len(pairs), 0):",
      "  first = pairs[0]",
      "else:",
      "  first = (0, -1.)",
      "return (torch.len(pairs), first[0], first[1])",
    );
    expectSame(source, (x) => {
      const last = halves(x).at(-1);
      return [[halves(x).length], [last?.[0] ?? 0], [last?.[1] ?? -1]];
    });
  });

  it("grows in loops within loops, as often as all of them turn", () => {
    const source = code(
      "ns = [7]",
      "y = torch.abs(x)",
      "while bool(torch.gt(torch.sum(y), 4)):",
      "  y = torch.floor(torch.div(y, 2))",
      "  z = torch.sum(y)",
      "  while bool(torch.gt(z, 10)):",
      "    z = torch.sub(z, 10)",
      "    ns = torch.add(ns, [int(z)])",
      "  if bool(torch.gt(torch.sum(y), 6)):",
      "    _0 = torch.append(ns, 1)",
      "return (torch.len(ns), torch.sum(ns), torch.max(torch.tensor(ns)))",
    );
    const run = runner(source, ["x"], 40);
    for (const x of [
      [0, 0, 0],
      [20, -20, 3],
      [1, 2, 9],
      [-7, 19, 20],
    ] as const) {
      const ns = [7];
      for (let y = x.map(Math.abs); sum(y) > 4; ) {
        y = y.map((each) => Math.floor(each / 2));
        for (let z = sum(y); z > 10; ns.push(z)) z -= 10;
        if (sum(y) > 6) ns.push(1);
      }
      expect(run(x)).toEqual([[ns.length], [sum(ns)], [Math.max(...ns)]]);
    }
  });

  it("is refused where a loop makes other lists of lists, which have no bound", () => {
    const source = code(
      "xs = annotate(List[int], [])",
      "ys = annotate(List[int], [])",
      "y = torch.abs(x)",
      "while bool(torch.gt(torch.sum(y), 4)):",
      "  y = torch.floor(torch.div(y, 2))",
      "  _0 = torch.append(xs, 1)",
      "  xs, ys = ys, xs",
      "return (torch.len(xs), torch.len(ys))",
    );
    expect(() => graphOf(source, ["x"], 20)).toThrow(/a loop whose turns leave other things each time/);
  });

  it("becomes another list of a bounded length in each turn", () => {
    const source = code(
      "ns = [7]",
      "y = torch.abs(x)",
      "while bool(torch.gt(torch.sum(y), 4)):",
      "  y = torch.floor(torch.div(y, 2))",
      "  if bool(torch.gt(torch.sum(y), 8)):",
      "    ns = [torch.len(ns), 1, 2]",
      "  else:",
      "    ns = [int(torch.sum(y)), torch.len(ns)]",
      "return (torch.len(ns), torch.sum(ns), torch.gt(torch.len(ns), 2))",
    );
    expectSame(source, (x) => {
      let ns = [7];
      for (let y = x.map(Math.abs); sum(y) > 4; ) {
        y = y.map((each) => Math.floor(each / 2));
        ns = sum(y) > 8 ? [ns.length, 1, 2] : [sum(y), ns.length];
      }
      return [[ns.length], [sum(ns)], [Number(ns.length > 2)]];
    });
  });

  it("is cut, copied, extended and emptied again", () => {
    const source = code(
      ...collected,
      "other = torch.list(ns)",
      "_4 = torch.extend(other, [100, 200])",
      "_5 = torch.extend(other, ns)",
      "tail = torch.slice(other, -2)",
      "gone = torch.pop(other)",
      "front = torch.pop(other, 0)",
      "return (torch.len(ns), torch.sum(other), torch.sum(tail), torch.len(tail), gone, front)",
    );
    expectSame(source, (x) => {
      const ns = chosen(x).map(({ n }) => n);
      const other = [...ns, 100, 200, ...ns];
      const tail = other.slice(-2);
      const gone = other.pop()!;
      const front = other.shift()!;
      return [[ns.length], [sum(other)], [sum(tail)], [tail.length], [gone], [front]];
    });
  });

  it("is a fault where an element is taken that it does not have", () => {
    const run = runner(code(...collected, "return xs[1]"));
    expect(run([4, 5, 0])).toEqual([[20, 25, 0]]);
    expect(() => run([4, 0, 0])).toThrow(
      expect.objectContaining({
        code: "program/fault",
        message: "an index is not within a list whose length values decide",
      }),
    );
  });

  it("has elements at places that values decide where its own length is known", () => {
    const source = code(
      "xs = [x, torch.neg(x), torch.mul(x, 2)]",
      "i = int(torch.item(torch.argmax(x)))",
      "return (xs[i], [10, 20, 30][i])",
    );
    expectSame(source, (x) => {
      const i = x.indexOf(Math.max(...x));
      return [x.map((each) => each * [1, -1, 2][i]!), [[10, 20, 30][i]!]];
    });
  });

  it("gives results in machine code: all that there are, and zeros behind them", async () => {
    const graph = graphOf(code(...collected, "return (torch.stack(xs), ns)"), ["x"]);
    const program = load(await compile(graph));
    const run = (...x: readonly number[]) =>
      Object.fromEntries(
        Object.entries(program.run({ x: Float32Array.from(x) } as never)).map(([name, each]) => [
          name,
          [...(each as Float32Array)].map(Number),
        ]),
      );
    expect(run(0, 4, 5)).toEqual({ y0: [0, 16, 20, 0, 20, 25, 0, 0, 0], y0Count: [2], y1: [11, 21, 0], y1Count: [2] });
    expect(run(0, 0, 0)).toEqual({ y0: new Array(9).fill(0), y0Count: [0], y1: [0, 0, 0], y1Count: [0] });
  });

  it("is read within what values decide behind it", () => {
    const source = code(
      ...collected,
      "all = torch.tensor(ns)",
      "if bool(torch.gt(torch.sum(x), 0)):",
      "  pairs = torch.expand(torch.unsqueeze(all, 1), [-1, 2])",
      "  y = torch.sum(pairs)",
      "  z = torch.add(all, 1)",
      "else:",
      "  y = torch.len(ns)",
      "  z = all",
      "return (torch.sum(z), y)",
    );
    expectSame(source.replace("y = torch.len(ns)", "y = torch.sum(all)"), (x) => {
      const ns = chosen(x).map(({ n }) => n);
      return sum(x) > 0 ? [[sum(ns) + ns.length], [sum(ns) * 2]] : [[sum(ns)], [sum(ns)]];
    });
  });

  it.each([
    ["elements of several shapes", ["_9 = torch.append(xs, torch.sum(x))"], "would hold f32[3] and f32"],
    [
      "texts",
      ['ts = ["a"]', "if bool(torch.gt(torch.sum(x), 0)):", '  _9 = torch.append(ts, "b")'],
      "would hold a text",
    ],
    ["what takes no such list", ["return torch.broadcast_tensors(xs)"], "is not there for"],
    [
      "a tensor that is written to behind it",
      ["y = torch.clone(x)", "_8 = torch.append(xs, y)", "_9 = torch.add_(y, 1)"],
      "is written to that stands in a list",
    ],
  ])("is refused with the line: %s", (_, lines, message) => {
    expect(() => graphOf(code(...collected, ...lines, "return x"), ["x"])).toThrow(
      expect.objectContaining({
        code: "import/unsupported",
        message: expect.stringContaining(message) as string,
        details: [expect.stringMatching(/^at code\/__torch__\.py:\d+:\d+$/) as string],
      }),
    );
  });

  it("is refused where there is room for too much", () => {
    const lines = [
      "xs = [x]",
      "while bool(torch.gt(torch.sum(x), 0)):",
      "  x = torch.sub(x, 1)",
      "  _0 = torch.append(xs, torch.zeros([3, 100000]))",
    ];
    expect(() => graphOf(code(...lines.with(0, "xs = annotate(List[Tensor], [])"), "return x"), ["x"])).toThrow(
      /would have room for 1000 times f32\[3,100000\]/,
    );
  });
});
