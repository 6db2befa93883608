// The examples as nodes of ROS 2: rclpy feeds their cameras and takes their commands, live and in lockstep with its clock.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PNG } from "pngjs";
import road from "../../examples/road/app.ts";
import { runApplication } from "../../launch/index.ts";
import { defaultQuality, openTransport, type Transport } from "../../nodes/index.ts";
import { openLog, type Recording, readRecording, replay } from "../../sim/index.ts";
import { type Started, Workplace } from "../command-line/command.ts";
import { codec } from "./messages.ts";
import type { Peer } from "./peer.ts";
import type { PeerCase } from "./peer-cases.ts";

const example = (name: string): string => fileURLToPath(new URL(`../../examples/${name}/app.ts`, import.meta.url));
const drive = fileURLToPath(new URL("../../../shared/data/highway/highway.mcap", import.meta.url));
const cacheDir = fileURLToPath(new URL("../../.cache/isochron", import.meta.url));

const steering = "ackermann_msgs/msg/AckermannDriveStamped";
interface Command {
  readonly header: { readonly stamp: { readonly sec: number; readonly nanosec: number } };
  readonly drive: { readonly steering_angle: number };
}
const commands = codec<Command>(steering);
const asText = ({ header, drive }: Command): string =>
  `${header.stamp.sec}.${header.stamp.nanosec}: ${drive.steering_angle}`;

/** What the camera of the road sees in a run without ROS 2, and what that run came to. */
async function seenOnTheRoad(place: Workplace, duration: "600ms") {
  const record = place.path("inside.mcap");
  const { hash } = await runApplication(road, { duration, record, cacheDir });
  const { events } = await readRecording(record);
  const frames = events.flatMap((event) => (event.kind === "admit" ? [{ time: event.time, bytes: event.bytes }] : []));
  return { hash, frames };
}

/** Pictures of the drive, or a grey one where that is not there. */
async function seenOnTheHighway(): Promise<Uint8Array[]> {
  if (existsSync(drive)) {
    const found: Uint8Array[] = [];
    const topics = ["/camera/image/compressed"];
    for await (const { bytes } of (await openLog(drive)).messages({ topics, by: "log" }))
      if (found.push(bytes) === 25) break;
    return found;
  }
  const grey = new PNG({ width: 960, height: 540, colorType: 2 });
  grey.data.fill(128);
  const { write } = codec("sensor_msgs/msg/CompressedImage");
  const header = { stamp: { sec: 0, nanosec: 0 }, frame_id: "camera" };
  return [write({ header, format: "png", data: PNG.sync.write(grey) })];
}

/** Cameras give a picture every 40 ms; here they hurry, as much as `minInterval` lets them, for ten seconds. */
const [pictures, periodS] = [313, 0.032];

/** That what rclpy had is of what was recorded, in its order, and at least half of it. */
function agree(came: readonly Command[], { application, events, epochNs }: Recording): void {
  const output = application.outputs.findIndex(({ type }) => type === steering);
  const recorded = events.flatMap((event) =>
    event.kind === "message" && event.output === output ? [commands.read(event.bytes)] : [],
  );
  const order = new Map(recorded.map((each, at) => [asText(each), at]));
  const places = came.map((each) => order.get(asText(each)));
  assert.ok(!places.includes(undefined), "every command that came was recorded");
  assert.deepEqual(
    places,
    [...new Set(places)].sort((a, b) => a! - b!),
  );
  assert.ok(came.length >= recorded.length / 2, `${came.length} of ${recorded.length} commands came`);
  const first = recorded[0]!.header.stamp;
  const sinceEpoch = BigInt(first.sec) * 1_000_000_000n + BigInt(first.nanosec) - epochNs;
  assert.ok(sinceEpoch >= 0n && sinceEpoch < 1_000_000_000n, "stamps are counted from the epoch");
}

