// Files of TorchScript whose entries are changed: they become graphs, or are refused in words, without hanging or taking memory.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../../kernels/index.ts";
import { tensorType } from "../../graph/tensor-type.ts";
import { readTorchArchive } from "./archive.ts";
import { requireProgram, TorchModel } from "./model.ts";

const file = fileURLToPath(new URL("../../../examples/g1/policy.pt", import.meta.url));
const { entries } = await readTorchArchive(new Uint8Array(readFileSync(file)), file);
const small = [...entries.keys()].filter(
  (name) => /^(code\/|data\.pkl|constants\.pkl)/.test(name) && !name.endsWith(".debug_pkl"),
);
const runs = process.env.ISOCHRON_NIGHTLY === "1" ? 20_000 : 60;
/** No file of this size takes longer, however busy the machine is. */
const mostMilliseconds = 20_000;

const words = [
  "self",
  "torch",
  "x",
  "1",
  "0",
  "-1",
  "[]",
  "None",
  "__proto__",
  "constructor",
  "9223372036854775807",
  "1e308",
  "(",
  ")",
  "\n",
  "  ",
  "lstm",
  "while True:\n",
  "range(100000000)",
  "forward",
];

/** Replaces a part of an entry by other bytes, or by words of the language. */
const change = fc.record({
  entry: fc.constantFrom(...small),
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  length: fc.integer({ min: 0, max: 12 }),
  by: fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 4 })),
});

describe("TorchScript with entries that were changed", () => {
  it("becomes graphs or is refused in words", { timeout: 86_400_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const changed = new Map(entries);
        for (const { entry, at, length, by } of changes) {
          const bytes = changed.get(entry)!;
          const start = Math.floor(at * bytes.length);
          const parts = [bytes.subarray(0, start), Buffer.from(by, "utf8"), bytes.subarray(start + length)];
          changed.set(entry, new Uint8Array(Buffer.concat(parts)));
        }
        const archive = zipSync(
          Object.fromEntries([...changed].map(([name, bytes]) => [`m/${name}`, [bytes, { level: 0 }]])),
        );
        const started = Date.now();
        try {
          const model = new TorchModel(requireProgram(await readTorchArchive(archive, "m.pt")), archive.length, "m.pt");
          for (const method of ["forward", "reset_memory"])
            try {
              model.graph({ method, ...(method === "forward" ? { inputs: { x: tensorType("f32", [1, 47]) } } : {}) });
            } catch (error) {
              expect(error).toBeInstanceOf(IsochronError);
            }
          expect(model.operators.size).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toBeInstanceOf(IsochronError);
        }
        expect(Date.now() - started).toBeLessThan(mostMilliseconds);
      }),
      { numRuns: runs },
    );
  });
});
