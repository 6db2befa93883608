// `npm run bench -- [SUITE…] [--json FILE]`: lets Node run TypeScript, then the benchmarks.
import "../../launch/hook/register.mjs";

const { main } = await import("./bench.ts");
process.exitCode = await main(process.argv.slice(2));
