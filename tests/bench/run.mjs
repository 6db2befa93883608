// `npm run bench -- [SUITE…] [options]`: lets Node run TypeScript, then the benchmarks.
import "../../launch/hook/register.mjs";

const { main } = await import("./bench.ts");
const { suites } = await import("./suites.ts");
const { Interruption, processTerminal } = await import("../../launch/terminal.ts");
const interruption = new Interruption();
const [suite, ...rest] = process.argv.slice(2);
const terminal = processTerminal(interruption);
const code =
  suite === "ros2"
    ? await (await import("./ros2/index.ts")).benchRos2(rest, terminal)
    : suite === "edge"
      ? await (await import("./edge/index.ts")).benchEdge(rest, terminal)
      : await main(process.argv.slice(2), suites, terminal);
process.exitCode = interruption.exitCode ?? code;
