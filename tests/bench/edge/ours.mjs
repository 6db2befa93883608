// One side of a block: the application of ./app.ts, recorded, whose event loop is blocked for 20 ms of every 100. DIR SECONDS
import "../../../launch/hook/register.mjs";

const { runApplication } = await import("../../../launch/index.ts");
const { default: declared } = await import("./app.ts");
const [dir, seconds] = process.argv.slice(2);
const blocking = setInterval(() => {
  for (const until = performance.now() + 20; performance.now() < until; );
}, 100);
const { report } = await runApplication(declared, {
  realtime: true,
  duration: `${seconds}s`,
  record: `${dir}/run.mcap`,
  replace: true,
  datagrams: {
    "/in": `unix://${dir}/in.sock`,
    "/out": `unix://${dir}/out.sock`,
    "/beat": `unix://${dir}/beat.sock`,
  },
});
clearInterval(blocking);
process.stdout.write(`${JSON.stringify({ departures: report.departures, scheduling: report.scheduling })}\n`);
