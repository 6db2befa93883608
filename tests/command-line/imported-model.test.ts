// An application that imports a model is built to one that runs where neither the model nor the importer is.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { readArchive } from "../../kernels/index.ts";
import { graph, modelBytes, node } from "../../runtime/testing/onnx-models.ts";
import { type Ended, Workplace } from "./command.ts";

const place = new Workplace();
afterAll(() => place.remove());

/** A policy with a state, as recurrent ones are exported. */
const policy = modelBytes(
  graph({
    inputs: ["obs: f32", "h_in: f32"],
    outputs: ["force: f32", "h_out: f32"],
    nodes: [node("h_out = Add(h_in, obs)"), node("s = Mul(h_out, h_out)"), node("force = Sub(s, obs)")],
  }),
);

const app = (inputs: string): string => `import { application, numbers, tensorType, trace } from "isochron";
import { importModel } from "isochron/import";
const model = await importModel(new URL("policy.onnx", import.meta.url).pathname);
const net = model.graph({ states: { h_in: "h_out" } });
const scaled = trace(({ obs }) => ({ force: net({ obs: obs.mul(2) }).force!.tanh() }), { obs: tensorType("f32", []) }, { name: "scaled" });
export default application("policy", (app) => {
  const value = app.input("/value", numbers("std_msgs/msg/Float32", { obs: { field: "data", dtype: "f32" } }));
  const task = app.task("policy", net, { ${inputs}, period: "10ms", budget: "1ms", deadline: "5ms" });
  app.output("/force", "std_msgs/msg/Float32", task.outputs, { force: "data" });
  app.task("scaled", scaled, { inputs: { obs: value }, period: "10ms", budget: "1ms", deadline: "5ms" });
  app.world(() => ({ name: "w", periodNs: 10_000_000, step: (t, io) => io.publish("/value", { data: t / 1e8 }), summary: () => ({}) }));
  app.summary(() => ({ operators: [...model.operators.keys()].join(), inputs: model.inputs.length }));
});
`;

const facts = z.object({
  hash: z.string(),
  world: z.object({ operators: z.literal("Add,Mul,Sub"), inputs: z.literal(2) }),
});

describe("an application that imports a model", () => {
  let fromSource: Ended;
  let built: Ended;
  let fromBuilt: Ended;
  let wrong: readonly Ended[];
  beforeAll(async () => {
    place.write({
      "app.ts": app("inputs: { obs: value }"),
      "name.ts": app("inputs: { observation: value }"),
      "type.ts": app("inputs: { obs: value }").replace('dtype: "f32"', 'dtype: "f64"'),
      "other.ts": app("inputs: { obs: value }")
        .replace('"h_out"', '{ output: "h_out", initial: [existsSync("policy.onnx") ? 0 : 1] }')
        .replace("import", 'import { existsSync } from "node:fs";\nimport'),
      "policy.onnx": policy,
    });
    fromSource = await place.isochron("run", "app.ts", "-d", "100ms", "--json");
    // The process that these share has not loaded the application yet.
    [built, ...wrong] = (await place.each([
      ["build", "app.ts", "-o", "app.isoapp", "--json"],
      ...["name.ts", "type.ts", "other.ts"].map((each) => ["build", each, "-o", "none.isoapp"]),
    ])) as [Ended, ...Ended[]];
    rmSync(place.path("policy.onnx"));
    fromBuilt = await place.shared("run", "app.isoapp", "-d", "100ms", "--json");
  });

  it("is built to one that runs without the model's file, alone and within other graphs, and does the same", () => {
    expect(built).toMatchObject({ code: 0, error: "" });
    expect(fromBuilt).toMatchObject({ code: 0, error: "" });
    expect(facts.parse(JSON.parse(fromBuilt.out))).toEqual(facts.parse(JSON.parse(fromSource.out)));
  });

  it("carries neither the model nor the importer along", () => {
    const files = readArchive(readFileSync(place.path("app.isoapp")));
    expect(Object.keys(files).filter((name) => name.startsWith("files/"))).toEqual([]);
    const code = new TextDecoder().decode(files["application.mjs"]);
    expect(code).not.toContain('isochron/import"');
  });

  it("is refused where it wires what the model does not have, with the names and types that there are", () => {
    const [name, type] = wrong as [Ended, Ended, Ended];
    expect([name.code, type.code]).toEqual([1, 1]);
    expect(name.error).toContain('task "policy": there is no input "observation"');
    expect(name.error).toContain("obs");
    expect(type.error).toContain('task "policy": input "obs" is f32, but "/value.obs" is f64');
  });

  it("is refused where it would make other graphs of the model where it runs", () => {
    const { code, error } = wrong[2]!;
    expect(code).toBe(1);
    expect(error).toContain("error[build/start]: none.isoapp does not start where its sources are not");
    expect(error).toContain("error[import/built]: no graph of the model policy.onnx was made with");
    expect(existsSync(place.path("none.isoapp"))).toBe(false);
  });
});
