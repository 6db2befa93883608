// Random TorchScript programs give what Python itself gives for them over numpy, and PyTorch as well: statement by statement, as graphs, and compiled.
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../../kernels/index.ts";
import { compile, load } from "../../index.ts";
import { Interpreter } from "../../interpreters/interpreter.ts";
import type { StoredTensor } from "../stored-tensors.ts";
import { matrix, modelOf, type RandomProgram, randomPrograms, vector } from "./testing/programs.ts";

type Call = RandomProgram["calls"][number];
type Run = (call: Call) => readonly (ArrayLike<number> | undefined)[];

const nightly = process.env.ISOCHRON_NIGHTLY === "1";
/** By day one in four, and of these one in four compiled. */
const programs = randomPrograms().filter(({ seed }) => nightly || seed % 4 === 0);
const compiled = programs.filter(({ seed }) => nightly || seed % 16 === 0);

const given = ({ x, y }: Call) => ({ x: Float32Array.from(x), y: Float32Array.from(y) });

/** The graph of a program; undefined where what is written to is one tensor or another, as values decide. */
async function graphOf(program: RandomProgram) {
  try {
    return (await modelOf(program)).graph({ inputs: { x: matrix, y: vector } });
  } catch (error) {
    if (error instanceof IsochronError && error.message === refused) return undefined;
    throw error;
  }
}

const refused = "a tensor is written to that is another one in some cases, as values decide";

/** Numbers without the sign of zero, which no comparison sees. */
const plain = (numbers: ArrayLike<number> | undefined): number[] => Array.from(numbers ?? [], (each) => each + 0);

function expectCalls({ calls }: RandomProgram, run: Run): void {
  for (const call of calls) expect(run(call).map(plain)).toEqual([call.v, call.m].map(plain));
}

describe("random programs give what PyTorch gives", () => {
  it.each(programs)("statement by statement, with what they leave in memory: seed $seed", async (program) => {
    const interpreter = (await modelOf(program)).interpreter();
    for (const call of program.calls) {
      const { x, y } = given(call);
      const [v, m] = interpreter.run(
        "forward",
        { dtype: "f32", shape: [3, 4], data: x },
        { dtype: "f32", shape: [4], data: y },
      ) as StoredTensor[];
      const found = [v, m, interpreter.tensor("memory")].map((each) => plain(each?.data as Float32Array));
      expect(found).toEqual([call.v, call.m, call.memory].map(plain));
    }
  });

  it("as graphs, but for the few that write to one tensor or another", async () => {
    let graphs = 0;
    for (const program of programs) {
      const graph = await graphOf(program);
      if (!graph) continue;
      graphs++;
      const run = new Interpreter(graph);
      expectCalls(program, (call) => {
        const { y0, y1 } = run.run(given(call) as never) as { readonly [name: string]: Float32Array };
        return [y0, y1];
      });
    }
    expect(graphs).toBeGreaterThan(0.8 * programs.length);
  });

  it.each(compiled)("compiled: seed $seed", async (program) => {
    const graph = await graphOf(program);
    if (!graph) return;
    const loaded = load(await compile(graph as never));
    expectCalls(program, (call) => {
      const { y0, y1 } = loaded.run(given(call) as never) as { readonly [name: string]: Float32Array };
      return [y0, y1];
    });
  });
});
