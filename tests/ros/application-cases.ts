// An application as a node of ROS 2: what rclpy sends reaches a task, and what the task says reaches rclpy.
import assert from "node:assert/strict";
import { defaultQuality } from "../../nodes/index.ts";
import { doubling, Workplace } from "../command-line/command.ts";
import type { PeerCase } from "./peer-cases.ts";

const type = "std_msgs/msg/Float32";

export const applicationCases: readonly PeerCase[] = [
  {
    name: "an application run with --ros answers rclpy, and its recording replays bit for bit",
    run: async ({ peer }) => {
      const workplace = new Workplace();
      try {
        workplace.write({
          "app.ts": doubling(undefined, `app.output("/twice", "std_msgs/msg/Float32", task.outputs, { y: "data" });`),
        });
        await peer.subscribe("/twice", type, defaultQuality, true);
        const running = workplace.begin("run", "app.ts", "--ros", "--record", "run.mcap");
        // Waits until the node is there.
        await peer.advertise("/value", type, defaultQuality, 1);
        await peer.publishValue("/value", { data: 21 });
        for (;;) {
          const came = await peer.take<{ readonly data: number }>("/twice", 1);
          if (came.some(({ data }) => data === 42)) break;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        running.child.kill("SIGTERM");
        const { code, error } = await running.ended;
        assert.equal(code, 143);
        assert.match(error, /^(.*\n)?interrupted at .*: the run ends there\n$/);
        const replayed = await workplace.isochron("replay", "run.mcap", "--verify", "--json");
        assert.equal(replayed.error, "");
        assert.equal((JSON.parse(replayed.out) as { bitExact: boolean }).bitExact, true);
      } finally {
        workplace.remove();
      }
    },
  },
];
