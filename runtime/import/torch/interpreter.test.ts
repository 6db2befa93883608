// TorchScript with values in hand: what no graph can be made of, over objects that live from call to call.
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../../kernels/index.ts";
import { readTorchArchive } from "./archive.ts";
import type { TorchData, TorchInterpreter } from "./interpreter.ts";
import { TorchModel } from "./model.ts";
import { torchFile } from "./testing/archives.ts";

const source = [
  "class M(Module):",
  "  __parameters__ = []",
  '  __buffers__ = ["total", ]',
  "  total : Tensor",
  "  label : str",
  "  maybe : Optional[Tensor]",
  "  calls : int",
  "  def positives(self: __torch__.M,",
  "    x: Tensor) -> List[float]:",
  "    found = annotate(List[float], [])",
  "    for i in range(torch.size(x, 0)):",
  "      each = float(torch.select(x, 0, i))",
  "      if torch.gt(each, 0.):",
  "        _0 = torch.append(found, each)",
  "      else:",
  "        pass",
  "    return found",
  "  def describe(self: __torch__.M,",
  "    names: List[str],",
  "    count: int) -> Tuple[str, Dict[str, int]]:",
  "    lengths = annotate(Dict[str, int], {})",
  "    for i in range(torch.len(names)):",
  "      _0 = torch._set_item(lengths, names[i], torch.len(names[i]))",
  '    return (torch.format("{} {}", self.label, count), lengths)',
  "  def remember(self: __torch__.M,",
  "    x: Tensor) -> Tensor:",
  "    maybe = self.maybe",
  "    if torch.__is__(maybe, None):",
  "      y = x",
  "    else:",
  "      y = torch.add(unchecked_cast(Tensor, maybe), x)",
  "    self.maybe = y",
  "    self.calls = torch.add(self.calls, 1)",
  "    _0 = torch.add_(torch.slice(self.total, 0, 1), 1)",
  "    return y",
  "  def halve(self: __torch__.M,",
  "    x: Tensor) -> Tensor:",
  "    y = x",
  "    while bool(torch.gt(torch.sum(y), 1.)):",
  "      y = torch.slice(y, 0, 0, torch.floordiv(torch.size(y, 0), 2))",
  "    return y",
  "  def checked(self: __torch__.M,",
  "    x: Tensor) -> Tensor:",
  "    if bool(torch.lt(torch.min(x), 0.)):",
  '      ops.prim.RaiseException("below zero", "builtins.ValueError")',
  "    else:",
  "      pass",
  "    return torch.sqrt(x)",
  "",
].join("\n");

const f32 = (...values: readonly number[]): TorchData => ({
  dtype: "f32",
  shape: [values.length],
  data: Float32Array.from(values),
});

async function interpreter(): Promise<TorchInterpreter> {
  const bytes = torchFile(source, {
    total: { shape: [3], data: Float32Array.of(1, 2, 3) },
    label: "seen",
    maybe: null,
    calls: 0,
  });
  return new TorchModel(await readTorchArchive(bytes, "m.pt"), bytes.length, "m.pt").interpreter();
}

const refusal = (body: () => unknown): string => {
  try {
    body();
  } catch (error) {
    if (error instanceof IsochronError) return [`${error.code}: ${error.message}`, ...error.details].join(" | ");
    throw error;
  }
  return "nothing is refused";
};

describe("TorchScript that is interpreted", () => {
  it("gives lists as long as the values say, texts, and dictionaries", async () => {
    const model = await interpreter();
    expect(model.run("positives", f32(1.5, -2, 0, 4))).toEqual([1.5, 4]);
    expect(model.run("positives", f32(-1))).toEqual([]);
    expect(model.run("describe", ["left", "right"], 3)).toEqual([
      "seen 3",
      new Map([
        ["left", 4n],
        ["right", 5n],
      ]),
    ]);
  });

  it("gives tensors of the shape that the values lead to", async () => {
    const model = await interpreter();
    expect(model.run("halve", f32(0.25, 0.5, 3, 4))).toEqual(f32(0.25, 0.5));
    expect(model.run("halve", f32(4, 5))).toEqual({ dtype: "f32", shape: [0], data: new Float32Array() });
  });

  it("keeps attributes, buffers and what was nothing from call to call", async () => {
    const model = await interpreter();
    expect(model.run("remember", f32(1))).toEqual(f32(1));
    expect(model.run("remember", f32(10))).toEqual(f32(11));
    expect(model.tensor("total")).toEqual(f32(1, 4, 5));
    expect((await interpreter()).tensor("total")).toEqual(f32(1, 2, 3));
    expect(model.tensor("label")).toBeUndefined();
  });

  it("shares no memory with what it is given and gives", async () => {
    const model = await interpreter();
    const data = Float32Array.of(1);
    const first = model.run("remember", { dtype: "f32", shape: [1], data }) as { readonly data: Float32Array };
    data[0] = 100;
    first.data[0] = 100;
    expect(model.run("remember", f32(1))).toEqual(f32(2));
  });

  it("ends where the model raises, and where a method or a value does not fit", async () => {
    const model = await interpreter();
    expect(model.run("checked", f32(4, 9))).toEqual(f32(2, 3));
    expect(refusal(() => model.run("checked", f32(4, -9)))).toMatch(
      /^import\/raised: the model raises: below zero \| at code/,
    );
    expect(refusal(() => model.run("nothing"))).toBe('import/name: the model has no method "nothing"');
    expect(refusal(() => model.run("describe", ["a"], 1.5))).toMatch(
      /^import\/type: argument count of describe is an int, and got 1\.5/,
    );
    expect(refusal(() => model.run("positives"))).toMatch(/positives is not given its argument x/);
  });
});
