// Services over ZeroMQ: a request says which subscription the response is for, and the response goes to that alone.
import { defaultQuality } from "../quality-of-service.ts";
import type { CallEnd, Calls, Publication, Subscription, TopicEnd } from "../transport.ts";
import { untilServed } from "../until-served.ts";

/** What of a node services need. */
export interface ServiceNode {
  /** A publication whose messages may have a fifth frame. */
  advertise(
    end: TopicEnd,
  ): Publication & { publish(bytes: Uint8Array, fifth?: string): void; readonly readers: number };
  /** A subscription that is given the fifth frame. */
  subscribe(
    end: TopicEnd,
    receive: (message: { readonly bytes: Uint8Array }, fifth: string) => void,
  ): Subscription & { readonly id: string };
  /** Sends a message to one subscription, once it hears. */
  sendTo(id: string, end: TopicEnd, bytes: Uint8Array, fifth: string): void;
  /** Tells of a request that was none. */
  unread(topic: string, cause: unknown): void;
}

const quality = { ...defaultQuality, depth: 100 };

/** The two topics of a service. */
const topicsOf = ({ name, type, definitions }: CallEnd) => ({
  requests: { topic: `${name}/_service/request`, type: `${type}_Request`, quality, definitions },
  responses: { topic: `${name}/_service/response`, type: `${type}_Response`, quality, definitions },
});

/** The services of a node. */
export function servicesOf(node: ServiceNode): Pick<Calls, "serve" | "client"> {
  return {
    serve: (end, answer) => {
      const { requests, responses } = topicsOf(end);
      return node.subscribe(requests, async ({ bytes }, fifth) => {
        const [id, number] = fifth.split(" ");
        // What asks for no response is no call.
        if (id === undefined || number === undefined) return;
        try {
          node.sendTo(id, responses, await answer(bytes), number);
        } catch (cause) {
          node.unread(requests.topic, cause);
        }
      });
    },
    client: (end) => {
      const { requests, responses } = topicsOf(end);
      const waiting = new Map<string, (response: Uint8Array) => void>();
      let calls = 0;
      const subscription = node.subscribe(responses, ({ bytes }, number) => {
        waiting.get(number)?.(bytes);
        waiting.delete(number);
      });
      const publication = node.advertise(requests);
      const isThere = () => publication.readers > 0;
      return {
        get there() {
          return isThere();
        },
        call: async (request, signal) => {
          const bytes = request.slice();
          await untilServed(isThere, signal);
          const number = String(calls++);
          return await new Promise((resolve) => {
            waiting.set(number, resolve);
            signal.addEventListener("abort", () => waiting.delete(number), { once: true });
            publication.publish(bytes, `${subscription.id} ${number}`);
          });
        },
        close: () => {
          subscription.close();
          publication.close();
        },
      };
    },
  };
}
