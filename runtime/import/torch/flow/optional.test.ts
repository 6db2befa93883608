// What is None in some cases, as values decide: variables, and attributes that are kept from step to step.
import { describe, expect, it } from "vitest";
import { type TensorType, tensorType } from "../../../graph/tensor-type.ts";
import { compile, load } from "../../../index.ts";
import { readTorchArchive } from "../archive.ts";
import { TorchModel } from "../model.ts";
import { torchFile } from "../testing/archives.ts";
import { expectSame, graphOf, sum } from "../testing/functions.ts";

const modelOf = async (...given: Parameters<typeof torchFile>): Promise<TorchModel> => {
  const bytes = torchFile(...given);
  return new TorchModel(await readTorchArchive(bytes, "m.pt"), bytes.length, "m.pt");
};

const x: TensorType = tensorType("f32", [2]);

/** Runs methods of a model in one program, with numbers for x. */
async function programOf(model: TorchModel) {
  const graphs = model.graphs({ forward: { inputs: { x } }, forget: { method: "forget", inputs: { x } } });
  const program = load(await compile(graphs));
  return (method: string, ...numbers: readonly number[]) =>
    Object.values(program.method(method).run({ x: Float32Array.from(numbers) } as never)).flatMap((each) => [
      ...(each as Float32Array),
    ]);
}

/** A class that keeps what it saw last, and adds it to what comes. */
const memory = (attribute: string): string => `class M(Module):
  __parameters__ = []
  __buffers__ = []
  last : Optional[Tensor]
  def forward(self: __torch__.M,
    x: Tensor) -> Tensor:
    last = self.last
    if torch.__isnot__(last, None):
      y = torch.add(x, unchecked_cast(Tensor, last))
    else:
      y = torch.mul(x, 100.)
    self.last = x
    return y
  def forget(self: __torch__.M,
    x: Tensor) -> Tensor:
    if bool(torch.gt(torch.sum(x), 0)):
      self.last = ${attribute}
    else:
      pass
    return x
`;

describe("a value that is None as values decide", () => {
  it("is asked whether it is, and is a tensor where it is not", () => {
    const source = `def f(x: Tensor) -> Tuple[Tensor, bool]:
  if bool(torch.gt(torch.sum(x), 0)):
    y = torch.mul(x, 2)
  else:
    y = None
  if torch.__isnot__(y, None):
    z = unchecked_cast(Tensor, y)
  else:
    z = torch.sub(x, 1)
  return (z, torch.__is__(y, None))
`;
    expectSame(source, (v) => (sum(v) > 0 ? [v.map((each) => each * 2), [0]] : [v.map((each) => each - 1), [1]]));
  });

  it("begins as None in a loop that values end", () => {
    const source = `def f(x: Tensor) -> Tuple[Tensor, int]:
  best = None
  count = None
  y = torch.abs(x)
  while bool(torch.gt(torch.sum(y), 5)):
    y = torch.floor(torch.div(y, 2))
    best = y
    if bool(torch.gt(torch.sum(y), 8)):
      count = 7
    else:
      pass
  if torch.__is__(best, None):
    z = torch.neg(x)
  else:
    z = unchecked_cast(Tensor, best)
  if torch.__is__(count, None):
    n = 1
  else:
    n = unchecked_cast(int, count)
  return (z, n)
`;
    expectSame(source, (v) => {
      let y = v.map(Math.abs);
      let best: number[] | undefined;
      let count = 1;
      while (sum(y) > 5) {
        y = y.map((each) => Math.floor(each / 2));
        best = y;
        if (sum(y) > 8) count = 7;
      }
      return [best ?? v.map((each) => -each), [count]];
    });
  });

  it("is refused where it is computed with before it is asked", () => {
    const source = `def f(x: Tensor) -> Tensor:
  y = None
  if bool(torch.gt(torch.sum(x), 0)):
    y = x
  return torch.relu(y)
`;
    expect(() => graphOf(source, ["x"])).toThrow(
      expect.objectContaining({
        code: "import/unsupported",
        message: "relu(a tensor f32[3] or None, as values decide) is not there for what may be None",
        details: ["at code/__torch__.py:5:3"],
      }),
    );
  });
});

describe("an attribute that is None at times", () => {
  it("is a state with whether it is set, from None on", async () => {
    const model = await modelOf(memory("None"), { last: null });
    const run = await programOf(model);
    expect(run("forward", 1, 2)).toEqual([100, 200]);
    expect(run("forward", 10, 20)).toEqual([11, 22]);
    run("forget", -1, 0);
    expect(run("forward", 5, 5)).toEqual([15, 25]);
    run("forget", 1, 0);
    expect(run("forward", 1, 1)).toEqual([100, 100]);
  });

  it("begins as the tensor that the file has", async () => {
    const model = await modelOf(memory("None"), { last: { shape: [2], data: Float32Array.of(7, 8) } });
    const run = await programOf(model);
    expect(run("forward", 1, 1)).toEqual([8, 9]);
    run("forget", 1, 1);
    expect(run("forward", 2, 2)).toEqual([200, 200]);
  });

  it("is refused where it would be a tensor of another shape the next time", async () => {
    const model = await modelOf(memory("torch.cat([x, x])"), { last: null });
    expect(() => model.graphs({ forward: { inputs: { x } }, forget: { method: "forget", inputs: { x } } })).toThrow(
      /attribute last becomes f32\[4\] in one method, and f32\[2\] in another/,
    );
  });
});

describe("texts among results", () => {
  it("are fixed when a graph is made, and known from the model", async () => {
    const model = await modelOf(
      `class M(Module):
  __parameters__ = []
  __buffers__ = []
  label : str
  def forward(self: __torch__.M,
    x: Tensor,
    k: int) -> Tuple[str, Tensor, List[str]]:
    label = self.label
    return (torch.upper(label), torch.mul(x, k), ["a", "b"])
`,
      { label: "arm" },
    );
    const graph = model.graph({ inputs: { x, k: 3 } });
    expect(graph.outputs.map(({ name }) => name)).toEqual(["y1"]);
    expect(model.results(graph)).toEqual([
      { name: "y0", text: "ARM" },
      { name: "y1" },
      { name: "y2.0", text: "a" },
      { name: "y2.1", text: "b" },
    ]);
  });
});
