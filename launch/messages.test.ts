// Message types of an application's own: found beside its file, carried by what is built of it, and written as TypeScript.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Definitions, field, fields, fixed, message } from "../nodes/index.ts";
import { tensorType, trace } from "../runtime/index.ts";
import { application } from "./application.ts";
import type { ApplicationBuilder } from "./application-builder.ts";
import { messagesCommand } from "./commands/messages.ts";
import { layOut } from "./lay-out.ts";
import { importApplication } from "./load-application.ts";
import type { Terminal } from "./terminal.ts";

const double = trace(({ x }) => ({ line: x.mul(2), seen: x.sum() }), { x: tensorType("f32", [2]) }, { name: "double" });
const limits = { period: "10ms", budget: "1ms", deadline: "5ms" } as const;

const lineText = "float32 intercept\nfloat32 slope\n";
const laneText = "std_msgs/Header header\nLine left\nfloat32[] seen\nuint8 kind\n";

const folder = mkdtempSync(join(tmpdir(), "isochron-messages-"));
const msg = join(folder, "road_msgs", "msg");
beforeAll(() => {
  mkdirSync(msg, { recursive: true });
  writeFileSync(join(msg, "Line.msg"), lineText);
  writeFileSync(join(msg, "Lane.msg"), laneText);
  writeFileSync(join(msg, "Unused.msg"), "int32 x\n");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const define = (messages: string) => (app: ApplicationBuilder) => {
  app.messages(messages);
  const input = app.input("/in", message("road_msgs/msg/Lane", { x: fields(["left.intercept", "left.slope"]) }));
  const task = app.task("double", double, { inputs: { x: input }, ...limits });
  app.output("/out", "road_msgs/msg/Lane", task.outputs, {
    line: fields(["left.intercept", "left.slope"]),
    kind: fixed(3),
  });
};

describe("an application's own message types", () => {
  it("are found relative to the file that names them, and laid out with the texts that they take", () => {
    const relative = join("..", ...Array.from({ length: 20 }, () => ".."), folder.slice(1));
    const { messages, outputs, inputs } = layOut(application("own", define(relative)));
    expect(messages).toEqual([
      { type: "road_msgs/msg/Lane", text: laneText },
      { type: "road_msgs/msg/Line", text: lineText },
    ]);
    expect(inputs[0]?.plan.steps.findLast(({ op }) => op === "number")).toMatchObject({ path: "left.slope" });
    // The rest of the message is gone through too.
    expect(inputs[0]?.plan.steps.at(-1)).toMatchObject({ op: "skip", path: "kind" });
    expect(outputs[0]?.plan.steps).toEqual([
      { op: "stamp" },
      { op: "string", value: "" },
      { op: "number", type: "f32", from: "f32", offset: 0 },
      { op: "number", type: "f32", from: "f32", offset: 4 },
      { op: "array", type: "f32", count: 1, prefix: true, from: "f32", offset: 64 },
      { op: "constant", type: "u8", value: 3, count: 1 },
    ]);
  });

  it("are carried by what is built, so that their files need not be there", () => {
    const { messages } = layOut(application("own", define(folder)));
    const elsewhere = application("own", define("/nowhere/at/all"));
    expect(() => elsewhere.declarations).toThrow("there are no message definitions in /nowhere/at/all");
    expect(layOut(elsewhere.carrying(messages))).toEqual(layOut(application("own", define(folder))));
  });

  it("say where the application names a folder without definitions, or a field that its message has not", () => {
    const here = fileURLToPath(import.meta.url);
    const place = expect.stringMatching(new RegExp(`^${here}:\\d+:\\d+$`));
    expect(() => application("own", define("nothing")).declarations).toThrow(expect.objectContaining({ place }));
    const wrong = (app: ApplicationBuilder) => {
      app.messages(folder);
      app.input("/in", message("road_msgs/msg/Lane", { x: field("left.curve") }));
    };
    expect(() => application("own", wrong)).toThrow(
      expect.objectContaining({
        code: "message/unknown-field",
        details: ['road_msgs/Line has no field "curve"'],
        place,
      }),
    );
  });

  it("of a file that fails otherwise are errors at once", async () => {
    const file = join(folder, "broken.mjs");
    writeFileSync(file, "throw new Error('not today');\n");
    await expect(importApplication(file)).rejects.toThrow("not today");
    expect(() =>
      application("own", () => {
        throw new Error("at once");
      }),
    ).toThrow("at once");
  });
});

describe("isochron messages", () => {
  const said: string[] = [];
  const terminal: Terminal = {
    out: (text) => said.push(text),
    error: (text) => said.push(text),
    progress: () => {},
    signal: new AbortController().signal,
  };

  it("writes an interface for each definition and what it is made of", () => {
    const output = join(folder, "types", "messages.ts");
    expect(messagesCommand([folder], { output }, terminal)).toBe(0);
    expect(said.pop()).toBe(`${output}: 3 message types and what they are made of`);
    const text = readFileSync(output, "utf8");
    expect(text).toContain(
      "export interface Lane {\n  header: Header;\n  left: Line;\n  seen: Float32Array;\n  kind: number;\n}",
    );
    expect(text).toContain('  readonly "road_msgs/msg/Unused": Unused;');
    expect(text).toContain("export interface Time {\n  sec: number;\n  nanosec: number;\n}");
    messagesCommand([], { output, common: true }, terminal);
    expect(said.pop()).toBe(`${output}: ${Definitions.common.allTypes.length} message types and what they are made of`);
  });

  it("refuses to write nothing, or to something that is no TypeScript", () => {
    const refused = (folders: string[], output: string) => () => messagesCommand(folders, { output }, terminal);
    expect(refused([], join(folder, "a.ts"))).toThrow(expect.objectContaining({ code: "command/messages" }));
    expect(refused([folder], join(folder, "a.json"))).toThrow(expect.objectContaining({ code: "command/output" }));
    expect(refused([join(folder, "none")], join(folder, "a.ts"))).toThrow(
      expect.objectContaining({ code: "message/files" }),
    );
  });
});
