// Places of this machine where nobody listens, for tests that meet there.
import { createServer } from "node:net";

/** A place to meet where nobody listens. */
export const freePlace = (): Promise<string> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(`tcp://127.0.0.1:${port}`));
    });
  });
