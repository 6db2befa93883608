// The controller and the cart, without the schedule: compiled, loaded, and called step by step.
import { compile, load } from "isochron";
import { expect, it } from "vitest";
import { Cart } from "./cart.ts";
import { controller } from "./controller.ts";

it("brings the cart to its target, not far beyond it, and keeps it there", async () => {
  const program = load(await compile(controller));
  const cart = new Cart();
  let furthest = 0;
  for (let step = 0; step < 500; step++) {
    program.inputs.position[0] = cart.position;
    program.inputs.target[0] = 1;
    program.run(program.inputs, program.outputs);
    cart.move(program.outputs.force[0] ?? 0, 0.02);
    furthest = Math.max(furthest, cart.position);
  }
  expect(furthest).toBeLessThan(1.1);
  expect(cart.position).toBeCloseTo(1, 3);
  expect(cart.speed).toBeCloseTo(0, 3);
});
