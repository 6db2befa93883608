// The artifact as a file: its layout, that it is the same every time, and what a damaged one gets.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { hashOf, readArchive, writeArchive } from "../../kernels/index.ts";
import {
  type Artifact,
  apply,
  compile,
  constant,
  graphOf,
  load,
  openArtifact,
  operator,
  readArtifact,
  save,
  state,
  tensorType,
  trace,
} from "../index.ts";

const cacheDir = join(fileURLToPath(new URL("../..", import.meta.url)), ".cache/kernels");
const folder = mkdtempSync(join(tmpdir(), "isochron-artifact-"));
afterAll(() => rmSync(folder, { recursive: true }));

const small = () =>
  trace(
    ({ x }) => {
      const w = constant(
        Float32Array.from({ length: 12 }, (_, i) => i / 7),
        "f32",
        [3, 4],
        "w",
      );
      const count = state("count", tensorType("i64", [1]), [40]);
      count.set(count.get().add(2));
      const level = state("level", tensorType("f32", [4]), [-0, Number.NaN, Number.POSITIVE_INFINITY, 1]);
      const y = x.matmul(w).add(0.5).softmax(-1).pad([0, 1], [0, 0], Number.NEGATIVE_INFINITY);
      return { y, n: count.get(), level: level.get().mul(-0) };
    },
    { x: tensorType("f32", [2, 3]) },
    { name: "small" },
  );

/** Two methods of one state. */
const build = () => ({
  forward: small(),
  count: trace(() => ({ n: state("count", tensorType("i64", [1]), [40]).get() }), {}, { name: "count" }),
});

let artifact: Artifact;
beforeAll(async () => {
  artifact = await compile(build(), { cacheDir });
});

describe("an artifact", () => {
  it("is a ZIP of stored entries whose data start at multiples of 64 bytes", () => {
    const view = new DataView(artifact.bytes.buffer, artifact.bytes.byteOffset, artifact.bytes.byteLength);
    const names: string[] = [];
    let at = 0;
    while (view.getUint32(at, true) === 0x04034b50) {
      const [method, size] = [view.getUint16(at + 8, true), view.getUint32(at + 18, true)];
      const [nameBytes, extraBytes] = [view.getUint16(at + 26, true), view.getUint16(at + 28, true)];
      names.push(new TextDecoder().decode(artifact.bytes.subarray(at + 30, at + 30 + nameBytes)));
      const data = at + 30 + nameBytes + extraBytes;
      expect([method, data % 64]).toEqual([0, 0]);
      // Midnight of 1980-01-01, whenever it is made.
      expect([view.getUint16(at + 10, true), view.getUint16(at + 12, true)]).toEqual([0, (1 << 5) | 1]);
      at = data + size;
    }
    expect(names).toEqual([
      "manifest.json",
      "graphs/forward.json",
      "graphs/count.json",
      "weights.bin",
      "code/x86-64-v3.o",
      "code/x86-64-v4.o",
      "code/aarch64.o",
    ]);
  });

  it("names the hash of every entry", () => {
    const entries = readArchive(artifact.bytes);
    const { methods, weights, targets } = artifact.manifest;
    const graphs = Object.values(methods).map(({ graph }) => graph);
    for (const { file, blake3 } of [...graphs, weights, ...Object.values(targets)]) {
      expect(hashOf(entries[file]!)).toBe(blake3);
    }
    const version = z.object({ version: z.string() }).parse(JSON.parse(readFileSync("package.json", "utf8"))).version;
    expect(artifact.manifest.provenance.isochron).toBe(version);
  });

  it("is the same bytes when it is compiled again, with and without the cache", async () => {
    const again = await compile(build(), {});
    expect(Buffer.from(again.bytes).equals(artifact.bytes)).toBe(true);
  });

  it("holds the graphs of its methods, which compile to the same bytes", async () => {
    const held = { forward: graphOf(artifact), count: graphOf(artifact, "count") };
    const again = await compile(held, { cacheDir });
    expect(Buffer.from(again.bytes).equals(artifact.bytes)).toBe(true);
    expect(() => graphOf(artifact, "counts")).toThrow(
      expect.objectContaining({
        code: "artifact/method",
        message: '"small" has no method "counts"',
        help: "did you mean count? it has forward, count",
      }),
    );
  });

  it("is saved whole, and runs from its file; states continue and reset", () => {
    const path = join(folder, "small.iso");
    save(artifact, path);
    expect(readdirSync(folder)).toEqual(["small.iso"]);
    const program = load(path);
    const outputs = program.newOutputs();
    const x = Float32Array.of(1, 2, 3, 4, 5, 6);
    const counts = [0, 1].map(() => {
      program.run({ x }, outputs);
      return outputs.n![0];
    });
    expect(counts).toEqual([42n, 44n]);
    program.reset();
    program.run({ x }, outputs);
    expect(outputs.n![0]).toBe(42n);
    expect(program.kernelCalls).toBe(3 * Object.values(artifact.manifest.targets)[0]!.methods.forward!.kernels.length);
  });

  it("is not saved in the place of an archive that only looks like one", () => {
    const path = join(folder, "extension.zip");
    const other = writeArchive([["manifest.json", new TextEncoder().encode(`{ "manifest_version": 3 }`)]]);
    writeFileSync(path, other);
    expect(() => save(artifact, path)).toThrow("extension.zip");
    expect(Buffer.from(other).equals(readFileSync(path))).toBe(true);
    rmSync(path);
  });

  it("leaves nothing behind when it cannot be saved", () => {
    expect(() => save(artifact, join(folder, "none/small.iso"))).toThrow("none/small.iso cannot be written");
    expect(readdirSync(folder)).toEqual(["small.iso"]);
  });
});

