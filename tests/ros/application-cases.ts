// An application as a node of ROS 2: what rclpy sends reaches a task, and what the task says reaches rclpy.
import assert from "node:assert/strict";
import { interval, map, takeWhile } from "rxjs";
import { application, runApplication, tensorType, trace } from "../../launch/index.ts";
import { defaultQuality, openTransport } from "../../nodes/index.ts";
import { readRecording, replay } from "../../sim/index.ts";
import { doubling, type Started, Workplace } from "../command-line/command.ts";
import type { Peer } from "./peer.ts";
import type { PeerCase } from "./peer-cases.ts";

const type = "std_msgs/msg/Float32";

export const applicationCases: readonly PeerCase[] = [
  {
    name: "an application run with --ros answers rclpy, and its recording replays bit for bit",
    run: async ({ peer }) => {
      const workplace = new Workplace();
      let running: Started | undefined;
      try {
        workplace.write({
          "app.ts": doubling(undefined, `app.output("/twice", "std_msgs/msg/Float32", task.outputs, { y: "data" });`),
        });
        await peer.subscribe("/twice", type, defaultQuality, true);
        running = workplace.begin("run", "app.ts", "--ros", "--record", "run.mcap");
        // Waits until the node is there.
        await peer.advertise("/value", type, defaultQuality, 1);
        // An input asks for best effort: what is sent right after two ends have met may be lost.
        for (let answered = false, tries = 0; !answered; tries++) {
          assert.ok(tries < 300, "the application answers");
          await peer.publishValue("/value", { data: 21 });
          await new Promise((resolve) => setTimeout(resolve, 100));
          const came = await peer.take<{ readonly data: number }>("/twice", 0);
          answered = came.some(({ data }) => data === 42);
        }
        running.child.kill("SIGTERM");
        const { code, error } = await running.ended;
        assert.equal(code, 143);
        assert.match(error, /^(.*\n)?interrupted at .*: the run ends there\n$/);
        const replayed = await workplace.isochron("replay", "run.mcap", "--verify", "--json");
        assert.equal(replayed.error, "");
        assert.equal((JSON.parse(replayed.out) as { bitExact: boolean }).bitExact, true);
      } finally {
        running?.child.kill("SIGKILL");
        workplace.remove();
      }
    },
  },
  {
    name: "rclpy sets a parameter, calls a service and an action of a pipeline, and the recording replays bit for bit with what came",
    run: async ({ peer }) => {
      const workplace = new Workplace();
      const record = workplace.path("called.mcap");
      let asked: Promise<void> | undefined;
      const transport = await openTransport("rclnodejs", { name: "called", namespace: "/tests" });
      try {
        await runApplication(called(), {
          transport,
          record,
          onStart: (running) => {
            asked = askedByPeer(peer).finally(() => running.stop());
          },
        });
        await asked;
        const recording = await readRecording(record);
        assert.equal(replay(recording).bitExact, true);
        const came = recording.application.inputs.map(({ topic, channel }) => {
          const admitted = recording.events.filter((event) => event.kind === "admit" && event.channel === channel);
          return [topic, admitted.length] as const;
        });
        assert.deepEqual(Object.fromEntries(came), {
          "/isochron/parameters/gain": 2,
          "/enable/_service/request": 2,
          "/count/_action/goal": 3,
          "/count/_action/cancel": 1,
        });
      } finally {
        await transport.close();
        workplace.remove();
      }
    },
  },
];

const half = trace(({ gain }) => ({ y: gain.mul(0.5) }), { gain: tensorType("f32", []) }, { name: "half" });

/** A parameter of a task, and a service and an action of pipelines. */
const called = () =>
  application("called", (app) => {
    const gain = app.parameter("gain", "f32", 1, { min: 0, max: 2 });
    const task = app.task("half", half, { inputs: { gain }, period: "10ms", budget: "100us", deadline: "9ms" });
    app.output("/half", type, task.outputs, { y: "data" });
    app.service<{ readonly data: boolean }>("/enable", "std_srvs/srv/SetBool", ({ data }) => ({
      success: data,
      message: data ? "on" : "off",
    }));
    app.action<{ readonly order: number }>(
      "/count",
      "example_interfaces/action/Fibonacci",
      ({ order }) =>
        interval(5, app.clock).pipe(
          map((at) => (at < order ? { feedback: { sequence: [at] } } : { result: { sequence: [at] } })),
          takeWhile((step) => "feedback" in step, true),
        ),
      { accept: ({ order }) => order > 0 },
    );
  });

async function askedByPeer(peer: Peer): Promise<void> {
  assert.deepEqual(await peer.set("/tests/called", "gain", 1.5), [true, ""]);
  const [unset, why] = await peer.set("/tests/called", "gain", 3.5);
  assert.equal(unset, false);
  assert.match(why, /gain may be 0 or more and 2 or less, 3.5 is not/);
  const [isThere, reason] = await peer.set("/tests/called", "gian", 1);
  assert.equal(isThere, false);
  assert.match(reason, /gian/);
  for (const data of [true, false])
    assert.deepEqual(await peer.ask("std_srvs/srv/SetBool", "/enable", { data }), {
      success: data,
      message: data ? "on" : "off",
    });
  const action = "example_interfaces/action/Fibonacci";
  const sequences = [0, 1, 2].map((at) => ({ sequence: [at] }));
  const done = { status: 4, result: { sequence: [3] }, feedback: sequences };
  assert.deepEqual(await peer.pursue(action, "/count", { order: 3 }), done);
  assert.deepEqual(await peer.pursue(action, "/count", { order: -3 }), { accepted: false });
  const left = await peer.pursue(action, "/count", { order: 100_000 }, 2);
  assert.ok("status" in left);
  assert.deepEqual([left.status, left.result], [5, { sequence: [] }]);
}
