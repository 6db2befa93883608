// Statically quantised layers, whose weights are packed: as an archive has them, interpreted and compiled.
import { expect, test } from "vitest";
import { tensorType } from "../../graph/tensor-type.ts";
import { compile, load } from "../../index.ts";
import type { StoredTensor } from "../stored-tensors.ts";
import { readTorchArchive } from "./archive.ts";
import { TorchModel } from "./model.ts";
import { type TestConvolution, torchFile } from "./testing/archives.ts";

const source = [
  "class M(Module):",
  "  __parameters__ = []",
  "  __buffers__ = []",
  "  packed : __torch__.torch.classes.quantized.Conv2dPackedParamsBase",
  "  scale : float",
  "  zero_point : int",
  "  def forward(self: __torch__.M,",
  "    x: Tensor) -> Tensor:",
  "    _0 = torch.quantize_per_tensor(x, 0.5, 10, 13)",
  "    _1 = ops.quantized.conv2d_relu(_0, self.packed, self.scale, self.zero_point)",
  "    _2 = torch.max_pool2d(_1, [1, 2], [1, 2], [0, 0], [1, 1], False)",
  "    return torch.dequantize(torch.flatten(_2, 1, -1))",
  "",
].join("\n");

/** A convolution with one tap of each of two channels. */
const packed = (numbers: readonly number[]): TestConvolution => ({
  numbers,
  weight: { shape: [2, 2, 1, 1], data: Int8Array.of(2, 1, -4, 0) },
  scales: [0.25, 0.5],
  bias: { shape: [2], data: Float32Array.of(1, 9) },
});

async function modelOf(numbers: readonly number[]): Promise<TorchModel> {
  const bytes = torchFile(source, { packed: packed(numbers), scale: 0.125, zero_point: 3 });
  return new TorchModel(await readTorchArchive(bytes, "m.pt"), bytes.length, "m.pt");
}

const plain = [2, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0];
// Channels [0, 1, 2, 3] and [4, 4, 4, 4]: 0.5·x + 0.25·y + 1 beside 9 − 2·x, of which the larger of two neighbours is left.
const x = { dtype: "f32" as const, shape: [1, 2, 1, 4], data: Float32Array.of(0, 1, 2, 3, 4, 4, 4, 4) };
const wanted = [2.5, 3.5, 9, 5];

test("a packed convolution gives what its bytes and scales say, interpreted and compiled", async () => {
  const model = await modelOf(plain);
  const found = model.interpreter().run("forward", x) as StoredTensor;
  expect(found.shape).toEqual([1, 4]);
  expect([...found.data]).toEqual(wanted);
  const graph = model.graph({ inputs: { x: tensorType("f32", x.shape) } });
  const program = load(await compile(graph as never));
  expect([...(Object.values(program.run({ x: x.data } as never)) as Float32Array[])[0]!]).toEqual(wanted);
});

test("packed convolutions that are transposed, or of another number of dimensions, are refused in words", async () => {
  const transposed = await modelOf([...plain.slice(0, -1), 1]);
  expect(() => transposed.interpreter().run("forward", x)).toThrow(/a transposed convolution of packed weights/);
  const line = await modelOf([1, 1, 0, 1, 0, 1, 0]);
  expect(() => line.interpreter().run("forward", x)).toThrow(/no convolution over 2 dimensions/);
});
