// `npm run conformance -- SUITE [options]`: lets Node run TypeScript, then a suite that others wrote.
import "../../launch/hook/register.mjs";

const [suite, ...options] = process.argv.slice(2);
if (suite !== "onnx") {
  process.stderr.write(`conformance: there is ${suite ? `no suite ${suite}` : "a suite to name"}; there is onnx\n`);
  process.exit(1);
}
process.argv.splice(2, Number.POSITIVE_INFINITY, ...options);
await import("./onnx/run.ts");
