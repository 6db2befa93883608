// A node of ROS 2 that rclpy feeds for ten minutes: memory stays as it is, and the run replays bit for bit.
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { application, field, message, runApplication, state, tensorType, trace } from "../../launch/index.ts";
import { defaultQuality, openTransport } from "../../nodes/index.ts";
import { readRecording, replay } from "../../sim/index.ts";
import { Workplace } from "../command-line/command.ts";
import type { PeerCase } from "./peer-cases.ts";

const asked = process.env.ISOCHRON_SOAK_SECONDS;
const seconds = Number(asked ?? 600);
/** In ten minutes that is more than the ledger of a run without end keeps, so that what grows by then grows for ever. */
const [joints, periodS, megabyte] = ["sensor_msgs/msg/JointState", 0.002, 2 ** 20];

setFlagsFromString("--expose-gc");
/** Collects what JavaScript no longer needs, which it would keep as long as there is memory. */
const collect = runInNewContext("gc") as () => void;

const smoothed = trace(
  ({ x }) => {
    const kept = state("kept", tensorType("f32", [7]), 0);
    const next = kept.get().mul(0.75).add(x.mul(0.25));
    kept.set(next);
    return { y: next };
  },
  { x: tensorType("f32", [7]) },
  { name: "smoothed" },
);

const soaked = () =>
  application("soaked", (app) => {
    const positions = message(joints, { x: field("position[*]", { count: 7, dtype: "f32" }) });
    const x = app.input("/soak/joints", positions, { quality });
    const limits = { budget: "100us", deadline: "600us" } as const;
    const arriving = { inputs: { x }, on: x, minInterval: "1600us", tolerance: "600us", ...limits } as const;
    const task = app.task("smoothed", smoothed, arriving);
    app.output("/soak/smoothed", joints, task.outputs, { y: "position" });
  });

/** Ten seconds may wait: a busy machine is no fault of a node's. */
const quality = { ...defaultQuality, depth: 5000 };

/** The least that was in use at any time in a part of the run, from and to shares of it. */
const leastIn = (samples: readonly number[], from: number, to: number): number =>
  Math.min(...samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to)));

const soak: PeerCase = {
  name: `rclpy feeds a node for ${seconds} s: memory stays as it is, and the run replays bit for bit`,
  run: async ({ peer }) => {
    const workplace = new Workplace();
    const record = workplace.path("soaked.mcap");
    const transport = await openTransport("rclnodejs", { name: "soaked", namespace: "/tests" });
    const used: number[] = [];
    let fed: Promise<number> | undefined;
    const sample = (): void => {
      collect();
      used.push(process.memoryUsage.rss());
    };
    const sampling = setInterval(sample, (seconds * 1000) / 120);
    try {
      const { report, cycles } = await runApplication(soaked(), {
        transport,
        record,
        onStart: (running) => {
          fed = peer
            .advertise("/soak/joints", joints, quality, 1)
            .then(() => peer.keepSending("/soak/joints", seconds, periodS))
            .finally(() => setTimeout(() => running.stop(), 1000));
        },
      });
      const sent = await fed!;
      clearInterval(sampling);
      const grown = leastIn(used, 0.75, 1) - leastIn(used, 0.25, 0.5);
      const received = report.transport?.received ?? 0;
      // What a machine that is too busy has not taken, the middleware has replaced, and tells nobody.
      assert.ok(received <= sent && received > sent / 2, `${received} of ${sent} messages have come`);
      assert.ok(grown < 16 * megabyte, `memory has grown by ${(grown / megabyte).toFixed(1)} MB`);
      const recording = await readRecording(record);
      assert.equal(replay(recording).bitExact, true);
      const mb = (bytes: number) => (bytes / megabyte).toFixed(1);
      process.stdout.write(
        `soak: ${received} of ${sent} messages in ${seconds} s, ${cycles} jobs, ${mb(leastIn(used, 0.25, 0.5))} MB in use, grown by ${mb(grown)} MB\n`,
      );
    } finally {
      clearInterval(sampling);
      await transport.close();
      workplace.remove();
    }
  },
};

/** Nightly, and where it is asked how long. */
export const soakCases: readonly PeerCase[] = asked !== undefined || process.env.ISOCHRON_NIGHTLY === "1" ? [soak] : [];
