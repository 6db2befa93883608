// The cart, and the world that it moves in: what the application drives instead of a robot.
import type { World } from "isochron/sim";

const kilograms = 2;
/** Newtons per metre a second that the rail holds the cart back with. */
const friction = 0.5;

/** A cart on a rail. */
export class Cart {
  /** Metres, and metres a second. */
  position = 0;
  speed = 0;

  /** Pushes it with a force in newtons for some seconds. */
  move(force: number, seconds: number): void {
    this.speed += ((force - friction * this.speed) / kilograms) * seconds;
    this.position += this.speed * seconds;
  }
}

const periodNs = 10_000_000;

/** Stepped every 10 ms of logical time; the target jumps between 0 m and 1 m every five seconds. */
export function cartWorld(): World {
  const cart = new Cart();
  let furthest = 0;
  return {
    name: "rail",
    periodNs,
    step(timeNs, io) {
      const command = io.latest("/cart/force") as { readonly data: number } | undefined;
      cart.move(command?.data ?? 0, periodNs / 1e9);
      furthest = Math.max(furthest, cart.position);
      io.publish("/cart/target", { data: timeNs % 10e9 < 5e9 ? 1 : 0 });
      io.publish("/cart/position", { data: cart.position });
    },
    summary: () => ({ position: cart.position, furthest }),
  };
}
