// `isochron run` as a node: parameters, the epoch, names, and transports by name.

import { afterAll, describe, expect, it } from "vitest";
import { Definitions, defaultQuality, layoutOf, messageWriter, openTransport } from "../../nodes/index.ts";
import { freePlace } from "../../nodes/middleware/testing/free-place.ts";
import { readRecording, replay } from "../../sim/index.ts";
import { doubling, Workplace } from "./command.ts";

const place = new Workplace();
afterAll(() => place.remove());

const source = doubling(
  `period: "10ms", budget: "1ms", deadline: "5ms"`,
  `const gain = app.parameter("gain", "f32", 1, { max: 4 });
  app.task("scale", twice, { inputs: { x: gain }, period: "10ms", budget: "1ms", deadline: "5ms" });`,
);

describe("isochron run", () => {
  it("takes parameters and the epoch, from --ros-args too, and records them", async () => {
    place.write({ "node.ts": source });
    place.write({
      "node.yaml": "/**: { ros__parameters: { gain: 2, other: 5 } }\ndoubling: { ros__parameters: { gain: 2.5 } }\n",
    });
    const given = ["-d", "25ms", "--epoch", "1700000000000000000", "--params-file", "node.yaml"];
    const { code, error } = await place.shared("run", "node.ts", ...given, "--record", "a.mcap");
    expect({ code, error }).toEqual({ code: 0, error: "" });
    const first = await readRecording(place.path("a.mcap"));
    const firstValue = (events: typeof first.events) => {
      const found = events.find((event) => event.kind === "admit");
      return found?.kind === "admit" ? Buffer.from(found.bytes).readFloatLE(4) : undefined;
    };
    expect(first.epochNs).toBe(1_700_000_000_000_000_000n);
    expect(firstValue(first.events)).toBe(2.5);
    await place.shared("run", "node.ts", ...given, "--record", "b.mcap", "--ros-args", "-p", "gain:=3.5");
    expect(firstValue((await readRecording(place.path("b.mcap"))).events)).toBe(3.5);
  });

  it.each([
    [["--ros-args", "-p", "gain:=9"], "parameter/range", "it takes a number of 4 at most"],
    [["-p", "gian:=1"], "parameter/unknown", "did you mean gain?"],
    [["-p", "gain"], "command/ros-args", ""],
    [["--ros-args", "--fast"], "command/ros-args", "it takes -r FROM:=TO"],
    [["--transport", "carrier-pigeon"], "transport/unknown", "rclnodejs"],
    [["--ros", "--transport", "zeromq"], "command/transport", "give one of them"],
  ])("refuses %j by one error", async (given, code, help) => {
    place.write({ "node.ts": source });
    const { code: exit, error } = await place.shared("run", "node.ts", "-d", "25ms", ...given);
    expect(exit).toBe(1);
    expect(error).toContain(`error[${code}]`);
    expect(error).toContain(help);
  });

  it("as a node answers another process until SIGTERM, which leaves its recording and report whole", async () => {
    place.write({
      "answering.ts": doubling(
        `on: value, minInterval: "10ms", budget: "1ms", deadline: "9ms"`,
        `app.output("/double", "std_msgs/msg/Float32", task.outputs, { y: "data" });`,
      ),
    });
    const carrier = `zeromq:${await freePlace()}`;
    const given = ["--transport", carrier, "--record", "node.mcap", "--json", "--ros-args", "-r", "/value:=/sensed"];
    const { child, ended } = place.begin("run", "answering.ts", ...given);
    const neighbour = await openTransport(carrier, { name: "neighbour", namespace: "/" });
    const end = (topic: string) => ({ topic, type: float, quality: defaultQuality, definitions: Definitions.common });
    let heard = 0;
    neighbour.subscribe(end("/double"), () => {
      if (++heard === 5) child.kill("SIGTERM");
    });
    const publication = neighbour.advertise(end("/sensed"));
    let value = 0;
    const sending = setInterval(() => publication.publish(writeFloat({ data: ++value })), 12);
    const { code, out, error } = await ended;
    clearInterval(sending);
    await neighbour.close();
    expect({ code, error }).toEqual({ code: 143, error: expect.any(String) });
    const said = JSON.parse(out);
    expect(said).toMatchObject({ interrupted: true, mode: "live", transport: { name: "zeromq" } });
    expect(said.transport.received).toBeGreaterThanOrEqual(5);
    const recording = await readRecording(place.path("node.mcap"));
    expect(recording.application.inputs.map(({ topic }) => topic)).toContain("/value");
    expect(Number(recording.epochNs / 1_000_000n)).toBeGreaterThan(Date.now() - 600_000);
    expect(replay(recording)).toMatchObject({ bitExact: true, hash: said.hash });
  });
});

const float = "std_msgs/msg/Float32";
const writeFloat = messageWriter(layoutOf(float, Definitions.common));
