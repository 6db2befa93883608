// Mistakes of users in applications, as they are made: each has one answer that says what to do.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  type ApplicationBuilder,
  application,
  field,
  IsochronError,
  image,
  message,
  numbers,
  tensorType,
  trace,
} from "../../launch/index.ts";
import { layOut } from "../../launch/inspect.ts";
import { checkWorld } from "../../sim/index.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-mistakes-"));
mkdirSync(join(folder, "my_msgs/msg"), { recursive: true });
writeFileSync(join(folder, "my_msgs/msg/Levels.msg"), "uint8 LOW=0\nuint8 HIGH=1\n");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const twice = trace(({ x }) => ({ y: x.mul(2) }), { x: tensorType("f32", []) }, { name: "twice" });
const float = (type = "std_msgs/msg/Float32") => numbers(type, { data: { field: "data", dtype: "f32" } });
const limits = { period: "10ms", budget: "1ms", deadline: "5ms" };

/** Declares and lays out an application, and gives the answer: its first line, and the way out. */
function answer(define: (app: ApplicationBuilder) => unknown): string {
  try {
    layOut(application("test", (app) => void define(app)));
  } catch (error) {
    if (!(error instanceof IsochronError)) throw error;
    expect(error.place ?? error.stack).toContain("applications.test.ts");
    return `${error.code}: ${error.message}\n${error.help}`;
  }
  return "accepted";
}

/** An application with an input and a task with these options. */
const task = (options: object) => (app: ApplicationBuilder) => {
  const value = app.input("/value", float());
  return { value, double: app.task("double", twice, { inputs: { x: value }, ...options } as never) };
};

const mistakes: { readonly [name: string]: readonly [(app: ApplicationBuilder) => unknown, string] } = {
  "a task that nothing releases": [
    task({ budget: "1ms", deadline: "5ms" }),
    'application/trigger: task "double" has neither a period nor what it is released on\nsay when it is released: period: "20ms", or on: INPUT with minInterval: "20ms"',
  ],
  "a task without a budget": [
    task({ period: "10ms", deadline: "5ms" }),
    'application/option: task "double": budget is missing\ngive it a duration above 0: a number with ns, us, ms, s or min, as in "20ms", or whole nanoseconds',
  ],
  "a misspelled option": [
    task({ ...limits, onOverun: "skip" }),
    'application/option: task "double": there is no option "onOverun"\ndid you mean onOverrun? it takes inputs, method, period, phase, on, minInterval, tolerance, early, budget, deadline, priority, core, onOverrun',
  ],
  "a tolerance beside a period": [
    task({ ...limits, tolerance: "1ms" }),
    'application/trigger: task "double" has a period, with which tolerance does not go\nleave it out, or give on: INPUT instead of the period',
  ],
  "a misspelled input": [
    (app) => app.task("double", twice, { inputs: { X: app.input("/value", float()) }, ...limits } as never),
    'application/wiring: task "double": there is no input "X"\ndid you mean x? "twice" reads x',
  ],
  "a task where one of its outputs is meant": [
    (app) => {
      const { double } = task(limits)(app);
      app.task("second", twice, { inputs: { x: double }, ...limits } as never);
    },
    'application/wiring: task "second": input "x" cannot be a task\nconnect one of its outputs: TASK.outputs.NAME',
  ],
  "a chain without a task": [
    (app) => app.chain("through", [app.input("/value", float())], { budget: "10ms" }),
    'application/chain: chain "through" passes no task\nname the input where it begins and the tasks that it passes: app.chain(NAME, [input, task], LIMITS)',
  ],
  "a chain that begins with a task": [
    (app) => app.chain("through", [task(limits)(app).double] as never, { budget: "10ms" }),
    'application/chain: chain "through" begins with a task\nname the input where it begins and the tasks that it passes: app.chain(NAME, [input, task], LIMITS)',
  ],
  "a misspelled message type": [
    (app) => app.input("/value", float("std_msgs/msg/Flaot32")),
    'message/unknown-type: there is no message type "std_msgs/msg/Flaot32"\ndid you mean std_msgs/msg/Float32?',
  ],
  "a misspelled field": [
    (app) => app.input("/value", message("geometry_msgs/msg/Vector3Stamped", { x: field("vectr.x") })),
    'message/unknown-field: geometry_msgs/msg/Vector3Stamped has no field "vectr.x"\ndid you mean vector.x? its fields are header.stamp, header.frame_id, vector.x, vector.y, vector.z',
  ],
  "an output that its message has no field for": [
    (app) => app.output("/y", "std_msgs/msg/Float32", task(limits)(app).double.outputs),
    'message/unknown-field: std_msgs/msg/Float32 has no field for the output "y"\nname the field that it fills: { y: "PATH" }; its fields are data',
  ],
  "a field of a type with constants only": [
    (app) => {
      app.messages(folder);
      app.input("/levels", message("my_msgs/msg/Levels", { low: field("LOW") }));
    },
    'message/unknown-field: my_msgs/msg/Levels has no field "LOW"\nit has no fields',
  ],
  "a type where a message is meant": [
    (app) => app.input("/value", "std_msgs/msg/Float32" as never),
    'application/argument: input "/value": message cannot be "std_msgs/msg/Float32"\nit takes what makes tensors of a message: numbers(TYPE, …), message(TYPE, …), image("rgb8", [HEIGHT, WIDTH])',
  ],
  "a size of one number": [
    (app) => app.input("/picture", image("8UC1", 4 as never)),
    "message/argument: image: size cannot be 4\nit takes [height, width], whole numbers from 1",
  ],
};

describe("a user's mistake is answered in words of the application:", () => {
  it.each(Object.entries(mistakes))("%s", (_, [define, expected]) => expect(answer(define)).toBe(expected));

  it("an async declaration", () => {
    expect(() => application("test", (async () => undefined) as never)).toThrow(
      expect.objectContaining({
        code: "application/async",
        message: 'application "test" is declared by an async function',
      }),
    );
  });

  it("a world with a part under another name", () => {
    const world = { name: "hill", period: 10e6, step: () => undefined, summary: () => ({}) };
    expect(() => checkWorld(world as never)).toThrow(
      expect.objectContaining({
        code: "world/period",
        message: 'the world "hill" has no periodNs',
        help: "is its period meant? give the nanoseconds from one step to the next, 1 at least: periodNs: 10e6 for 10 ms",
      }),
    );
    const { period: _, ...rest } = { ...world, periodNs: 10e6 };
    expect(() => checkWorld({ ...rest, summary: undefined, sumary: () => ({}) } as never)).toThrow(
      expect.objectContaining({ code: "world/shape", message: 'the world "hill" has no summary' }),
    );
  });
});
