// Operators of older files mean what they meant when the file was saved.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readTorchArchive } from "./archive.ts";
import type { TorchData } from "./interpreter.ts";
import { TorchModel } from "./model.ts";
import { torchFile } from "./testing/archives.ts";
import { numberOf, type Stored } from "./testing/operator-cases.ts";

type Numbers = Extract<TorchData, { readonly data: unknown }>;
const floats = (...values: readonly number[]): Numbers => ({
  dtype: "f32",
  shape: [2],
  data: Float32Array.from(values),
});
const ints = (...values: readonly bigint[]): Numbers => ({
  dtype: "i64",
  shape: [2],
  data: BigInt64Array.from(values),
});

/** What an expression of x and y gives in a file of a version. */
async function givenBy(expression: string, version: number, before: readonly string[] = []): Promise<TorchData> {
  const lines = [
    "class M(Module):",
    "  def forward(self: __torch__.M,",
    "    x: Tensor,",
    "    y: Tensor) -> Tensor:",
    ...before.map((line) => `    ${line}`),
    `    return ${expression}`,
    "",
  ];
  const bytes = torchFile(lines.join("\n"), {}, version);
  const model = new TorchModel(await readTorchArchive(bytes, "m.pt"), bytes.length, "m.pt");
  return model.interpreter().run("forward", ints(7n, -7n), ints(2n, 2n));
}

test("a quotient of integers is cut in files before version 4, also in place and by a number, and never of floats", async () => {
  expect(await givenBy("torch.div(x, y)", 3)).toMatchObject(ints(3n, -3n));
  expect(await givenBy("torch.div(x, y)", 4)).toMatchObject(floats(3.5, -3.5));
  expect(await givenBy("torch.div(x, 2)", 3)).toMatchObject(ints(3n, -3n));
  expect(await givenBy("torch.div(x, 2.)", 3)).toMatchObject(floats(3.5, -3.5));
  expect(await givenBy("torch.div_(x, 2)", 3)).toMatchObject(ints(3n, -3n));
  expect(await givenBy("torch.div(torch.to(x, 6), y)", 3)).toMatchObject(floats(3.5, -3.5));
  expect(await givenBy('torch.div(x, y, rounding_mode="floor")', 3)).toMatchObject(ints(3n, -4n));
  const before = ["z = torch.zeros([2], dtype=6)", "_0 = torch.div(x, y, out=z)"];
  expect(await givenBy("z", 3, before)).toMatchObject(floats(3.5, -3.5));
});

test("full is of floats in files before version 5, where it names no dtype", async () => {
  expect(await givenBy("torch.full([2], 3)", 4)).toMatchObject(floats(3, 3));
  expect(await givenBy("torch.full([2], 3)", 5)).toMatchObject(ints(3n, 3n));
  expect(await givenBy("torch.full([2], 3, dtype=4)", 4)).toMatchObject(ints(3n, 3n));
});

test("linspace and logspace without a number of steps give 100 in files before versions 8 and 9", async () => {
  expect(await givenBy("torch.linspace(0, 1, None)", 7)).toMatchObject({ shape: [100] });
  expect(await givenBy("torch.logspace(0, 1, None)", 8)).toMatchObject({ shape: [100] });
  await expect(givenBy("torch.linspace(0, 1, None)", 8)).rejects.toThrow(/linspace/);
});

/** What PyTorch gives for expressions of x and y in files of older versions, as programs-of-pytorch.py wrote it. */
interface OlderCase {
  readonly expression: string;
  readonly before: readonly string[];
  readonly version: number;
  readonly gives: Stored;
}

test("expressions of older files give what PyTorch gives for them", async () => {
  const lines = readFileSync(new URL("testing/upgraded.jsonl", import.meta.url), "utf8")
    .trimEnd()
    .split("\n");
  expect(lines.length).toBe(36);
  for (const { expression, before, version, gives } of lines.map((line) => JSON.parse(line) as OlderCase)) {
    const { dtype, shape, data } = (await givenBy(expression, version, before)) as Numbers;
    const place = `${expression} of version ${version}`;
    expect([place, dtype, shape]).toEqual([place, gives.tensor, gives.shape]);
    const wanted = gives.data.map(numberOf);
    for (const [at, each] of Array.from(data as ArrayLike<number | bigint>, Number).entries())
      expect(Math.abs(each - wanted[at]!), place).toBeLessThan(2e-6 * (1 + Math.abs(wanted[at]!)));
  }
});

test("out= takes what an operator gives, in its own dtype, and refuses another size", async () => {
  const taken = ["z = torch.zeros([2], dtype=7)", "_0 = torch.add(x, y, alpha=1, out=z)"];
  expect(await givenBy("z", 10, taken)).toMatchObject({ dtype: "f64", data: Float64Array.of(9, -5) });
  const view = ["z = torch.zeros([4], dtype=6)", "_0 = torch.atan2(x, y, out=torch.slice(z, 0, 0, 2))"];
  expect(await givenBy("torch.slice(z, 0, 2)", 10, view)).toMatchObject(floats(0, 0));
  const other = ["z = torch.zeros([3])", "_0 = torch.mul(x, y, out=z)"];
  await expect(givenBy("z", 10, other)).rejects.toThrow(/would change its size/);
});
