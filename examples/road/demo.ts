// `npm run demo`: drives the road in virtual time and live, records both, replays them in fresh processes, draws what was found.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MessageReader } from "@foxglove/rosmsg2-serialization";
import { load, openArtifact } from "isochron";
import { definitionsOf, readRecording } from "isochron/sim";
import { findLane, writePicture } from "./pictures.ts";

const out = "out/demo";
const command = fileURLToPath(new URL("../../launch/bin/isochron.mjs", import.meta.url));
const application = fileURLToPath(new URL("app.ts", import.meta.url));

/** Runs the `isochron` command with its output shown; resolves to its exit code. */
const isochron = (...arguments_: string[]): Promise<number> =>
  new Promise((resolve, reject) => {
    process.stdout.write(`\n$ isochron ${arguments_.join(" ").replaceAll(application, "examples/road/app.ts")}\n`);
    const child = spawn(process.execPath, [command, ...arguments_], { stdio: "inherit" });
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });

/** Ends the demonstration where a step failed. */
const must = async (step: Promise<number>): Promise<void> => {
  const code = await step;
  if (code !== 0) process.exit(code);
};

/** Frames of a recording, spread evenly, with what the recorded program finds in them. */
async function drawFrames(recordingPath: string, count: number): Promise<string[]> {
  const { application: description, artifacts, events } = await readRecording(recordingPath);
  const finder = load(openArtifact(artifacts[description.programs.findIndex((each) => each.name === "laneFinder")]!));
  const reader = new MessageReader<{ readonly data: Uint8Array }>(definitionsOf("sensor_msgs/msg/Image"));
  const frames = events.filter((event) => event.kind === "admit");
  return Array.from({ length: count }, (_, at) => {
    const frame = frames[Math.floor(((at + 0.5) * frames.length) / count)]!;
    const pixels = new Uint8Array(reader.readMessage(frame.bytes).data);
    return writePicture(`${out}/frames`, `${(frame.time / 1e9).toFixed(2)}s`, pixels, findLane(finder, pixels));
  });
}

mkdirSync(out, { recursive: true });
const recording = `${out}/road.mcap`;
const report = `${out}/report.json`;
await must(isochron("run", application, "--duration", "30s", "--force", "--record", recording, "--report", report));
await must(isochron("replay", recording, "--verify"));
const live = `${out}/live.mcap`;
const liveReport = `${out}/live-report.json`;
await must(
  isochron("run", application, "--realtime", "--duration", "5s", "--force", "--record", live, "--report", liveReport),
);
await must(isochron("replay", live, "--verify"));
const pictures = await drawFrames(recording, 6);

const { world } = JSON.parse(readFileSync(report, "utf8")) as {
  readonly world: { readonly maxTrackingError: number; readonly rmsTrackingError: number };
};
process.stdout.write(
  [
    "",
    `tracking error: ${world.maxTrackingError.toFixed(3)} m at most, ${world.rmsTrackingError.toFixed(3)} m RMS`,
    "replay of 30 s in virtual time: bit-exact",
    "replay of 5 s live: bit-exact",
    `recordings: ${recording}, ${live}`,
    `reports: ${report}, ${liveReport}`,
    `pictures: ${pictures.join(", ")}`,
    "",
  ].join("\n"),
);
