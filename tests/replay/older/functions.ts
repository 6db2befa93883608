// Elementary functions but the logistic one and the hyperbolic tangent, in float32 and float64.
import { kernelsOf } from "./scene.ts";

export default kernelsOf("functions", (x) => {
  const wide = x.cast("f64");
  return {
    exp: x.mul(90).exp(),
    log: x.abs().add(1e-6).log(),
    sin: x.mul(1e4).sin(),
    atan: x.mul(8).atan(),
    pow: x.abs().pow(x.mul(7)),
    angle: x.atan2(x.sub(0.25)),
    wide: wide.mul(300).exp().log().add(wide.sigmoid().mul(wide.tanh())).cast("f32"),
  };
});
