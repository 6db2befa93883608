// An application on a transport, as a user's own test runs it: another node feeds it and reads what it publishes.
import { afterAll, describe, expect, it } from "vitest";
import { application, message, runApplication, tensorType, trace } from "../../launch/index.ts";
import {
  Definitions,
  defaultQuality,
  field,
  InProcessNetwork,
  layoutOf,
  messageReader,
  messageWriter,
  type QualityOfService,
  sensorQuality,
  type Transport,
} from "../../nodes/index.ts";
import { readRecording, replay, TransportLink } from "../../sim/index.ts";
import { Workplace } from "../command-line/command.ts";

const place = new Workplace();
const cacheDir = ".cache/kernels";
const float = "std_msgs/msg/Float32";
const vector = "geometry_msgs/msg/Vector3Stamped";
const definitions = Definitions.common;
const writeFloat = messageWriter(layoutOf(float, definitions));
const readVector = messageReader(layoutOf(vector, definitions));

const run = {
  now: () => 0,
  receive: () => undefined,
  setParameter: () => undefined,
  tick: () => undefined,
  fail: () => undefined,
};

const doubled = trace(({ x }) => ({ y: x.mul(2) }), { x: tensorType("f32", []) }, { name: "doubled" });

interface Vector {
  readonly header: { readonly stamp: { readonly sec: number; readonly nanosec: number } };
  readonly vector: { readonly x: number };
}

const doubling = (quality?: "latched") =>
  application("doubling", (app) => {
    const x = app.input("/in", message(float, { x: field("data") }));
    const limits = { minInterval: "10ms", budget: "100us", deadline: "9ms" } as const;
    const task = app.task("double", doubled, { inputs: { x }, on: x, ...limits });
    app.output("/out", vector, task.outputs, { y: "vector.x" }, quality === undefined ? {} : { quality });
  });

/** A node beside the application. */
function neighbour(network: InProcessNetwork) {
  const node = network.join();
  const seen: Vector[] = [];
  const sent: number[] = [];
  let sender: NodeJS.Timeout | undefined;
  /** Sends 1, 2, 3, … until it is stopped. */
  const send = Object.assign(
    (topic: string) => {
      const publication = node.advertise(end(topic, float));
      sender = setInterval(() => {
        sent.push(sent.length + 1);
        publication.publish(writeFloat({ data: sent.length }));
      }, 12);
    },
    {
      stop: () => {
        clearInterval(sender);
        return sent;
      },
    },
  );
  const end = (topic: string, type: string, quality: QualityOfService = defaultQuality) => ({
    topic,
    type,
    quality,
    definitions,
  });
  return {
    seen,
    listen: (topic: string, onMessage: () => void, quality?: QualityOfService) =>
      node.subscribe(end(topic, vector, quality), ({ bytes }) => {
        seen.push(readVector(bytes) as Vector);
        onMessage();
      }),
    send,
  };
}

