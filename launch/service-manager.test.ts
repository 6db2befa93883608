// What a service tells its manager, read by another program from the socket that the manager would listen on.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, describe, expect, it } from "vitest";
import { Workplace } from "../tests/command-line/command.ts";
import { ServiceManager } from "./service-manager.ts";

const place = new Workplace();
const listener = `
import socket, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\\0" + name[1:] if name.startswith("@") else name)
print("bound", flush=True)
while True:
    text = s.recv(100).decode()
    print(text, flush=True)
    if text == "STOPPING=1":
        break
`;

/** Runs what a service says while another program listens; gives what that heard. */
async function heard(socket: string, says: (manager: ServiceManager) => Promise<void> | void, environment = {}) {
  const child = spawn("python3", ["-c", listener, socket], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  await once(child.stdout, "data");
  await says(new ServiceManager(() => expect.unreachable(), { NOTIFY_SOCKET: socket, ...environment }));
  await once(child, "close");
  return out.trim().split("\n").slice(1);
}

describe("a service's manager", () => {
  afterAll(() => place.remove());

  it.each([place.path("notify"), `@isochron-${process.pid}`])(
    "hears at %s that it is ready, and that it ends",
    async (socket) => {
      const said = await heard(socket, (manager) => {
        manager.ready();
        manager.ended();
      });
      expect(said).toEqual(["READY=1", "STOPPING=1"]);
    },
  );

  it("hears twice in the time that it allows that the service is alive, where it watches this process", async () => {
    const says = async (manager: ServiceManager) => {
      manager.ready();
      await new Promise((resolve) => setTimeout(resolve, 70));
      manager.ended();
    };
    const watched = await heard(place.path("watched"), says, {
      WATCHDOG_USEC: "40000",
      WATCHDOG_PID: `${process.pid}`,
    });
    expect(watched.slice(0, 2)).toEqual(["READY=1", "WATCHDOG=1"]);
    const others = await heard(place.path("others"), says, { WATCHDOG_USEC: "40000", WATCHDOG_PID: "1" });
    expect(others).toEqual(["READY=1", "STOPPING=1"]);
  });

  it("that cannot be reached is told of once, and that there is none is nothing to tell", () => {
    const refusals: unknown[] = [];
    const manager = new ServiceManager((error) => refusals.push(error), { NOTIFY_SOCKET: place.path("nobody") });
    manager.ready();
    manager.ended();
    expect(refusals).toEqual([expect.objectContaining({ code: "service/notify" })]);
    new ServiceManager(() => expect.unreachable(), {}).ready();
  });
});
