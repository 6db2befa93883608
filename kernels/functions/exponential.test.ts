// e^x for x ≤ 0 has the bits of e^x: at every pattern with a sign where ISOCHRON_NIGHTLY is 1, at every 61st otherwise.
import { describe, expect, it } from "vitest";
import { add, bitcast, broadcast, convert, KernelBuilder, mul, ramp } from "../loop/build.ts";
import { runNative } from "../testing/native-kernel.ts";
import { exp, expNonPositive } from "./index.ts";

const count = 2 ** 21;
const lanes = 16;
const stride = process.env.ISOCHRON_NIGHTLY === "1" ? 1 : 61;

/** Both functions at `count` float32 patterns, every `stride`-th from the first one given. */
function both() {
  const k = new KernelBuilder();
  const first = k.buffer("first", "i32", 1, "read");
  const [whole, short] = [k.buffer("whole", "f32", count, "write"), k.buffer("short", "f32", count, "write")];
  const from = k.let(broadcast(k.load(first, 0), lanes));
  k.for(0, count, lanes, (i) => {
    const pattern = add(from, mul(convert(ramp(i, 1, lanes), "i32"), stride));
    const x = k.let(bitcast(pattern, "f32"));
    k.store(whole, i, exp(x));
    k.store(short, i, expNonPositive(x));
  });
  return k.finish("both");
}

describe("expNonPositive", () => {
  it("has the bits of exp at every float32 that is not positive", async () => {
    const kernel = both();
    const [whole, short] = [new Float32Array(count), new Float32Array(count)];
    for (let from = 2 ** 31; from + count * stride <= 2 ** 32; from += count * stride) {
      await runNative(kernel, [Int32Array.of(from | 0), whole, short]);
      const same = Buffer.from(whole.buffer).equals(Buffer.from(short.buffer));
      if (!same) {
        const at = whole.findIndex((each, i) => !Object.is(each, short[i]));
        expect.unreachable(`pattern ${(from + at * stride).toString(16)}: ${whole[at]} and ${short[at]}`);
      }
    }
  });
});
