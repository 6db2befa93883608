// The application description: what follows from a program in types, and what is refused, with which words and where.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, expectTypeOf, it } from "vitest";
import { IsochronError } from "../kernels/index.ts";
import { image, numbers } from "../nodes/index.ts";
import { state, type TensorType, tensorType, trace } from "../runtime/index.ts";
import { printScheduleTable } from "../scheduler/index.ts";
import { type Application, application } from "./application.ts";
import type { ApplicationBuilder } from "./application-builder.ts";
import type { Input, Port } from "./declared.ts";
import type { TaskOptions } from "./index.ts";
import { layOut } from "./lay-out.ts";

const brighten = trace(
  ({ picture, gain }) => {
    const scaled = picture.cast("f32").mul(gain);
    return { sum: scaled.sum(), count: scaled.greater(100).cast("i32").sum() };
  },
  { picture: tensorType("u8", [4, 6]), gain: tensorType("f32", []) },
  { name: "brighten" },
);
const halve = trace(({ x }) => ({ half: x.mul(0.5) }), { x: tensorType("f32", []) }, { name: "halve" });
const raise = trace(({ y }) => ({ more: y.add(1) }), { y: tensorType("f32", []) }, { name: "raise" });
const float = numbers("std_msgs/msg/Float32", { data: { field: "data", dtype: "f32" } });
const vector = numbers("geometry_msgs/msg/Vector3", {
  x: { field: "x", dtype: "f32" },
  y: { field: "y", dtype: "f32" },
});
const limits = { period: "10ms", budget: "1ms", deadline: "5ms" } as const;

const source = readFileSync(fileURLToPath(import.meta.url), "utf8").split("\n");

/** What is refused, in full; the place as the text of that line of this file. */
function refusal(define: (app: ApplicationBuilder) => void): string {
  try {
    layOut(application("test", define));
  } catch (error) {
    if (!(error instanceof IsochronError)) throw error;
    return error
      .render()
      .replace(/--> \S*application\.test\.ts:(\d+):\d+/, (_, line) => `--> ${source[Number(line) - 1]?.trim()}`);
  }
  throw new Error("nothing was refused");
}

describe("an application's types", () => {
  it("a task's outputs are the ports of its graph's outputs", () => {
    application("typed", (app) => {
      const picture = app.input("/picture", image("mono8", [4, 6]));
      const gain = app.input("/gain", float);
      const task = app.task("brighten", brighten, { inputs: { picture, gain }, ...limits });
      expectTypeOf(task.outputs).toEqualTypeOf<{
        readonly sum: Port<TensorType<"f32">>;
        readonly count: Port<TensorType<"i32">>;
      }>();
      expectTypeOf(picture.ports.data).toEqualTypeOf<Port<TensorType<"u8">>>();
      expect(Object.keys(task.outputs)).toEqual(["sum", "count"]);
    }).declarations;
  });

  it("a task asks for every input of its graph, each of its dtype", () => {
    type Options = TaskOptions<{ readonly picture: TensorType<"u8">; readonly gain: TensorType<"f32"> }>;
    type Inputs = Options["inputs"];
    type Bytes = Port<TensorType<"u8">>;
    type Float = Port<TensorType<"f32">>;
    expectTypeOf<{ picture: Bytes; gain: Float }>().toExtend<Inputs>();
    expectTypeOf<{ picture: Input<{ data: TensorType<"u8"> }>; gain: Float }>().toExtend<Inputs>();
    expectTypeOf<{ picture: Bytes }>().not.toExtend<Inputs>();
    expectTypeOf<{ picture: Float; gain: Float }>().not.toExtend<Inputs>();
  });

  it("a task is periodic or on arrival, and has a budget and a deadline", () => {
    type Options = TaskOptions<{ readonly x: TensorType<"f32"> }>;
    type Inputs = { readonly inputs: Options["inputs"] };
    type Limits = { readonly budget: "1ms"; readonly deadline: "5ms" };
    type On = { readonly on: Input<{ data: TensorType<"u8"> }> };
    expectTypeOf<Inputs & Limits & { readonly period: "10ms" }>().toExtend<Options>();
    expectTypeOf<Inputs & Limits & On & { readonly minInterval: "10ms" }>().toExtend<Options>();
    expectTypeOf<Inputs & Limits>().not.toExtend<Options>();
    expectTypeOf<Inputs & Limits & On>().not.toExtend<Options>();
    expectTypeOf<Inputs & { readonly period: "10ms"; readonly budget: "1ms" }>().not.toExtend<Options>();
    expectTypeOf<Inputs & Limits & { readonly period: "10 days" }>().not.toExtend<Options>();
  });
});

