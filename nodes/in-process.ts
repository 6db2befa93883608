// The in-process transport: topics within one process, every subscriber seeing the messages in one order.

/** What carries messages by topic; bytes are as on the wire. */
export interface Transport {
  publish(topic: string, bytes: Uint8Array): void;
  /** Calls `receive` for each later message; the function that it returns ends that. */
  subscribe(topic: string, receive: (bytes: Uint8Array) => void): () => void;
}

interface Delivery {
  readonly topic: string;
  readonly bytes: Uint8Array;
}

/**
 * Delivers at once, in the order of subscription.
 *
 * A message published while another is delivered waits until every subscriber has seen the first, so all see one order.
 * An error of a subscriber reaches the publisher after the others have received the message.
 */
export class InProcessTransport implements Transport {
  readonly #subscribers = new Map<string, Set<(bytes: Uint8Array) => void>>();
  readonly #waiting: Delivery[] = [];
  #delivering = false;

  publish(topic: string, bytes: Uint8Array): void {
    this.#waiting.push({ topic, bytes });
    if (this.#delivering) return;
    this.#delivering = true;
    const errors: unknown[] = [];
    try {
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
        for (const receive of [...(this.#subscribers.get(next.topic) ?? [])]) {
          try {
            receive(next.bytes);
          } catch (error) {
            errors.push(error);
          }
        }
      }
    } finally {
      this.#delivering = false;
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} subscribers failed on "${topic}"`);
  }

  subscribe(topic: string, receive: (bytes: Uint8Array) => void): () => void {
    const each = (bytes: Uint8Array): void => receive(bytes);
    const all = this.#subscribers.get(topic) ?? new Set();
    this.#subscribers.set(topic, all.add(each));
    return () => {
      all.delete(each);
      if (all.size === 0 && this.#subscribers.get(topic) === all) this.#subscribers.delete(topic);
    };
  }
}
