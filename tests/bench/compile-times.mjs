// `node tests/bench/compile-times.mjs [NAME…]`: CPU seconds that compiling takes, for one target and nothing kept, graph by graph.
import "../../launch/hook/register.mjs";

const { compileTimes } = await import("./compile-times.ts");
await compileTimes(process.argv.slice(2));