describe("an application laid out", () => {
  const halving = (): Application =>
    application("halving", (app) => {
      const value = app.input("/value", float);
      const first = app.task("first", halve, {
        inputs: { x: value },
        on: value,
        minInterval: "4ms",
        budget: "1ms",
        deadline: "3ms",
      });
      const second = app.task("second", halve, {
        inputs: { x: first.outputs.half },
        phase: "2ms",
        onOverrun: "skip",
        ...limits,
      });
      app.chain("through", [value, first, second], { budget: "18ms" });
    });

  it("tasks share a program, read by index, and publish at their deadline", () => {
    const { table, programs, chains, analysis } = layOut(halving());
    expect(programs).toEqual([{ name: "halve", methods: { forward: halve } }]);
    expect(table.tasks).toMatchObject([
      {
        name: "first",
        program: 0,
        trigger: { kind: "arrival", channel: 0, minIntervalNs: 4e6, early: "drop" },
        letNs: 3e6,
        onOverrun: "hold",
        inputs: [{ channel: 0, field: 0 }],
        output: 1,
      },
      {
        name: "second",
        program: 0,
        trigger: { kind: "periodic", periodNs: 10e6, phaseNs: 2e6 },
        letNs: 5e6,
        onOverrun: "skip",
        inputs: [{ channel: 1, field: 0 }],
        output: 2,
      },
    ]);
    expect(table.channels.map(({ name, source }) => [name, source.kind])).toEqual([
      ["/value", "external"],
      ["first", "task"],
      ["second", "task"],
    ]);
    expect(chains).toMatchObject([{ name: "through", from: 0, tasks: [0, 1], budgetNs: 18e6 }]);
    expect(analysis.chains).toMatchObject([{ chain: "through", boundNs: 18e6, budgetNs: 18e6 }]);
  });

  it("carries a tolerance of early arrivals, and the deadline has to end before what it leaves of the interval", () => {
    const tolerant = (tolerance: "1ms" | "2ms") =>
      application("tolerant", (app) => {
        const value = app.input("/value", float);
        const on = { on: value, minInterval: "4ms", tolerance, budget: "1ms", deadline: "3ms" } as const;
        app.task("first", halve, { inputs: { x: value }, ...on });
      });
    expect(layOut(tolerant("1ms")).table.tasks[0]!.trigger).toEqual({
      kind: "arrival",
      channel: 0,
      minIntervalNs: 4e6,
      toleranceNs: 1e6,
      early: "drop",
    });
    expect(() => layOut(tolerant("2ms"))).toThrow(
      'task "first": its deadline, 3 ms, is longer than the 2 ms between releases, the tolerance counted',
    );
  });

  it("carries how old a chain's data may be, and refuses what cannot hold", () => {
    const aged = (maxAge: "30ms" | "8ms") =>
      application("aged", (app) => {
        const value = app.input("/value", float);
        const on = { on: value, minInterval: "4ms", budget: "1ms", deadline: "3ms" } as const;
        const first = app.task("first", halve, { inputs: { x: value }, ...on });
        const second = app.task("second", halve, { inputs: { x: first.outputs.half }, ...limits });
        app.chain("through", [value, first, second], { budget: "18ms", maxAge });
      });
    const { chains, analysis } = layOut(aged("30ms"));
    expect(chains).toMatchObject([{ budgetNs: 18e6, maxAgeNs: 30e6 }]);
    expect(analysis.chains[0]!.age).toMatchObject({ leastNs: 8e6, boundNs: null, longestGapNs: 22e6 });
    expect(() => layOut(aged("8ms"))).toThrow(
      'chain "through" can act on what is 8 ms old and more, its maxAge is 8 ms',
    );
  });

  it("tasks name their methods, and share a program where their graphs are the same under the same names", () => {
    const { table, programs } = layOut(
      application("methods", (app) => {
        const x = app.input("/value", float);
        const first = app.task("first", { forward: halve, raise }, { inputs: { x }, ...limits });
        expectTypeOf(first.outputs).toEqualTypeOf<{ readonly half: Port<TensorType<"f32">> }>();
        const inputs = { y: first.outputs.half };
        const second = app.task("second", { raise, forward: halve }, { method: "raise", inputs, ...limits });
        expectTypeOf(second.outputs).toEqualTypeOf<{ readonly more: Port<TensorType<"f32">> }>();
        app.task("third", halve, { inputs: { x }, ...limits });
        app.task("fourth", { raise }, { method: "raise", inputs, ...limits });
      }),
    );
    expect(programs).toEqual([
      { name: "halve", methods: { forward: halve, raise } },
      { name: "halve-2", methods: { forward: halve } },
      { name: "raise", methods: { raise } },
    ]);
    expect(table.tasks.map(({ program, method }) => [program, method])).toEqual([
      [0, undefined],
      [0, "raise"],
      [1, undefined],
      [2, "raise"],
    ]);
    expect(printScheduleTable(table)).toContain("task second  method raise  every 10 ms");
  });

  it("is the same table each time", () => {
    expect(layOut(halving()).table).toEqual(layOut(halving()).table);
  });
});