describe("a run with a transport", () => {
  afterAll(() => place.remove());

  it("answers another node until it is stopped, with stamps of today, and its recording replays bit for bit", async () => {
    const network = new InProcessNetwork();
    const record = place.path("doubling.mcap");
    const { seen, listen, send } = neighbour(network);
    const before = Date.now();
    let epochNs = 0n;
    const result = await runApplication(doubling(), {
      transport: network.join(),
      record,
      cacheDir,
      onStart: (running) => {
        epochNs = running.epochNs;
        listen("/out", () => {
          if (seen.length !== 10) return;
          send.stop();
          running.stop();
        });
        send("/in");
      },
    });
    const sent = send.stop();
    const values = seen.map((each) => each.vector.x);
    expect(values.length).toBeGreaterThanOrEqual(10);
    // On a busy machine the value before stands again where a job was late.
    expect(values).toEqual([...values].sort((a, b) => a - b));
    for (const value of values) expect(value / 2).toBeOneOf(sent);
    expect(result).toMatchObject({ interrupted: true, report: { mode: "live", epochNs: String(epochNs) } });
    const { received, published } = result.report.transport!;
    expect({ received, published }).toEqual({ received: sent.length, published: values.length });
    for (const { header } of seen) {
      const ms = header.stamp.sec * 1e3 + header.stamp.nanosec / 1e6;
      expect(ms).toBeGreaterThan(before - 1000);
      expect(ms).toBeLessThan(Date.now() + 1000);
    }
    const recording = await readRecording(record);
    expect(recording).toMatchObject({ epochNs, lost: 0, damage: [] });
    expect(replay(recording)).toMatchObject({ bitExact: true, hash: result.hash });
  });

  it("says in its report which ends do not fit, and what it received of none", async () => {
    const network = new InProcessNetwork();
    const { seen, listen } = neighbour(network);
    const { report } = await runApplication(doubling(), {
      transport: network.join(),
      duration: "30ms",
      cacheDir,
      onStart: () => {
        listen("/out", () => undefined, { ...sensorQuality, durability: "transient-local" });
        network.join().advertise({ topic: "/in", type: vector, quality: defaultQuality, definitions });
      },
    });
    expect(seen).toEqual([]);
    const found = report.faults.filter(({ kind }) => kind === "incompatible" || kind === "unfed");
    expect(found.map(({ kind, where }) => `${kind} ${where}`)).toEqual([
      "unfed /in",
      "incompatible /out",
      "incompatible /in",
    ]);
    expect(found[1]!.first.reason).toContain("durability");
    expect(found[2]!.first.reason).toBe(`it is ${float} here, and ${vector} at another node`);
    expect(report.verdicts.filter(({ text }) => text.startsWith("no message passes on"))).toHaveLength(2);
  });

  it("offers an output as it was declared", async () => {
    const network = new InProcessNetwork();
    const { seen, listen, send } = neighbour(network);
    await runApplication(doubling("latched"), {
      transport: network.join(),
      cacheDir,
      onStart: (running) => {
        listen("/out", () => {
          if (seen.length > 1) return;
          send.stop();
          // One that comes late is given what was kept, and nothing else comes any more.
          listen("/out", running.stop, { ...defaultQuality, durability: "transient-local" });
        });
        send("/in");
      },
    });
    expect(seen).toHaveLength(2);
    expect(seen[1]).toEqual(seen[0]);
  });

  it("subscribes neither to what pipelines feed nor to what a log does", () => {
    const { declarations } = doubling();
    const subscribed: string[] = [];
    const transport = {
      ...{ name: "listening", onEvent: () => () => undefined, graph: () => [], close: async () => undefined },
      advertise: () => ({ publish: () => undefined, close: () => undefined }),
      subscribe: ({ topic }) => {
        subscribed.push(topic);
        return { close: () => undefined };
      },
    } as Transport;
    expect(declarations.inputs.map(({ topic }) => topic)).toEqual(["/in"]);
    const description = {
      inputs: [{ topic: "/in", type: float }],
      outputs: [],
      publications: [],
      calls: [],
      transforms: [],
      messages: [],
    } as never;
    new TransportLink(description, transport, { isFed: () => true }).open(run, []);
    expect(subscribed).toEqual([]);
    new TransportLink(description, transport, { isFed: () => false, nameOf: (name) => `/arm${name}` }).open(run, []);
    expect(subscribed).toEqual(["/arm/in"]);
  });
});

describe("a link", () => {
  it("sends a message when it stands and not before, in the order of the times, and counts what was not sent", () => {
    const sent: number[] = [];
    const transport = {
      ...{ name: "failing", onEvent: () => () => undefined, graph: () => [], close: async () => undefined },
      subscribe: () => ({ close: () => undefined }),
      advertise: () => ({
        publish: (bytes: Uint8Array) => {
          if (bytes[0] === 3) throw new Error("the wire is cut");
          sent.push(bytes[0]!);
        },
        close: () => undefined,
      }),
    } as Transport;
    const description = {
      inputs: [],
      outputs: [{ topic: "/out", type: float }],
      publications: [],
      calls: [],
      transforms: [],
      messages: [],
    } as never;
    const link = new TransportLink(description, transport, { isFed: () => false });
    link.open(run, []);
    link.put(0, 20, Uint8Array.of(2));
    link.put(0, 10, Uint8Array.of(1));
    link.put(0, 20, Uint8Array.of(3));
    expect(link.nextNs).toBe(10);
    link.sendUntil(19);
    expect(sent).toEqual([1]);
    link.sendUntil(20);
    expect(sent).toEqual([1, 2]);
    expect(link.facts).toMatchObject({
      published: 2,
      findings: [{ kind: "unsent", topic: "/out", count: 1, first: { timeNs: 20, reason: "the wire is cut" } }],
    });
  });
});

describe("a transport and other options", () => {
  const transport = new InProcessNetwork().join();

  it("are refused where they contradict each other", async () => {
    await expect(runApplication(doubling(), { transport, realtime: false })).rejects.toThrow("is live");
    await expect(runApplication(doubling(), { transport: {} as Transport })).rejects.toMatchObject({
      code: "run/transport",
      message: "the transport has no advertise()",
    });
  });
});
