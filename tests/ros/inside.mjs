// The process beside ROS 2: runs one case after the other as it is asked to, and answers each with how it went.
import "../../launch/hook/register.mjs";

process.setSourceMapsEnabled(true);
const { cases, end } = await import("./cases.ts");

let last = Promise.resolve();
process.on("message", (name) => {
  last = last.then(async () => {
    try {
      await cases.find((each) => each.name === name).run();
      process.send({ name });
    } catch (error) {
      process.send({ name, error: error.stack ?? String(error) });
    }
  });
});
process.on("disconnect", async () => {
  await last;
  try {
    await end();
    process.exit();
  } catch (error) {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  }
});
