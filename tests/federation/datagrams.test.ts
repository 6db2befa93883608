// Topics that go as datagrams: what comes in is admitted, or counted, and what stands goes out, without JavaScript on the way.
import { createSocket, type Socket } from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { application, field, message, numbers, runApplication, tensorType, trace } from "../../launch/index.ts";
import { readRecording, replay } from "../../sim/index.ts";

const folder = mkdtempSync(join(tmpdir(), "isochron-datagrams-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const float32 = "std_msgs/msg/Float32";
const scalar = tensorType("f32", []);
const doubler = trace(({ x }) => ({ data: x.mul(2) }), { x: scalar }, { name: "doubler" });

/** Doubles what comes on `/in`, and sends it back when it is done and when it stands. */
const doubling = (observed: number[] = []) =>
  application("datagrams", (app) => {
    const input = app.input("/in", numbers(float32, { x: { field: "data", dtype: "f32" } }));
    app.input("/list", message("std_msgs/msg/Float32MultiArray", { v: field("data", { count: 4 }) }));
    const limits = { minInterval: "4ms", budget: "1ms", deadline: "4ms", onOverrun: "skip" } as const;
    const task = app.task("double", doubler, { inputs: input.ports, on: input, ...limits });
    app.output("/done", float32, task.outputs, {}, { send: "completion" });
    app.output("/out", float32, task.outputs);
    app.on<{ data: number }>("/out").subscribe(({ data }) => observed.push(data));
  });

const cdr = (value: number): Buffer => {
  const bytes = Buffer.from([0, 1, 0, 0, 0, 0, 0, 0]);
  bytes.writeFloatLE(value, 4);
  return bytes;
};

async function bound(): Promise<Socket> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return socket;
}

/** A port that nobody has at the moment. */
async function freePort(): Promise<number> {
  const socket = await bound();
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("a live run whose topics go as datagrams", { timeout: 120_000 }, () => {
  it("admits and sends what the log has, counts what is no message, and is replayed bit for bit", async () => {
    const [done, out, sender] = [await bound(), await bound(), await bound()];
    const came = { done: [] as number[], out: [] as number[] };
    done.on("message", (bytes) => came.done.push(bytes.readFloatLE(4)));
    out.on("message", (bytes) => came.out.push(bytes.readFloatLE(4)));
    const [port, listPort] = [await freePort(), await freePort()];
    const send = (bytes: Buffer, to = port) => sender.send(bytes, to, "127.0.0.1");
    const observed: number[] = [];
    const path = join(folder, "run.mcap");
    const to = (socket: Socket) => `udp://127.0.0.1:${socket.address().port}`;
    const oversized = Buffer.concat([Buffer.from([0, 1, 0, 0]), Buffer.alloc(4), Buffer.alloc(4), Buffer.alloc(4)]);
    oversized.writeUInt32LE(0xffff_ffff, 12);
    const bad = [
      Buffer.alloc(0),
      cdr(1).subarray(0, 7),
      cdr(1).subarray(0, 2),
      // XCDR2, a parameter list, and nothing that is known.
      ...[
        [0, 7],
        [0, 3],
        [0x7f, 1],
      ].map(([first, second]) => Buffer.from([first!, second!, 0, 0, 0, 0, 0, 0])),
    ];
    const { report } = await runApplication(doubling(observed), {
      cacheDir: ".cache/kernels",
      record: path,
      datagrams: {
        "/in": `udp://127.0.0.1:${port}`,
        "/list": `udp://127.0.0.1:${listPort}`,
        "/done": to(done),
        "/out": to(out),
      },
      onStart: ({ stop }) => {
        void (async () => {
          await pause(100);
          for (let value = 1; value <= 40; value++) {
            send(cdr(value));
            if (value % 5 === 0) send(bad[value / 5 - 1] ?? cdr(0).subarray(0, 5));
            await pause(10);
          }
          send(oversized, listPort);
          await pause(300);
          stop();
        })();
      },
    });
    await pause(50);
    for (const socket of [done, out, sender]) socket.close();

    const { events, ...recording } = await readRecording(path);
    const logged = events.flatMap((event) => (event.kind === "message" ? [event] : []));
    const of = (output: number) =>
      logged.filter((event) => event.output === output).map(({ bytes }) => Buffer.from(bytes).readFloatLE(4));
    expect(of(0).length).toBeGreaterThan(10);
    expect(came).toEqual({ done: of(0), out: of(1) });
    expect(observed).toEqual(of(1));
    const rejected = Object.fromEntries(report.topics.map((each) => [each.topic, each.rejected]));
    expect(rejected).toMatchObject({ "/in": 8, "/list": 1 });
    expect(report.datagrams.map(({ topic, received }) => [topic, received])).toEqual([
      ["/in", 48],
      ["/list", 1],
    ]);
    expect(
      report.departures.map(({ topic, send, left, unsent, missed }) => ({ topic, send, left, unsent, missed })),
    ).toEqual([
      { topic: "/done", send: "completion", left: of(0).length, unsent: 0, missed: 0 },
      { topic: "/out", send: "publication", left: of(1).length, unsent: 0, missed: 0 },
    ]);
    expect(replay({ events, ...recording })).toMatchObject({ bitExact: true });
  });

  it("names what is no topic of the application, and what is no address", async () => {
    const refused = (datagrams: Record<string, string>) =>
      runApplication(doubling(), { cacheDir: ".cache/kernels", duration: "10ms", datagrams });
    await expect(refused({ "/other": "udp://127.0.0.1:1" })).rejects.toMatchObject({
      code: "datagram/topic",
      message: 'there is no input and no output "/other" to go as datagrams',
    });
    await expect(refused({ "/in": "127.0.0.1:1" })).rejects.toMatchObject({ code: "datagram/address" });
    await expect(refused({ "/in": "unix:///no/such/folder/in.sock" })).rejects.toMatchObject({
      code: "datagram/receive",
    });
    await expect(refused({ "/out": `unix://${folder}/nobody.sock` })).rejects.toMatchObject({ code: "datagram/send" });
  });
});
