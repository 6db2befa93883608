// Recordings of older versions replay bit for bit, by the code they carry and by what today's compiler makes of their application.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { readArchive, runnableTargets, writeArchive } from "../../kernels/index.ts";
import { buildApplication } from "../../launch/build.ts";
import type { Application } from "../../launch/index.ts";
import { Compilation, graphOf, Interpreter, load, openArtifact } from "../../runtime/index.ts";
import { readRecording, replay } from "../../sim/index.ts";
import { Workplace } from "../command-line/command.ts";
import across from "./older/across.ts";
import cells from "./older/cells.ts";
import convolutions from "./older/convolutions.ts";
import functions from "./older/functions.ts";
import integers from "./older/integers.ts";
import moving from "./older/moving.ts";
import products from "./older/products.ts";
import rows from "./older/rows.ts";
import transposed from "./older/transposed.ts";

const place = new Workplace();
const pathOf = (name: string): string => fileURLToPath(new URL(`older/${name}`, import.meta.url));
const targets = runnableTargets().filter((name) => !name.includes("+"));

describe("a recording from before channel blocks and split kernels", () => {
  afterAll(() => place.remove());

  // Its sums across rows have got another plan since.
  it("replays by the machine code that it carries", async () => {
    const { code, out, error } = await place.isochron("replay", pathOf("plain.mcap"), "--verify", "--json");
    expect(code, error).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      bitExact: true,
      cycles: 50,
      hash: "d156b994370a6eacf5c0d1bd8b9548f4e8ef52daf5c8b3daed3fdbf69f581a08",
    });
  });
});

describe("an artifact of version 1", () => {
  const version1 = async (): Promise<Uint8Array> => {
    const { application, artifacts } = await readRecording(pathOf("rows.mcap"));
    expect(application.programs.map(({ name }) => name)).toEqual(["rows"]);
    return artifacts[0]!;
  };
  const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(readArchive(bytes)["manifest.json"]);

  it("is read as one of version 2 with the method forward, whose graph it holds", async () => {
    const bytes = await version1();
    const written = JSON.parse(textOf(bytes));
    expect(written).toMatchObject({ version: 1, graph: { file: "graph.json" } });
    const artifact = openArtifact(bytes);
    const { version, methods, targets } = artifact.manifest;
    expect([version, Object.keys(methods)]).toEqual([2, ["forward"]]);
    expect(methods.forward).toMatchObject({ inputs: written.inputs, outputs: written.outputs, graph: written.graph });
    expect(targets["x86-64-v3"]!.methods.forward!.kernels).toEqual(written.targets["x86-64-v3"].kernels);
    expect(graphOf(artifact).name).toBe("rows");
    expect(() => openArtifact(withManifest(bytes, { ...written, version: 3 }))).toThrow("version");
    expect(() => openArtifact(withManifest(bytes, { ...written, version: 2 }))).toThrow("manifest.json");
  });

  it("has the operators of its graph under today's names, which mean what its code does", async () => {
    const { artifacts } = await readRecording(pathOf("moving.mcap"));
    const artifact = openArtifact(artifacts[0]!);
    const graph = graphOf(artifact);
    const names = graph.nodes.map(({ operator }) => operator.name);
    expect(names).toEqual(expect.arrayContaining(["indexSelect", "gather", "indexPut", "permute"]));
    const program = load(artifact);
    const bytes = Uint8Array.from({ length: 16 * 64 }, (_, at) => (at * 37 + (at >> 4)) & 255);
    const inputs = { [graph.inputs[0]!.name]: bytes };
    const outputs = program.newOutputs();
    program.run(inputs, outputs);
    const interpreted = new Interpreter(graph).run(inputs) as Readonly<Record<string, Float32Array>>;
    for (const name of ["sorted", "ranks", "largest", "gathered", "taken", "scattered", "joined", "turned"])
      expect([...outputs[name]!], name).toEqual([...interpreted[name]!]);
  });

  it("is refused by the name of the entry that was changed", async () => {
    const bytes = await version1();
    const entries = Object.entries(readArchive(bytes));
    const artifact = openArtifact(bytes);
    for (const [name, data] of entries.slice(1)) {
      const changed = data.slice();
      changed[changed.length >> 1]! ^= 1;
      const damaged = writeArchive(entries.map(([each, of]) => [each, each === name ? changed : of]));
      expect(() => load({ ...artifact, bytes: damaged }), name).toThrow(name);
    }
  });
});

/** The same artifact with another manifest. */
const withManifest = (bytes: Uint8Array, manifest: object): Uint8Array =>
  writeArchive(
    Object.entries(readArchive(bytes)).map(([name, data]) => [
      name,
      name === "manifest.json" ? new TextEncoder().encode(JSON.stringify(manifest)) : data,
    ]),
  );

/** Recordings of the kernels of version ae15b79, by kind; whether each kind's plan still stands. */
const kinds: readonly { readonly name: string; readonly stands: boolean; readonly application: Application }[] = [
  { name: "products", stands: true, application: products },
  { name: "convolutions", stands: true, application: convolutions },
  { name: "transposed", stands: true, application: transposed },
  { name: "integers", stands: true, application: integers },
  { name: "rows", stands: true, application: rows },
  { name: "across", stands: false, application: across },
  { name: "cells", stands: false, application: cells },
  { name: "functions", stands: true, application: functions },
  { name: "moving", stands: true, application: moving },
];

describe.each(kinds)("a recording of $name from before the plans of November 2026", ({ name, stands, application }) => {
  const older = () => readRecording(pathOf(`${name}.mcap`));

  it("replays by the machine code that it carries", async () => {
    expect(replay(await older())).toMatchObject({ bitExact: true, cycles: 4 });
  });

  it("holds a graph that this version reads", async () => {
    const { artifacts } = await older();
    for (const bytes of artifacts) {
      const { methods } = new Compilation({ forward: graphOf(openArtifact(bytes)) });
      const [{ portable, planned }] = methods as [(typeof methods)[0]];
      expect(portable.nodes.length).toBeGreaterThan(0);
      // It has its plan already.
      expect(planned.toString()).toBe(portable.toString());
    }
  });

  if (stands)
    it("replays by the code that is compiled today", async () => {
      const cacheDir = process.env.ISOCHRON_CACHE ?? join(process.cwd(), ".cache", "isochron");
      const { artifacts } = await buildApplication(application, { targets, cacheDir });
      for (const target of targets)
        expect(replay(await older(), { artifacts, target }), target).toMatchObject({ bitExact: true, cycles: 4 });
    });
  else
    it("differs by the code that is compiled today, whose plan is another", async () => {
      const { artifacts } = await buildApplication(application, { targets: targets.slice(0, 1) });
      expect(replay(await older(), { artifacts })).toMatchObject({ bitExact: false });
    });
});
