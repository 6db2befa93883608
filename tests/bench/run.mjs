// `npm run bench -- [SUITE…] [options]`: lets Node run TypeScript, then the benchmarks.
import "../../launch/hook/register.mjs";

const { main } = await import("./bench.ts");
const { suites } = await import("./suites.ts");
const { Interruption, processTerminal } = await import("../../launch/terminal.ts");
const interruption = new Interruption();
const code = await main(process.argv.slice(2), suites, processTerminal(interruption));
process.exitCode = interruption.exitCode ?? code;
