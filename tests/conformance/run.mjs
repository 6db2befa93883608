// `npm run conformance -- SUITE [options]`: lets Node run TypeScript, then a suite that others wrote.
import "../../launch/hook/register.mjs";

const suites = ["onnx", "torch"];
const [suite, ...options] = process.argv.slice(2);
if (!suites.includes(suite)) {
  const known = suites.join(" and ");
  process.stderr.write(
    `conformance: there is ${suite ? `no suite ${suite}` : "a suite to name"}; there are ${known}\n`,
  );
  process.exit(1);
}
process.argv.splice(2, Number.POSITIVE_INFINITY, ...options);
await import(`./${suite}/run.ts`);
