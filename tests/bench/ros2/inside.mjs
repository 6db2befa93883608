// The process beside ROS 2: is told how to measure, and sends each block's times.
import "../../../launch/hook/register.mjs";

const { measureBlocks } = await import("./blocks.ts");
process.once("message", async (options) => {
  try {
    await measureBlocks(options, (message) => process.send(message));
    process.send({ done: true });
  } catch (error) {
    process.send({ error: error.stack ?? String(error) });
  }
  process.disconnect();
});