async function nodesOf(peer: Peer, place: Workplace): Promise<void> {
  const cameras = {
    road: { topic: "/camera/image", type: "sensor_msgs/msg/Image" },
    highway: { topic: "/camera/image/compressed", type: "sensor_msgs/msg/CompressedImage" },
  };
  const names = Object.keys(cameras) as (keyof typeof cameras)[];
  const frames = {
    road: (await seenOnTheRoad(place, "600ms")).frames.map(({ bytes }) => bytes),
    highway: await seenOnTheHighway(),
  };
  const running: Started[] = [];
  try {
    for (const name of names) {
      await peer.subscribe(`/${name}/steering`, steering, { ...defaultQuality, depth: 1000 }, true);
      running.push(
        place.begin(
          ...["run", example(name), "--ros", "--record", `${name}.mcap`, "--json"],
          ...["--ros-args", "-r", `/cmd/steering:=/${name}/steering`, "-r", `__ns:=/${name}`],
        ),
      );
    }
    const fed = async (): Promise<void> => {
      for (const { topic, type } of Object.values(cameras)) await peer.advertise(topic, type, defaultQuality, 1);
      await peer.feed(Object.fromEntries(names.map((name) => [cameras[name].topic, frames[name]])), pictures, periodS);
    };
    // One that ends before it is told to has said why.
    const early = Promise.race(running.map(({ ended }) => ended)).then((ended) => assert.fail(JSON.stringify(ended)));
    early.catch(() => undefined);
    await Promise.race([fed(), early]);
    for (const { child } of running) child.kill("SIGINT");
    for (const [at, { ended }] of running.entries()) {
      const { code, out, error } = await ended;
      assert.ok(code === 130 && out !== "", JSON.stringify({ code, out, error }));
      const said = JSON.parse(out) as { readonly hash: string; readonly transport: { readonly received: number } };
      assert.ok(said.transport, out);
      const recording = await readRecording(place.path(`${names[at]}.mcap`));
      const { received } = said.transport;
      assert.ok(received >= pictures / 2 && received <= pictures, `${received} of ${pictures} pictures came`);
      // What comes while the run ends is not admitted any more.
      const admitted = recording.events.filter(({ kind }) => kind === "admit").length;
      assert.ok(admitted >= pictures / 2 && admitted <= received, `${admitted} of ${received} pictures were admitted`);
      agree(await peer.take<Command>(`/${names[at]}/steering`, 0, 0), recording);
      const { bitExact, hash } = replay(recording);
      assert.deepEqual({ bitExact, hash }, { bitExact: true, hash: said.hash });
    }
  } finally {
    for (const { child } of running) child.kill("SIGKILL");
  }
}

/** A node whose subscriptions lose nothing: a message that best effort loses is another run. */
const reliably = (transport: Transport): Transport => ({
  name: transport.name,
  advertise: (end) => transport.advertise(end),
  subscribe: (end, receive) =>
    transport.subscribe({ ...end, quality: { ...end.quality, reliability: "reliable" } }, receive),
  onEvent: (listener) => transport.onEvent(listener),
  graph: () => transport.graph(),
  close: () => transport.close(),
});

const tickMs = 20;

/** The run by a clock of rclpy's, which goes on once the commands are there that are due. */
async function inLockstep(peer: Peer, place: Workplace): Promise<void> {
  const { hash, frames } = await seenOnTheRoad(place, "600ms");
  const transport = await openTransport("rclnodejs", { name: "lockstep", namespace: "/tests" });
  try {
    const topicName = (topic: string): string => `/lockstep${topic}`;
    await peer.subscribe("/lockstep/cmd/steering", steering, defaultQuality, true);
    const met = new Promise<void>((resolve) => {
      transport.onEvent((event) => {
        if (event.kind === "matched" && event.end === "publication" && event.count > 0) resolve();
      });
    });
    const options = { simTime: true, duration: "600ms", topicName, cacheDir } as const;
    const run = runApplication(road, { transport: reliably(transport), ...options });
    await peer.advertise("/lockstep/camera/image", "sensor_msgs/msg/Image", defaultQuality, 1);
    await peer.advertise("/lockstep/clock", "rosgraph_msgs/msg/Clock", defaultQuality, 1);
    await met;
    for (let ms = 0; ms <= 600; ms += tickMs) {
      const frame = frames.find(({ time }) => time === ms * 1e6);
      if (frame) await peer.feed({ "/lockstep/camera/image": [frame.bytes] }, 1, 0);
      await peer.publishValue("/lockstep/clock", { clock: { sec: 100, nanosec: ms * 1e6 } });
      // A command is released every 20 ms and stands 5 ms later.
      const due = Math.floor((ms - 5) / tickMs) + 1;
      const came = await peer.take("/lockstep/cmd/steering", due);
      assert.ok(came.length >= due, `${came.length} of ${due} commands have come by ${ms} ms`);
    }
    const ran = await run;
    assert.deepEqual({ hash: ran.hash, epochNs: ran.report.epochNs }, { hash, epochNs: "100000000000" });
  } finally {
    await transport.close();
  }
}

const inWorkplace =
  (body: (peer: Peer, place: Workplace) => Promise<void>): PeerCase["run"] =>
  async ({ peer }) => {
    const place = new Workplace();
    try {
      await body(peer, place);
    } finally {
      place.remove();
    }
  };

export const exampleCases: readonly PeerCase[] = [
  {
    name: "examples/road and examples/highway are nodes that rclpy feeds with pictures for ten seconds, and replay bit for bit",
    run: inWorkplace(nodesOf),
  },
  {
    name: "examples/road in lockstep with a clock of rclpy has the hash of the same run without ROS 2",
    run: inWorkplace(inLockstep),
  },
];
