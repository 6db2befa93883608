// All 2^32 float32 arguments of every function of one argument; takes some minutes of a core for each, so it runs where ISOCHRON_NIGHTLY is 1.
import { describe, expect, it } from "vitest";
import { noError, patterns, statedBounds, unaryNames, worstOfSingles } from "../testing/function-accuracy.ts";

const bounds = statedBounds();
const chunk = 2 ** 22;
/** Above 1 leaves out arguments, for a quicker look. */
const stride = Number(process.env.ISOCHRON_NIGHTLY_STRIDE ?? 1);

describe.runIf(process.env.ISOCHRON_NIGHTLY === "1")("every float32", () => {
  for (const name of unaryNames) {
    it(`${name} keeps its bound at every float32`, { timeout: 7_200_000 }, async () => {
      const worst = noError();
      for (let from = 0; from < 2 ** 32; from += chunk * stride) {
        const count = Math.min(chunk, Math.ceil((2 ** 32 - from) / stride));
        await worstOfSingles(name, patterns(from, count, stride), worst);
      }
      expect(worst.ulps, `${name}(${worst.at}) gave ${worst.computed}`).toBeLessThanOrEqual(bounds[name].f32);
    });
  }
});
