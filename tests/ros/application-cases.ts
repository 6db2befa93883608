// An application as a node of ROS 2: what rclpy sends reaches a task, and what the task says reaches rclpy.
import assert from "node:assert/strict";
import { defaultQuality } from "../../nodes/index.ts";
import { doubling, type Started, Workplace } from "../command-line/command.ts";
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
];