describe("an application is refused, with the place,", () => {
  it("when it has no task", () => {
    expect(refusal(() => undefined)).toBe(
      'error[application/empty]: application "test" has no task\n  help: declare one with app.task()',
    );
  });

  it("when two things have one name", () => {
    expect(
      refusal((app) => {
        app.input("/value", float);
        app.output("/value", "std_msgs/msg/Float32", {});
      }),
    ).toBe(
      [
        'error[application/name]: there are two things named "/value"',
        '  --> app.output("/value", "std_msgs/msg/Float32", {});',
        "  help: give each input, task and output a name of its own",
      ].join("\n"),
    );
  });

  it("when its program has no method of the name", () => {
    expect(
      refusal((app) => {
        // @ts-expect-error: "rise" is no method.
        app.task("first", { forward: halve, raise }, { method: "rise", inputs: {}, ...limits });
      }),
    ).toBe(
      [
        'error[application/method]: task "first": its program has no method "rise"',
        '  --> app.task("first", { forward: halve, raise }, { method: "rise", inputs: {}, ...limits });',
        '  help: did you mean raise? name one of its methods: method: "forward", "raise"',
      ].join("\n"),
    );
    expect(
      refusal((app) => {
        // @ts-expect-error: there is no forward, so the method has to be named.
        app.task("first", { raise }, { inputs: {}, ...limits });
      }),
    ).toContain('error[application/method]: task "first": its program has no method "forward"');
  });

  it("when its methods do not share a state of one name", () => {
    const holding = (size: number) =>
      trace(() => ({ y: state("level", tensorType("f32", [size])).get() }), {}, { name: "holding" });
    const graphs = { forward: holding(2), reset: holding(4) };
    expect(
      refusal((app) => {
        app.task("first", graphs, { inputs: {}, ...limits });
      }),
    ).toBe(
      [
        'error[compile/state]: methods "forward" and "reset" do not share the state "level": it is f32[2] in one, f32[4] in the other',
        '  --> app.task("first", graphs, { inputs: {}, ...limits });',
        "  help: a state of one name is one state: give it one type and one initial value, or two names",
      ].join("\n"),
    );
  });

  it("when an input of several tensors stands for one", () => {
    expect(
      refusal((app) => {
        const point = app.input("/point", vector);
        app.task("halve", halve, { inputs: { x: point }, ...limits });
      }),
    ).toBe(
      [
        'error[application/ports]: task "halve": input "x": "/point" has the tensors x, y',
        '  --> app.task("halve", halve, { inputs: { x: point }, ...limits });',
        "  help: name one of them: input.ports.NAME",
      ].join("\n"),
    );
  });

  it("when shapes differ", () => {
    expect(
      refusal((app) => {
        const picture = app.input("/picture", image("mono8", [6, 4]));
        const gain = app.input("/gain", float);
        app.task("brighten", brighten, { inputs: { picture, gain }, ...limits });
      }),
    ).toBe(
      [
        'error[application/wiring]: task "brighten": input "picture" is u8[4,6], but "/picture.data" is u8[6,4]',
        '  --> app.task("brighten", brighten, { inputs: { picture, gain }, ...limits });',
        '  help: connect a tensor of that type, or trace "brighten" with u8[6,4]',
      ].join("\n"),
    );
  });

  it("when an input is not connected, though types were not checked", () => {
    expect(
      refusal((app) => {
        app.task("halve", halve, { inputs: {} as { x: Port<TensorType<"f32">> }, ...limits });
      }),
    ).toBe(
      [
        'error[application/wiring]: task "halve": input "x" is not connected',
        '  --> app.task("halve", halve, { inputs: {} as { x: Port<TensorType<"f32">> }, ...limits });',
        "  help: add inputs: { x: … }",
      ].join("\n"),
    );
  });

  it("when it uses something of another application", () => {
    let other: Input<{ readonly data: TensorType<"f32"> }> | undefined;
    application("other", (app) => {
      other = app.input("/other", float);
    }).declarations;
    expect(
      refusal((app) => {
        app.task("halve", halve, { inputs: { x: other! }, ...limits });
      }),
    ).toBe(
      [
        'error[application/foreign]: task "halve" uses "/other" of another application',
        '  --> app.task("halve", halve, { inputs: { x: other! }, ...limits });',
        "  help: use what this application declared",
      ].join("\n"),
    );
  });

  it("when a deadline is longer than the period", () => {
    expect(
      refusal((app) => {
        const x = app.input("/value", float);
        app.task("halve", halve, { inputs: { x }, ...limits, deadline: "15ms" });
      }),
    ).toBe(
      [
        'error[application/deadline]: task "halve": its deadline, 15 ms, is longer than the 10 ms between releases',
        '  --> app.task("halve", halve, { inputs: { x }, ...limits, deadline: "15ms" });',
        "  help: shorten the deadline or lengthen the period",
      ].join("\n"),
    );
  });

  it("when a duration is none, or a priority is out of range", () => {
    expect(
      refusal((app) => {
        const x = app.input("/value", float);
        app.task("halve", halve, { inputs: { x }, ...limits, phase: "soon" as "1ms" });
      }),
    ).toBe(
      [
        'error[application/option]: task "halve": phase cannot be "soon"',
        '  --> app.task("halve", halve, { inputs: { x }, ...limits, phase: "soon" as "1ms" });',
        '  help: it takes a number with ns, us, ms, s or min, as in "20ms", or whole nanoseconds',
      ].join("\n"),
    );
    expect(
      refusal((app) => {
        const x = app.input("/value", float);
        app.task("halve", halve, { inputs: { x }, ...limits, priority: 99 });
      }),
    ).toBe(
      [
        'error[application/option]: task "halve": priority cannot be 99',
        '  --> app.task("halve", halve, { inputs: { x }, ...limits, priority: 99 });',
        "  help: it takes a whole number from 1 to 98",
      ].join("\n"),
    );
  });

  it("when a core is asked for more time than there is", () => {
    expect(
      refusal((app) => {
        const x = app.input("/value", float);
        app.task("light", halve, { inputs: { x }, ...limits, budget: "3ms" });
        app.task("heavy", halve, { inputs: { x }, ...limits, budget: "8ms" });
      }),
    ).toBe(
      [
        "error[schedule/utilisation]: core 0 is asked for 110 % of its time",
        "  light        budget 3 ms every 10 ms: 30 %",
        "  heavy        budget 8 ms every 10 ms: 80 %",
        '  --> app.task("heavy", halve, { inputs: { x }, ...limits, budget: "8ms" });',
        '  help: move a task to another core, lengthen a period, or give "heavy" a smaller budget',
      ].join("\n"),
    );
  });

  it("when a task cannot end by its deadline", () => {
    expect(
      refusal((app) => {
        const x = app.input("/value", float);
        app.task("urgent", halve, { inputs: { x }, ...limits, budget: "4ms", priority: 60 });
        app.task("patient", halve, { inputs: { x }, ...limits, budget: "2ms" });
      }),
    ).toBe(
      [
        'error[schedule/response-time]: task "patient" can take 6 ms or more, its deadline is 5 ms',
        "  patient      budget 2 ms every 10 ms: 20 %",
        "  urgent       budget 4 ms every 10 ms: 40 %, runs first",
        '  --> app.task("patient", halve, { inputs: { x }, ...limits, budget: "2ms" });',
        "  help: move it to another core, allow it a deadline of 6 ms, or give what runs first smaller budgets",
      ].join("\n"),
    );
  });

  it("when a chain cannot keep its budget", () => {
    expect(
      refusal((app) => {
        const x = app.input("/value", float);
        const first = app.task("first", halve, { inputs: { x }, ...limits });
        const second = app.task("second", halve, { inputs: { x: first.outputs.half }, ...limits });
        app.chain("through", [x, first, second], { budget: "29ms" });
      }),
    ).toBe(
      [
        'error[schedule/chain-budget]: chain "through" can take 30 ms, its budget is 29 ms',
        "  first    sampling 10 ms + deadline 5 ms",
        "  second   sampling 10 ms + deadline 5 ms",
        '  --> app.chain("through", [x, first, second], { budget: "29ms" });',
        '  help: release "second" on arrival of first, or allow 30 ms',
      ].join("\n"),
    );
  });

  it("when a chain passes a task that does not read it", () => {
    expect(
      refusal((app) => {
        const x = app.input("/value", float);
        const first = app.task("first", halve, { inputs: { x }, ...limits });
        const second = app.task("second", halve, { inputs: { x }, ...limits });
        app.chain("through", [x, first, second], { budget: "1s" });
      }),
    ).toBe(
      [
        'error[schedule/chain]: chain "through": task "second" does not read "first"',
        '  --> app.chain("through", [x, first, second], { budget: "1s" });',
        "  help: name the channel and the tasks in the order in which the data passes them",
      ].join("\n"),
    );
  });

  it("when an output shows two tasks", () => {
    expect(
      refusal((app) => {
        const x = app.input("/value", float);
        const a = app.task("a", halve, { inputs: { x }, ...limits });
        const b = app.task("b", halve, { inputs: { x }, ...limits });
        app.output("/both", "std_msgs/msg/Float32", { a: a.outputs.half, b: b.outputs.half });
      }),
    ).toBe(
      [
        'error[application/output]: output "/both" must show outputs of one task',
        '  --> app.output("/both", "std_msgs/msg/Float32", { a: a.outputs.half, b: b.outputs.half });',
        "  help: pass task.outputs, or some of them",
      ].join("\n"),
    );
  });
});
