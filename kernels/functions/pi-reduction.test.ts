// The bits of 2/π against decimal.js.
import { Decimal } from "decimal.js";
import { expect, it } from "vitest";
import { twoOverPi } from "./pi-reduction.ts";

it("the stored bits are the first 1216 of 2/π", () => {
  const Wide = Decimal.clone({ precision: 500, minE: -9e15, maxE: 9e15, toExpPos: 9e15 });
  const bits = new Wide(2).div(Wide.acos(-1)).mul(new Wide(2).pow(1216)).floor();
  expect(twoOverPi).toBe(BigInt(bits.toFixed()));
});
