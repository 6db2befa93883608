// Parameters: inputs that are set from outside, at a logged tag, within their range.
import { afterAll, describe, expect, it } from "vitest";
import {
  application,
  field,
  message,
  type RunApplicationOptions,
  runApplication,
  tensorType,
  trace,
} from "../../launch/index.ts";
import { InProcessNetwork, type NodeParameter, type Transport } from "../../nodes/index.ts";
import { type PublishedMessage, readRecording, replay } from "../../sim/index.ts";
import { Workplace } from "../command-line/command.ts";

const place = new Workplace();
const scaled = trace(
  ({ x, gain, on }) => ({ y: x.mul(gain).mul(on.cast("f32")) }),
  { x: tensorType("f32", []), gain: tensorType("f32", []), on: tensorType("bool", []) },
  { name: "scaled" },
);

/** Scales a world's 1, 2, 3, …, which come every 10 ms; `observe` is told of each. */
const scaling = (observe: (value: number) => void = () => undefined) =>
  application("scaling", (app) => {
    const x = app.input("/in", message("std_msgs/msg/Float32", { x: field("data") }));
    const gain = app.parameter("gain", "f32", 0.5, { min: 0, max: 4, description: "how much" });
    const on = app.parameter("on", "bool", true);
    const limits = { minInterval: "5ms", budget: "100us", deadline: "2ms" } as const;
    const task = app.task("scale", scaled, { inputs: { x, gain, on }, on: x, ...limits });
    app.output("/out", "std_msgs/msg/Float32", task.outputs, { y: "data" });
    app.on<{ readonly data: number }>("/in").subscribe(({ data }) => observe(data));
    let count = 0;
    app.world(() => ({
      name: "counter",
      periodNs: 10e6,
      step: (_, io) => io.publish("/in", { data: ++count }),
      summary: () => ({}),
    }));
  });

const valuesOf = (messages: readonly PublishedMessage[]) =>
  messages.map(({ message: each }) => (each as { readonly data: number }).data);

async function run(app: ReturnType<typeof scaling>, options: RunApplicationOptions = {}) {
  const messages: PublishedMessage[] = [];
  const result = await runApplication(app, {
    duration: "45ms",
    cacheDir: ".cache/kernels",
    onMessage: (each) => messages.push(each),
    ...options,
  });
  return { result, values: valuesOf(messages) };
}

describe("a parameter", () => {
  afterAll(() => place.remove());

  it("begins with its declared value, or with what the run is given", async () => {
    expect((await run(scaling())).values).toEqual([0.5, 1, 1.5, 2, 2.5]);
    expect((await run(scaling(), { parameters: { gain: 2 } })).values).toEqual([2, 4, 6, 8, 10]);
    expect((await run(scaling(), { parameters: { on: false } })).values).toEqual([0, 0, 0, 0, 0]);
  });

  it("takes effect at the tag at which it is set, and replay sees it there", async () => {
    const record = place.path("scaling.mcap");
    let set: (value: number) => void = () => undefined;
    // The third message is seen at 20 ms: a job of that instant is released after it.
    const app = scaling((value) => (value === 3 ? set(3) : undefined));
    const { values, result } = await run(app, {
      record,
      onStart: ({ setParameter }) => (set = (value) => setParameter("gain", value)),
    });
    expect(values).toEqual([0.5, 1, 9, 12, 15]);
    expect(result.report.outOfTurn).toBe(0);
    const recording = await readRecording(record);
    expect(replay(recording)).toMatchObject({ bitExact: true, hash: result.hash });
    const { parameters, inputs } = recording.application;
    expect(parameters.map(({ name, input }) => [name, inputs[input]!.topic])).toEqual([
      ["gain", "/isochron/parameters/gain"],
      ["on", "/isochron/parameters/on"],
    ]);
  });

  it.each([
    [{ gain: 4.5 }, "parameter/range", 'the parameter "gain" cannot be 4.5', "it takes a number from 0 to 4"],
    [{ gain: true }, "parameter/value", 'the parameter "gain" cannot be true', "it takes a number"],
    [{ on: 1 }, "parameter/value", 'the parameter "on" cannot be 1', "it takes true or false"],
    [{ gian: 1 }, "parameter/unknown", 'the application has no parameter "gian"', "did you mean gain?"],
  ])("that is given as %o is refused by one error", async (parameters, code, text, help) => {
    const refused = run(scaling(), { parameters });
    await expect(refused).rejects.toMatchObject({ code, message: text, help: expect.stringContaining(help) });
  });

  it("cannot begin outside of its range", () => {
    expect(() => application("wrong", (app) => void app.parameter("gain", "f32", 2, { max: 1 }))).toThrow(
      'parameter "gain" begins as 2, outside of its own range',
    );
  });

  it("is shown by a transport that has parameters, whose others set it or are told why not", async () => {
    const inner = new InProcessNetwork().join();
    let shown: readonly NodeParameter[] = [];
    const answers: (string | undefined)[] = [];
    const transport: Transport = {
      name: "with parameters",
      advertise: (end) => inner.advertise(end),
      subscribe: (end, receive) => inner.subscribe(end, receive),
      onEvent: (listener) => inner.onEvent(listener),
      graph: () => inner.graph(),
      close: () => inner.close(),
      parameters: (offered, set) => {
        shown = offered;
        setTimeout(() => answers.push(set("gain", 1.5), set("gain", 9)), 30);
      },
    };
    const { result } = await run(scaling(), { transport, parameters: { on: false }, duration: "100ms" });
    expect(shown).toEqual([
      { name: "gain", type: "double", value: 0.5, min: 0, max: 4, description: "how much" },
      { name: "on", type: "bool", value: false },
    ]);
    expect(answers).toEqual([undefined, 'the parameter "gain" cannot be 9: it takes a number from 0 to 4']);
    const messages = result.report.topics.find(({ topic }) => topic === "/isochron/parameters/gain")!.messages;
    expect(messages).toBe(2);
  });
});
