// `npm run tune -- [--target NAME] [--only TEXT] [--seconds N] [--write]`: lets Node run TypeScript, then the tuner.
import "../../launch/hook/register.mjs";

const { main } = await import("./tune.ts");
process.exitCode = await main(process.argv.slice(2));
