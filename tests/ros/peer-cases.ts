// Messages between rclpy and a transport of ours, in both directions and by all qualities, and what each sees of the other.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  Definitions,
  defaultQuality,
  type QualityOfService,
  readMessageFiles,
  type Transport,
} from "../../nodes/index.ts";
import type { Opened } from "./cases.ts";
import { codec, type Kind, kinds } from "./messages.ts";
import { Peer, type Told } from "./peer.ts";

/** A test with a node of ours and a node of rclpy's. */
export interface PeerCase {
  readonly name: string;
  run(opened: Opened): Promise<void>;
}

const highway = Definitions.common.with(
  readMessageFiles(fileURLToPath(new URL("../../examples/highway/highway_msgs", import.meta.url))),
);

const longestMs = 30_000;

async function until(holds: () => boolean, what: string): Promise<void> {
  const started = Date.now();
  while (!holds()) {
    if (Date.now() - started > longestMs) throw new Error(`it did not come to be that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

let topics = 0;
const newTopic = (): string => `/peer/t${topics++}`;

const numbers = Array.from({ length: 10 }, (_, at) => at);
const pauseMs = 5;

const qualities: { readonly [name: string]: QualityOfService } = {
  "best effort": { ...defaultQuality, reliability: "best-effort", depth: 10 },
  reliable: { ...defaultQuality, depth: 10 },
};
const latched: QualityOfService = { reliability: "reliable", durability: "transient-local", depth: 2 };

/** Reliable messages all come, in order; of the others some may be lost, and what comes is whole and in order. */
function holds(came: readonly Told[], sent: readonly Told[], quality: QualityOfService): void {
  if (quality.reliability === "reliable") {
    assert.deepEqual(came, sent);
    return;
  }
  const known = new Map(sent);
  for (const [number, hash] of came) assert.equal(hash, known.get(number), `message ${number}`);
  const order = came.map(([number]) => number);
  assert.deepEqual(
    order,
    [...new Set(order)].sort((a, b) => a - b),
  );
}

/** A busy machine loses what need not come: so many times ten more are sent, until at least half of ten have come. */
const mostRounds = 30;

/** Sends messages, each time later ones, and looks at what came of all. */
async function passed(
  quality: QualityOfService,
  send: (numbers: readonly number[]) => Promise<readonly Told[]>,
  came: (sent: readonly Told[]) => Promise<readonly Told[]>,
): Promise<void> {
  const sent: Told[] = [];
  for (let round = 0; round < mostRounds; round++) {
    const first = round * numbers.length;
    sent.push(...(await send(numbers.map((number) => first + number))));
    const there = await came(sent);
    holds(there, sent, quality);
    if (there.filter(([number]) => number >= first).length >= numbers.length / 2) return;
  }
  assert.fail(`of ten messages less than half came, ${mostRounds} times`);
}

/** Subscribes, and has what came. */
function listen(node: Transport, topic: string, kind: Kind, quality: QualityOfService): Told[] {
  const came: Told[] = [];
  node.subscribe({ topic, type: kind.type, quality, definitions: Definitions.common }, ({ bytes }) =>
    came.push(kind.told(bytes)),
  );
  return came;
}

async function advertised(node: Transport, topic: string, kind: Kind, quality: QualityOfService) {
  let readers = 0;
  const stop = node.onEvent((event) => {
    if (event.kind === "matched" && event.topic === topic) readers = event.count;
  });
  const publication = node.advertise({ topic, type: kind.type, quality, definitions: Definitions.common });
  await until(() => readers > 0, `${topic} has a reader`);
  stop();
  return publication;
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, pauseMs));

const carried = Object.entries(qualities).flatMap(([name, quality]): PeerCase[] => [
  {
    name: `messages of rclpy come here: ${name}`,
    run: async ({ one, peer }) => {
      for (const kind of kinds) {
        const topic = newTopic();
        const came = listen(one, topic, kind, quality);
        await peer.advertise(topic, kind.type, quality, 1);
        await passed(
          quality,
          (each) => peer.publish(topic, each, pauseMs / 1000),
          async (sent) => {
            if (quality.reliability === "reliable") await until(() => came.length >= sent.length, "all have come");
            else await pause();
            return came;
          },
        );
      }
    },
  },
  {
    name: `messages of ours come to rclpy: ${name}`,
    run: async ({ one, peer }) => {
      for (const kind of kinds) {
        const topic = newTopic();
        await peer.subscribe(topic, kind.type, quality);
        const publication = await advertised(one, topic, kind, quality);
        const send = async (each: readonly number[]): Promise<Told[]> => {
          const sent: Told[] = [];
          for (const number of each) {
            const bytes = kind.made(number);
            publication.publish(bytes);
            sent.push(kind.told(bytes));
            await pause();
          }
          return sent;
        };
        const within = quality.reliability === "reliable" ? undefined : 0.1;
        await passed(quality, send, (sent) => peer.take(topic, sent.length, within));
      }
    },
  },
]);

const late: readonly PeerCase[] = [
  {
    name: "one that subscribes late here has what rclpy has kept",
    run: async ({ one, peer }) => {
      for (const kind of kinds) {
        const topic = newTopic();
        await peer.advertise(topic, kind.type, latched);
        const sent = await peer.publish(topic, [1, 2, 3]);
        const came = listen(one, topic, kind, latched);
        await until(() => came.length >= 2, "what was kept has come");
        assert.deepEqual(came, sent.slice(1));
      }
    },
  },
  {
    name: "one that subscribes late with rclpy has what we have kept",
    run: async ({ one, peer }) => {
      for (const kind of kinds) {
        const topic = newTopic();
        const publication = one.advertise({
          topic,
          type: kind.type,
          quality: latched,
          definitions: Definitions.common,
        });
        const sent = [1, 2, 3].map((number) => kind.made(number));
        for (const each of sent) publication.publish(each);
        await peer.subscribe(topic, kind.type, latched);
        assert.deepEqual(
          await peer.take(topic, 2),
          sent.slice(1).map((each) => kind.told(each)),
        );
      }
    },
  },
];

const dying: PeerCase = {
  name: "a peer that dies and comes back is heard again; what is sent meanwhile to nobody holds nothing up",
  run: async ({ one }) => {
    const [there, here] = [newTopic(), newTopic()];
    const kind = kinds[0]!;
    const quality = qualities.reliable!;
    const came = listen(one, here, kind, quality);
    const begin = async () => {
      const peer = await Peer.start();
      await peer.subscribe(there, kind.type, quality);
      await peer.advertise(here, kind.type, quality, 1);
      return peer;
    };
    const first = await begin();
    const publication = await advertised(one, there, kind, quality);
    const sent = await first.publish(here, [1, 2]);
    await until(() => came.length >= sent.length, "the first messages have come");
    await first.kill();
    // More than the reader that is gone is kept for.
    for (let number = 0; number < 3 * quality.depth; number++) publication.publish(kind.made(number));
    const second = await begin();
    sent.push(...(await second.publish(here, [3, 4])));
    await until(() => came.length >= sent.length, "those of the second peer have come");
    assert.deepEqual(came, sent);
    await second.close();
  },
};

const point = (x: number) => ({ x, y: 0, z: 0 });
const noOrientation = { x: 0, y: 0, z: 0, w: 1 };
const stamped = (frame: string) => ({ stamp: { sec: 1, nanosec: 2 }, frame_id: frame });

/** Types that no wheel has, each with a message. */
const besides: { readonly [type: string]: object } = {
  "ackermann_msgs/msg/AckermannDriveStamped": {
    header: stamped("car"),
    drive: { steering_angle: 0.25, steering_angle_velocity: 0, speed: 4.5, acceleration: 0, jerk: -1 },
  },
  "tf2_msgs/msg/TFMessage": {
    transforms: [
      {
        header: stamped("map"),
        child_frame_id: "base",
        transform: { translation: point(1.5), rotation: noOrientation },
      },
    ],
  },
  "vision_msgs/msg/Detection2DArray": {
    header: stamped("camera"),
    detections: [
      {
        header: stamped("camera"),
        results: [
          {
            hypothesis: { class_id: "car", score: 0.75 },
            pose: { pose: { position: point(2), orientation: noOrientation }, covariance: new Array(36).fill(0.5) },
          },
        ],
        bbox: { center: { position: { x: 3, y: 4 }, theta: 0 }, size_x: 10, size_y: 20 },
        id: "7",
      },
    ],
  },
  "highway_msgs/msg/LaneEstimate": {
    header: stamped("camera"),
    frame: 3,
    found: true,
    confidence: 0.5,
    left: { intercept: 1, slope: 2 },
    right: { intercept: 3, slope: 4 },
    offset: -0.25,
    heading: 0.125,
  },
};

/** Arrays of numbers as JSON has them. */
const asJson = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, each: unknown) => (ArrayBuffer.isView(each) ? [...(each as Float64Array)] : each)),
  );

const built: PeerCase = {
  name: "messages of packages that isochron messages wrote go both ways",
  run: async ({ one, peer }) => {
    for (const [type, value] of Object.entries(besides)) {
      const { read, write } = codec<object>(type, highway);
      const [here, there] = [newTopic(), newTopic()];
      const end = { type, quality: latched, definitions: highway };
      await peer.subscribe(there, type, latched, true);
      one.advertise({ topic: there, ...end }).publish(write(value));
      assert.deepEqual(await peer.take<unknown>(there, 1), [value]);
      const came: unknown[] = [];
      one.subscribe({ topic: here, ...end }, ({ bytes }) => came.push(asJson(read(bytes))));
      await peer.advertise(here, type, latched, 1);
      await peer.publishValue(here, value);
      await until(() => came.length > 0, "the message has come");
      assert.deepEqual(came, [value]);
    }
  },
};

const graph: PeerCase = {
  name: "rclpy sees our node, its topics, their types and qualities",
  run: async ({ one, peer }) => {
    const topic = newTopic();
    const type = "sensor_msgs/msg/JointState";
    const definitions = Definitions.common;
    one.advertise({ topic, type, quality: latched, definitions });
    one.subscribe({ topic, type, quality: qualities["best effort"]!, definitions }, () => undefined);
    const node = "/tests/isochron_0";
    assert.deepEqual(await peer.seen(node, topic, 2), {
      types: [type],
      ends: [
        { node, type, reliability: "RELIABLE", durability: "TRANSIENT_LOCAL" },
        { node, type, reliability: "BEST_EFFORT", durability: "VOLATILE" },
      ],
    });
  },
};

const parameters: PeerCase = {
  name: "rclpy sees parameters of our node and sets them; what is out of range or of another type is refused with the reason",
  run: async ({ one, peer }) => {
    const set: [string, unknown][] = [];
    one.parameters!(
      [
        { name: "gain", type: "double", value: 0.5, min: 0, max: 1, description: "of the controller" },
        { name: "steps", type: "integer", value: 3 },
        { name: "armed", type: "bool", value: false },
      ],
      (name, value) => {
        if (name === "armed") return "it stays off";
        set.push([name, value]);
        return undefined;
      },
    );
    const node = "/tests/isochron_0";
    const shown = await peer.parameters(node);
    assert.deepEqual([shown.gain, shown.steps, shown.armed], [0.5, 3, false]);
    assert.deepEqual(await peer.set(node, "gain", 0.75), [true, ""]);
    assert.deepEqual(await peer.set(node, "steps", 4), [true, ""]);
    assert.deepEqual(await peer.set(node, "gain", 1.5), [false, "gain may be 0 or more and 1 or less, 1.5 is not"]);
    assert.deepEqual(await peer.set(node, "gain", 1), [false, "gain is of type double"]);
    assert.deepEqual(await peer.set(node, "armed", true), [false, "it stays off"]);
    assert.deepEqual(set, [
      ["gain", 0.75],
      ["steps", 4],
    ]);
    const after = await peer.parameters(node);
    assert.deepEqual([after.gain, after.steps, after.armed], [0.75, 4, false]);
  },
};

export const peerCases: readonly PeerCase[] = [...carried, ...late, built, graph, parameters, dying];
