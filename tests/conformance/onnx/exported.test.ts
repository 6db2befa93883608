// Graphs that are exported as ONNX, against onnxruntime, which loads them and agrees as far as it has kernels for their types.
import { InferenceSession, Tensor as PeerTensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { exportOnnx } from "../../../runtime/import/index.ts";
import {
  constant,
  forLoop,
  Interpreter,
  operators,
  scan,
  type Tensor,
  tensorType,
  trace,
  whileLoop,
} from "../../../runtime/index.ts";
import { graphsOf, notExported, type OneOperator } from "../../../runtime/testing/exported.ts";

/** The types of onnxruntime's tensors; halves and small types are others' arrays there. */
const peerTypes = {
  f32: "float32",
  f64: "float64",
  i8: "int8",
  u8: "uint8",
  i16: "int16",
  u16: "uint16",
  i32: "int32",
  u32: "uint32",
  i64: "int64",
  u64: "uint64",
  bool: "bool",
} as const;
type PeerDtype = keyof typeof peerTypes;
const isPeerDtype = (dtype: string): dtype is PeerDtype => Object.hasOwn(peerTypes, dtype);

const missing = /NOT_IMPLEMENTED|Could not find an implementation|Failed to find kernel/;

/** Whether onnxruntime gives what the graph means; undefined where it has no kernel for the types. Throws where it takes no such model. */
async function agrees({ graph, inputs, text }: OneOperator): Promise<true | undefined> {
  const values = [...graph.inputs, ...graph.outputs].map(({ value }) => value.type);
  if (!values.every(({ dtype }) => isPeerDtype(dtype))) return undefined;
  const bytes = exportOnnx(graph);
  const options = { logSeverityLevel: 4, intraOpNumThreads: 1, interOpNumThreads: 1 } as const;
  const session = await InferenceSession.create(bytes, options).catch((error: Error) => {
    if (missing.test(error.message)) return undefined;
    throw new Error(`${text}\n${error.message}`);
  });
  if (!session) return undefined;
  const feeds = graph.inputs.map(({ name, value: { type } }) => {
    const peerType = peerTypes[type.dtype as PeerDtype];
    return [name, new PeerTensor(peerType, inputs[name] as never, type.shape as number[])] as const;
  });
  const found = await session.run(Object.fromEntries(feeds));
  const meant = new Interpreter(graph).run(inputs);
  for (const { name, value } of graph.outputs) {
    const peer = found[name]!;
    expect(peer.dims, text).toEqual(value.type.shape);
    const [ours, theirs] = [meant[name]!, peer.data].map((each) =>
      Array.from(each as Iterable<number | bigint>, Number),
    ) as [number[], number[]];
    const at = ours.findIndex((each, i) => {
      const distance = Math.abs(each - theirs[i]!);
      return !Object.is(each, theirs[i]) && !(distance <= 1e-5 + 1e-3 * Math.abs(each));
    });
    expect(at < 0 || `${text}\nelement ${at} of ${name}: ${ours[at]}, and ${theirs[at]} there`).toBe(true);
  }
  return true;
}

/** What ends at the greatest integer there, and here wraps as everywhere else: they get small numbers. */
const saturating = new Set(["sum", "prod", "matmulInteger", "resize", "cumsum"]);

function withSmallIntegers({ inputs, ...rest }: OneOperator): OneOperator {
  const small = Object.entries(inputs).map(([name, data]) => {
    if (data instanceof Float32Array || data instanceof Float64Array) return [name, data] as const;
    for (const [at, each] of data.entries()) data[at] = (typeof each === "bigint" ? each % 5n : each % 5) as never;
    return [name, data] as const;
  });
  return { ...rest, inputs: Object.fromEntries(small) };
}

/** Cases for each operator whose types onnxruntime has a kernel for. */
const enough = 4;

describe("onnxruntime agrees with a graph that is exported", () => {
  const names = Object.keys(operators).filter((name) => !notExported.has(name)) as (keyof typeof operators)[];
  it.each(names)("%s", async (name) => {
    let agreed = 0;
    for (const each of graphsOf(name, 24))
      if (agreed < enough && (await agrees(saturating.has(name) ? withSmallIntegers(each) : each))) agreed++;
    expect(agreed).toBe(enough);
  });

  it("with loops and scans", async () => {
    type Float = Tensor<"f32">;
    const graph = trace(
      ({ x, n }) => {
        const looped = forLoop(n, (i, each: Float) => each.add(i.cast("f32")), x, { atMost: 5 });
        const halved = whileLoop(
          (each: Float) => each.abs().max().greater(0.5),
          (each: Float) => each.mul(0.5),
          looped,
          { atMost: 60 },
        );
        const [last, kept] = scan(
          (sum: Float, each: Float) => [sum.add(each), sum.mul(each)] as const,
          constant(1, "f32"),
          halved,
        );
        return { halved, last, kept };
      },
      { x: tensorType("f32", [3]), n: tensorType("i64", []) },
      { name: "loops" },
    );
    const inputs = { x: Float32Array.of(3, -4, 1), n: BigInt64Array.of(3n) };
    expect(await agrees({ graph, inputs, text: graph.toString() })).toBe(true);
  });
});
