// Frames that rclpy tells of on /tf and /tf_static, as an input of a task.
import assert from "node:assert/strict";
import { application, runApplication, tensorType, trace } from "../../launch/index.ts";
import { defaultQuality, openTransport, type QualityOfService } from "../../nodes/index.ts";
import { readRecording, replay } from "../../sim/index.ts";
import { Workplace } from "../command-line/command.ts";
import type { Peer } from "./peer.ts";
import type { PeerCase } from "./peer-cases.ts";

const frames = "tf2_msgs/msg/TFMessage";
const numbers = "std_msgs/msg/Float64MultiArray";
/** As tf2's broadcasters offer them. */
const offered: QualityOfService = { ...defaultQuality, depth: 100 };
const kept: QualityOfService = { reliability: "reliable", durability: "transient-local", depth: 1 };

const half = Math.SQRT1_2;
/** A frame at a place of another, turned to the left by a right angle. */
const left = (frame_id: string, child_frame_id: string, x: number) => ({
  header: { stamp: { sec: Math.floor(Date.now() / 1000), nanosec: (Date.now() % 1000) * 1e6 }, frame_id },
  child_frame_id,
  transform: { translation: { x, y: 0, z: 0 }, rotation: { x: 0, y: 0, z: half, w: half } },
});

const shown = trace(({ camera }) => ({ camera: camera.mul(1) }), { camera: tensorType("f64", [7]) }, { name: "shown" });

const looking = () =>
  application("looking", (app) => {
    const camera = app.transform("map", "camera", { dtype: "f64" });
    const limits = { minInterval: "1ms", budget: "100us", deadline: "1ms" } as const;
    const task = app.task("show", shown, { inputs: { camera }, on: camera, ...limits });
    app.output("/seen", numbers, task.outputs, { camera: "data" });
  });

/** Moves the base until a transform has come back that knows of it; the places that were told, and those that came. */
async function driven(peer: Peer): Promise<{ readonly told: number[]; readonly came: number[][] }> {
  await peer.subscribe("/seen", numbers, defaultQuality, true);
  await peer.advertise("/tf", frames, offered, 1);
  const told: number[] = [];
  for (let x = 1; x <= 3000; x++) {
    told.push(x);
    await peer.publishValue("/tf", { transforms: [left("map", "base", x)] });
    await new Promise((resolve) => setTimeout(resolve, 10));
    const came = (await peer.take<{ readonly data: number[] }>("/seen", 0, 0)).map(({ data }) => data);
    if (new Set(came.map(([at]) => at)).size >= 10) return { told, came };
  }
  assert.fail("no transforms came");
}

const follows: PeerCase = {
  name: "a transform follows what rclpy tells on /tf, by what it told on /tf_static before the node was there; the recording replays bit for bit",
  run: async ({ peer }) => {
    const workplace = new Workplace();
    const record = workplace.path("looking.mcap");
    const transport = await openTransport("rclnodejs", { name: "looking", namespace: "/tests" });
    try {
      await peer.advertise("/tf_static", frames, kept);
      await peer.publishValue("/tf_static", { transforms: [left("base", "camera", 2)] });
      let driving: ReturnType<typeof driven> | undefined;
      await runApplication(looking(), {
        transport,
        record,
        onStart: (running) => {
          driving = driven(peer).finally(() => running.stop());
          driving.catch(() => undefined);
        },
      });
      const { told, came } = await driving!;
      const places = came.map(([x]) => x!);
      assert.ok(places.every((x) => told.includes(x)));
      // The place before stands where a job is late.
      assert.deepEqual(
        places,
        places.toSorted((one, other) => one - other),
      );
      // Two turns to the left are a half turn, and two metres ahead of the base are two to the left of the map's axis.
      for (const [, ...rest] of came)
        assert.deepEqual(
          rest.map((each) => Math.round(each * 1e9) / 1e9),
          [2, 0, 0, 0, 1, 0],
        );
      const recording = await readRecording(record);
      assert.equal(replay(recording).bitExact, true);
      assert.deepEqual(
        recording.application.inputs.map(({ topic }) => topic),
        ["/isochron/transforms/map/camera"],
      );
    } finally {
      await transport.close();
      workplace.remove();
    }
  },
};

export const frameCases: readonly PeerCase[] = [follows];
