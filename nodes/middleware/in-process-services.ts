// Services between nodes of one process.
import type { CallEnd, Calls } from "./transport.ts";
import { untilServed } from "./until-served.ts";

interface Server {
  readonly node: object;
  readonly end: CallEnd;
  readonly answer: (request: Uint8Array) => Promise<Uint8Array>;
}

/** The services of one network. */
export class InProcessServices {
  readonly #servers = new Set<Server>();

  /** The services as one node has them; `requireOpen` throws once the node is closed. */
  of(requireOpen: () => void, node: object): Pick<Calls, "serve" | "client"> {
    return {
      serve: (end, answer) => {
        requireOpen();
        const server: Server = { node, end, answer };
        this.#servers.add(server);
        return { close: () => void this.#servers.delete(server) };
      },
      client: (end) => {
        requireOpen();
        const found = () => this.#find(end);
        return {
          get there() {
            return found() !== undefined;
          },
          call: async (request, signal) => {
            const bytes = request.slice();
            await untilServed(() => found() !== undefined, signal);
            return (await found()!.answer(bytes)).slice();
          },
          close: () => undefined,
        };
      },
    };
  }

  /** Ends what a node serves. */
  leave(node: object): void {
    for (const each of [...this.#servers]) if (each.node === node) this.#servers.delete(each);
  }

  #find({ name, type }: CallEnd): Server | undefined {
    return [...this.#servers].find(({ end }) => end.name === name && end.type === type);
  }
}
