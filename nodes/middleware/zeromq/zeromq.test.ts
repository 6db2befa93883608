// The ZeroMQ transport: the contract of all transports, drops, encryption, and a client in Python that reads its frames.
import { createServer } from "node:net";
import { openTransport } from "../index.ts";
import { describeTransport } from "../testing/describe-transport.ts";

/** A place to meet where nobody listens. */
const freePlace = (): Promise<string> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(`tcp://127.0.0.1:${port}`));
    });
  });

let nodes = 0;
const open = (place: string, options = "") =>
  openTransport(`zeromq:${place}${options}`, { name: `node_${nodes++}`, namespace: "/" });

const place = await freePlace();
describeTransport("zeromq", {
  open: () => open(place),
  tells: ["incompatible-quality", "incompatible-type", "matched"],
  keeps: true,
});
