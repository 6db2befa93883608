// What a transport of ROS 2 refuses, and how its processes end.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { IsochronError } from "../../kernels/index.ts";
import { rosFolder } from "../../launch/setup/ros-environment.mjs";
import { Definitions, defaultQuality, type QualityOfService } from "../../nodes/index.ts";
import { messagesOf } from "../../nodes/messages/interfaces.ts";
import type { PeerCase } from "./peer-cases.ts";

const refused = (code: string, text: RegExp, ask: () => unknown): void =>
  assert.throws(ask, (error: unknown) => {
    assert.ok(error instanceof IsochronError, String(error));
    assert.equal(error.code, code);
    assert.match(error.render(), text);
    return true;
  });

const end = (type: string, quality: Partial<QualityOfService> = {}, definitions = Definitions.common) => ({
  topic: "/refused",
  type,
  quality: { ...defaultQuality, ...quality },
  definitions,
});

/** Runs a program of one file in a process of its own; how it ended, and what it said. */
async function ended(program: string, env: NodeJS.ProcessEnv = process.env): Promise<{ code: unknown; said: string }> {
  const folder = mkdtempSync(join(tmpdir(), "isochron-ros-"));
  const nodes = fileURLToPath(new URL("../../nodes/index.ts", import.meta.url));
  const hook = fileURLToPath(new URL("../../launch/hook/register.mjs", import.meta.url));
  const file = join(folder, "program.mjs");
  writeFileSync(
    file,
    `import ${JSON.stringify(hook)};\nconst { openTransport } = await import(${JSON.stringify(nodes)});\n${program}`,
  );
  const child = spawn(process.execPath, [file], { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
  const [code, signal] = await once(child, "close");
  rmSync(folder, { recursive: true });
  return { code: signal ?? code, said };
}

/** Opens a transport; prints the error where that is refused. */
const opening = `const open = (then = () => undefined) =>
  openTransport("rclnodejs", { name: "leaving", namespace: "/" }).then(then, (error) => console.log(error.render?.() ?? error.stack));
`;

/** Takes all ports that the standard gives a domain. */
const allPortsOf = (domain: number): Promise<Socket[]> =>
  Promise.all(
    Array.from({ length: 250 }, (_, at) => {
      const socket = createSocket("udp4");
      return new Promise<Socket>((resolve) => {
        // Taken by somebody else: that is just as well.
        socket.once("error", () => resolve(socket));
        socket.bind({ port: 7400 + 250 * domain + at, exclusive: true }, () => resolve(socket));
      });
    }),
  );

export const refusalCases: readonly PeerCase[] = [
  {
    name: "a type without type support is refused by its name, with the way to get it",
    run: async ({ one }) => {
      const own = Definitions.common.with([{ type: "nowhere_msgs/msg/Thing", text: "float32 x" }]);
      const text =
        /no type support for nowhere_msgs\/msg\/Thing, the type of \/refused[\s\S]*isochron messages FOLDER --package/;
      refused("transport/type", text, () => one.advertise(end("nowhere_msgs/msg/Thing", {}, own)));
      refused("transport/type", text, () => one.subscribe(end("nowhere_msgs/msg/Thing", {}, own), () => undefined));
    },
  },
  {
    name: "a type that ROS 2 defines otherwise is refused, with the first field that differs",
    run: async ({ one }) => {
      const other = Definitions.common.with([
        { type: "geometry_msgs/msg/Point", text: "float64 x\nfloat64 y\nfloat32 z" },
      ]);
      const text =
        /geometry_msgs\/msg\/Pose, the type[\s\S]*field 3 of geometry_msgs\/msg\/Point is float32 z here, and float64 z in/;
      refused("transport/definition", text, () => one.advertise(end("geometry_msgs/msg/Pose", {}, other)));
    },
  },
  {
    name: "a service or an action that ROS 2 defines otherwise is refused, with the part and the first field that differs",
    run: async ({ one }) => {
      const calls = one.calls!;
      const definitions = Definitions.common.with([
        ...messagesOf({ kind: "srv", type: "std_srvs/srv/SetBool", text: "bool data\n---\nbool success\nint32 code" }),
        ...messagesOf({
          ...{ kind: "action", type: "example_interfaces/action/Fibonacci" },
          text: "int32 order\n---\nint32[] sequence\n---\nint64[] sequence",
        }),
      ]);
      const end = (type: string) => ({ name: "/refused", type, definitions });
      const other =
        /std_srvs\/srv\/SetBool, the type of \/refused[\s\S]*field 2 of std_srvs\/srv\/SetBool_Response is int32 code here, and string message in .*SetBool\.srv[\s\S]*app\.messages\(".*\/share\/std_srvs\/srv", \{ package: "std_srvs" \}\)/;
      refused("transport/definition", other, () => calls.client(end("std_srvs/srv/SetBool")));
      refused("transport/definition", other, () =>
        calls.serve(end("std_srvs/srv/SetBool"), () => Promise.resolve(Uint8Array.of())),
      );
      const part =
        /field 1 of example_interfaces\/action\/Fibonacci_Feedback is int64\[\] sequence here, and int32\[\] sequence in .*Fibonacci\.action/;
      refused("transport/definition", part, () => calls.actionClient(end("example_interfaces/action/Fibonacci")));
      const handlers = { accepts: () => true, start: () => undefined };
      refused("transport/definition", part, () =>
        calls.serveAction(end("example_interfaces/action/Fibonacci"), handlers),
      );
    },
  },
  {
    name: "policies that rclnodejs cannot set are refused by their names",
    run: async ({ one }) => {
      const type = "std_msgs/msg/String";
      const text = /rclnodejs cannot set deadline and lease of \/refused/;
      refused("transport/quality", text, () => one.advertise(end(type, { deadlineNs: 1e6, leaseNs: 1e9 })));
      refused("transport/quality", /lifespan/, () => one.advertise(end(type, { lifespanNs: 1e9 })));
    },
  },
  {
    name: "a domain that there is not is refused, where ROS 2 would end the process; one whose ports are taken is opened all the same",
    run: async ({ open }) => {
      const before = process.env.ROS_DOMAIN_ID;
      const taken = 40;
      const sockets = await allPortsOf(taken);
      try {
        for (const domain of ["233", "-1", "nine"]) {
          process.env.ROS_DOMAIN_ID = domain;
          await assert.rejects(open(), {
            code: "transport/domain",
            message: new RegExp(`ROS_DOMAIN_ID is "${domain}"`),
          });
        }
        process.env.ROS_DOMAIN_ID = String(taken);
        await (await open()).close();
      } finally {
        process.env.ROS_DOMAIN_ID = before;
        for (const each of sockets) each.close();
      }
    },
  },
  {
    name: "a process that ends with its node open ends as it was told to",
    run: async () => {
      const { code, said } = await ended(`${opening} await open(() => process.exit(3));`);
      assert.deepEqual({ code, said }, { code: 3, said: "" });
    },
  },
  {
    name: "a process without ROS 2, without rclnodejs or with the wrong libraries says what is missing and builds nothing",
    run: async () => {
      const { LD_LIBRARY_PATH: _, NODE_PATH: __, ...env } = process.env;
      const { said } = await ended(
        `${opening}
const { ROS_DISTRO } = process.env;
delete process.env.ROS_DISTRO;
await open();
process.env.ROS_DISTRO = ROS_DISTRO;
await open();
process.chdir(${JSON.stringify(join(rosFolder, "js"))});
await open();`,
        env,
      );
      const [unsourced, absent, unloadable] = said.split(/^(?=error)/m);
      assert.match(unsourced!, /^error\[transport\/missing\]: no ROS 2 is sourced in this shell\n/);
      assert.match(absent!, /^error\[transport\/missing\]: rclnodejs is not installed\n.*npm install rclnodejs@/);
      assert.match(
        unloadable!,
        /^error\[transport\/missing\]: rclnodejs's binary does not load\n[\s\S]*\.so[\s\S]*npm rebuild/,
      );
    },
  },
];