/** The artifact with one entry changed, its manifest left as it was. */
const altered = (name: string, change: (data: Uint8Array) => Uint8Array): Uint8Array =>
  writeArchive(
    Object.entries(readArchive(artifact.bytes)).map(([each, data]) => [each, each === name ? change(data) : data]),
  );

const flipped = (data: Uint8Array): Uint8Array => {
  const copy = data.slice();
  copy[copy.length >> 1]! ^= 1;
  return copy;
};

describe("a damaged artifact", () => {
  it("is refused when a byte of weights, graph or code differs, naming the entry", () => {
    const [manifest, ...entries] = Object.keys(readArchive(artifact.bytes));
    expect([manifest, entries.length]).toEqual(["manifest.json", 6]);
    for (const entry of entries) {
      const bytes = altered(entry, flipped);
      expect(() => load({ ...artifact, bytes })).toThrow(entry);
    }
  });

  it("is refused when a byte of any entry differs in its file, naming the entry, the first and the last byte too", () => {
    const path = join(folder, "changed.iso");
    const places = Object.entries(readArchive(artifact.bytes)).flatMap(([entry, data]) => {
      const start = Buffer.from(artifact.bytes).indexOf(data);
      return [0, data.length >> 1, data.length - 1].map((at) => [entry, start + at] as const);
    });
    expect(places).toHaveLength(21);
    for (const [entry, at] of places) {
      const bytes = artifact.bytes.slice();
      bytes[at]! ^= 1;
      writeFileSync(path, bytes);
      expect(() => readArtifact(path), `${entry}, byte ${at}`).toThrow(`${entry} in ${path} is not what was written`);
    }
    rmSync(path);
  });

  it("is refused when it is cut, empty or something else", () => {
    for (const bytes of [artifact.bytes.subarray(0, 5000), new Uint8Array(), new TextEncoder().encode("PNG, really")]) {
      const path = join(folder, "broken.iso");
      writeFileSync(path, bytes);
      expect(() => readArtifact(path)).toThrow("this is not an Isochron artifact");
    }
    rmSync(join(folder, "broken.iso"));
  });

  it("is refused when its manifest lacks a field, which is named", () => {
    const bytes = altered("manifest.json", (data) => {
      const { states: _, ...rest } = z
        .record(z.string(), z.unknown())
        .parse(JSON.parse(new TextDecoder().decode(data)));
      return new TextEncoder().encode(JSON.stringify(rest));
    });
    expect(() => openArtifact(bytes)).toThrow("states");
  });
});

describe("a program", () => {
  it("names the array that is missing, of another type or of another length", () => {
    const program = load(artifact);
    const outputs = program.newOutputs();
    expect(() => program.run({}, outputs)).toThrow('input "x" of "small" is missing');
    expect(() => program.run({ x: new Int32Array(6) }, outputs)).toThrow(
      'input "x" is f32[2,3], and got an Int32Array of 6',
    );
    expect(() => program.run({ x: new Float32Array(5) }, outputs)).toThrow(/x.*24.*20/);
  });
});

describe("what cannot be compiled", () => {
  it("names the operator, why, and the user's line", async () => {
    const cubes = operator({
      name: "cubeRoot",
      attributes: z.strictObject({}),
      errorUlp: 1,
      infer: ([x]) => x!,
      evaluate([x], _, { data }) {
        for (let i = 0; i < data.length; i++) data[i] = Math.cbrt(Number(x!.data[i]));
      },
      lowering: { kind: "interpreted", why: "it has a meaning only" },
    });
    const graph = trace(({ x }) => ({ y: apply<"f32">(cubes, [x]) }), { x: tensorType("f32", [1]) }, { name: "g" });
    await expect(compile(graph, { cacheDir })).rejects.toMatchObject({
      code: "compile/operator",
      message: "cubeRoot cannot be compiled: it has a meaning only",
      place: expect.stringMatching(/program\/artifact\.test\.ts:\d+:\d+$/),
    });
  });
});
