// Products by packed constants: the plan as text, and the same bits as products of the plain matrices.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { addsDotOnly, runnableTargets } from "../../kernels/index.ts";
import { compile, constant, load, type Tensor, tensorType, trace } from "../index.ts";
import { evenly } from "../testing/networks.ts";
import { withPlan } from "../testing/with-plan.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const targets = runnableTargets().filter((name) => !addsDotOnly(name));

describe("packFactors", () => {
  it("packs a constant factor once, also one that is given turned, and leaves small ones and inputs", () => {
    const graph = trace(
      ({ x, w }) => {
        const turned: Tensor<"f32"> = constant(evenly(40 * 6, 1), "f32", [40, 6], "turned").permute();
        const small = constant(evenly(40 * 32, 2), "f32", [40, 32], "small");
        const y = x.matmul(turned).relu();
        return { y: y.matmul(small).add(x.matmul(w)), z: x.neg().matmul(turned) };
      },
      { x: tensorType("f32", [3, 6]), w: tensorType("f32", [6, 32]) },
      { name: "g" },
    );
    const planned = withPlan(graph);
    const products = planned.nodes.filter(({ operator }) => /matmul/i.test(operator.name));
    expect(products.map(({ operator }) => operator.name)).toEqual(["packedMatmul", "matmul", "matmul", "packedMatmul"]);
    expect(products[0]!.inputs[1]).toBe(products[3]!.inputs[1]);
    expect(products[0]!.inputs[1]!.type.shape).toEqual([2, 6, 32]);
  });

  it("leaves a product whose long dimension is summed in segments", () => {
    const graph = trace(
      ({ x }) => ({ y: x.matmul(constant(evenly(1024 * 40, 1), "f32", [1024, 40], "w")) }),
      { x: tensorType("f32", [2, 1024]) },
      { name: "g" },
    );
    expect(withPlan(graph).nodes.map(({ operator }) => operator.name)).toEqual(["matmul"]);
  });

  it.each([
    { batch: [], m: 1, k: 70, n: 300 },
    { batch: [2], m: 3, k: 33, n: 65 },
    { batch: [], m: 50, k: 1024, n: 100 },
    { batch: [], m: 200, k: 1024, n: 611 },
    { batch: [], m: 20, k: 8192, n: 70 },
  ])("of $batch × [$m,$k] by [$k,$n] gives the bits of the plain product, in any number of threads", async (shape) => {
    const { batch, m, k, n } = shape;
    const x = tensorType("f32", [...batch, m, k]);
    const data = evenly(k * n, 7);
    const packed = trace(({ x }) => ({ y: x.matmul(constant(data, "f32", [k, n], "w")).relu() }), { x }, { name: "g" });
    const plain = trace(({ x, w }) => ({ y: x.matmul(w).relu() }), { x, w: tensorType("f32", [k, n]) }, { name: "g" });
    const inputs = {
      x: evenly(
        batch.reduce((a, b) => a * b, m * k),
        8,
      ),
      w: data,
    };
    // Rows one by one have no reason to be packed, and are computed by another generator.
    const rows = trace(
      ({ x, w }) => ({
        y: x
          .reshape([inputs.x.length / k, 1, k])
          .matmul(w)
          .relu(),
      }),
      { x, w: tensorType("f32", [k, n]) },
      { name: "g" },
    );
    const results: Float32Array[] = [];
    for (const graph of [packed, plain, ...(n > 256 ? [rows] : [])]) {
      const artifact = await compile(graph as typeof plain, { targets, cacheDir });
      for (const target of targets) {
        for (const threads of [1, 2, 3]) {
          const program = load(artifact, { target, threads });
          const outputs = program.newOutputs();
          program.run(inputs, outputs);
          results.push(outputs.y);
        }
      }
    }
    const [first, ...others] = results.map(({ buffer }) => Buffer.from(buffer));
    for (const other of others) expect(other.equals(first!)).toBe(true);
  });
});
