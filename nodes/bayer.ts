// Bayer mosaics as planes: what each kind of pixel of a colour sensor sees, apart.
import { z } from "zod";
import { checkArgument, type Dtype, didYouMean, IsochronError } from "../kernels/index.ts";
import { stack, Tensor } from "../runtime/index.ts";

/** Where in each square of four pixels red stands, then the green beside it, the green beside blue, and blue. */
const places = {
  rggb: [0, 1, 2, 3],
  grbg: [1, 0, 3, 2],
  gbrg: [2, 3, 0, 1],
  bggr: [3, 2, 1, 0],
} as const;

/** How the colours of a sensor stand, by the first two rows. */
export type BayerPattern = keyof typeof places;

/**
 * The four planes of a mosaic, none of them interpolated: [height, width] → [4, height / 2, width / 2].
 *
 * They are red, the green of red's rows, the green of blue's rows, and blue. Throws `picture/bayer`.
 */
export function bayerPlanes<D extends Dtype>(mosaic: Tensor<D>, pattern: BayerPattern): Tensor<D> {
  checkArgument("picture", "bayerPlanes", "mosaic", z.instanceof(Tensor).describe("a tensor"), mosaic);
  const [height, width] = mosaic.shape;
  const order: readonly number[] | undefined = places[pattern];
  if (order === undefined) {
    throw new IsochronError("picture/bayer", `there is no Bayer pattern "${pattern}"`, {
      help: didYouMean(String(pattern), Object.keys(places), `take ${Object.keys(places).join(", ")}`),
    });
  }
  if (mosaic.shape.length !== 2 || typeof height !== "number" || typeof width !== "number" || height % 2 || width % 2) {
    throw new IsochronError("picture/bayer", `a tensor of shape [${mosaic.shape.join(",")}] is no Bayer mosaic`, {
      help: "give [height, width], both even",
    });
  }
  return stack(order.map((at) => mosaic.slice([at >> 1, height, 2], [at & 1, width, 2])));
}
