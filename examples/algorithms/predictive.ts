// Model-predictive control of a cart: the pushes of the next two seconds, of which the first is made.
import { constant, forLoop, type Tensor, tensorType, trace } from "isochron";

/** Seconds from one push to the next, and pushes that are planned. */
export const stepSeconds = 0.1;
export const horizon = 20;
/** What a metre, a metre a second and a push cost, squared. */
const cost = { position: 10, speed: 1, push: 0.1 };
/** Newtons for a cart of one kilogram. */
const mostPush = 1;
/** Turns of the solver, always as many: the time that it takes is known. */
const turns = 300;

/** The quadratic cost of pushes u from a state x: uᵀ·hessian·u / 2 + uᵀ·gradient·x, of a cart without friction. */
function condensed(): { readonly hessian: Float32Array; readonly gradient: Float32Array } {
  // After step k, push j has moved the cart by position(k, j) and speeds it up by stepSeconds.
  const position = (k: number, j: number): number => (j > k ? 0 : stepSeconds ** 2 * (k - j + 0.5));
  const speed = (k: number, j: number): number => (j > k ? 0 : stepSeconds);
  const steps = [...Array(horizon).keys()];
  const sum = (term: (k: number) => number): number => steps.reduce((total, k) => total + term(k), 0);
  const hessian = steps.flatMap((i) =>
    steps.map(
      (j) =>
        sum((k) => cost.position * position(k, i) * position(k, j) + cost.speed * speed(k, i) * speed(k, j)) +
        (i === j ? cost.push : 0),
    ),
  );
  const gradient = steps.flatMap((j) => [
    sum((k) => cost.position * position(k, j)),
    sum((k) => cost.position * position(k, j) * stepSeconds * (k + 1) + cost.speed * speed(k, j)),
  ]);
  return { hessian: Float32Array.from(hessian), gradient: Float32Array.from(gradient) };
}

/** A bound on the largest eigenvalue: the largest sum of a row's magnitudes (Gershgorin). */
const largest = (matrix: Float32Array): number =>
  Math.max(
    ...[...Array(horizon).keys()].map((i) =>
      matrix.slice(i * horizon, (i + 1) * horizon).reduce((sum, each) => sum + Math.abs(each), 0),
    ),
  );

/** The strong convexity of the cost, which each push's own cost gives. */
const momentum = (most: number): number => {
  const root = Math.sqrt(cost.push / most);
  return (1 - root) / (1 + root);
};

/**
 * The push to make now, from where the cart is and how fast it goes, both from its target.
 *
 * Minimises the cost of the next steps over pushes within ±1 N by the projected gradient with constant momentum (Nesterov,
 * Introductory Lectures on Convex Optimization, 2004, §2.2.4), begun at no push.
 */
export const predictive = trace(
  ({ position, speed }) => {
    const { hessian, gradient } = condensed();
    const most = largest(hessian);
    const state = position
      .reshape([1])
      .pad([0], [1])
      .add(speed.reshape([1]).pad([1], [0]));
    const linear = constant(gradient, "f32", [horizon, 2]).matmul(state.unsqueeze(1)).squeeze(1);
    const { push } = forLoop(
      turns,
      (_, { push: before, ahead, linear: slope }) => {
        const steep = constant(hessian, "f32", [horizon, horizon]).matmul(ahead.unsqueeze(1)).squeeze(1).add(slope);
        const next: Tensor<"f32"> = ahead.sub(steep.mul(1 / most)).clamp(-mostPush, mostPush);
        return { push: next, ahead: next.add(next.sub(before).mul(momentum(most))), linear: slope };
      },
      { push: constant(new Float32Array(horizon), "f32"), ahead: constant(new Float32Array(horizon), "f32"), linear },
    );
    return { push: push.slice([0, 1]).squeeze(0), plan: push };
  },
  { position: tensorType("f32", []), speed: tensorType("f32", []) },
  { name: "predictive" },
);
