// erf in float64 for interpreters.

/** 2/√π·e^−x²·Σ 2^n·x^(2n+1) / (1·3·…·(2n+1)): terms of one sign, few where x is small. */
function series(x: number): number {
  let term = x;
  let sum = 0;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 2 ** -60; n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 1);
  }
  return ((2 / Math.sqrt(Math.PI)) * sum) / Math.exp(x * x);
}

/** erfc x = e^−x² / (√π·(x + ½/(x + 1/(x + 1½/(x + …))))), for x ≥ 2. */
function complement(x: number): number {
  let denominator = x;
  for (let n = 60; n >= 1; n--) denominator = x + n / 2 / denominator;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * denominator);
}

/** 2/√π·∫ e^−t² dt from 0 to x, to 4 ulp. */
export function erf(x: number): number {
  if (x === 0 || Number.isNaN(x)) return x;
  if (Math.abs(x) < 2) return series(x);
  return Math.sign(x) * (1 - (Math.abs(x) < 7 ? complement(Math.abs(x)) : 0));
}
