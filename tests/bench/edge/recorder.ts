// What recording takes: the share of a core at the pace of a large robot, and how fast raw images reach memory's own file system.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { loadRuntime, runnableTargets } from "../../../kernels/index.ts";
import { application, buildApplication, compressedImage, numbers, tensorType, trace } from "../../../launch/index.ts";
import type { ApplicationDescription } from "../../../sim/index.ts";
import type { NativeRecorder } from "../../../sim/recording.ts";
import { recordingTopics } from "../../../sim/recording-topics.ts";
import { type RunEvent, writeEvents } from "../../../sim/records/index.ts";
import type { EdgeOptions, EdgeRow } from "./index.ts";

const { Recorder } = z
  .object({
    Recorder: z.custom<new (path: string, layout: string, attachments: readonly never[]) => NativeRecorder>(
      (value) => typeof value === "function",
    ),
  })
  .parse(loadRuntime());

const tasks = 50;
const jobsPerSecond = 14_000;
const picturesPerSecond = 25;
const pictureBytes = 100_000;
/** How often the executive's collector hands records over. */
const collectMs = 2;
const rawBytes = 1920 * 1080 * 3;
/** Bytes that wait for the recorder before who adds them does. */
const mostWaiting = 2 ** 26;

/** As many tasks as a large robot has, beside a camera. */
async function described(): Promise<ApplicationDescription> {
  const double = trace(({ x }) => ({ y: x.mul(2) }), { x: tensorType("f32", []) }, { name: "double" });
  const declared = application("edge", (app) => {
    const input = app.input("/in", numbers("std_msgs/msg/Float32", { x: { field: "data", dtype: "f32" } }));
    app.input("/camera", compressedImage("rgb8", [480, 640]), { latency: "5ms" });
    for (let at = 0; at < tasks; at++)
      app.task(`task${at}`, double, { inputs: { x: input }, period: "4ms", budget: "10us", deadline: "3ms" });
  });
  const { description } = await buildApplication(declared, {
    cacheDir: ".cache/kernels",
    targets: runnableTargets().slice(0, 1),
  });
  return description;
}

/** What each job of a live run leaves: its release with a pin, its verdict, when it ran, and its output. */
function jobRecords({ table }: ApplicationDescription, first: number, count: number): RunEvent[] {
  return Array.from({ length: count }, (_, at): RunEvent[] => {
    const task = (first + at) % tasks;
    const job = Math.floor((first + at) / tasks);
    const time = job * 4e6;
    const { output: channel } = table.tasks[task]!;
    const at2 = { task, job } as const;
    return [
      { kind: "release", ...at2, time, pins: [{ channel: 0, sequence: job + 1, held: false }] },
      { kind: "verdict", ...at2, time: time + 3e6, overrun: false, ended: time + 9e5 },
      { kind: "trace", ...at2, release: time, start: time + 1e5, end: time + 9e5 },
      {
        ...{ kind: "output", ...at2, channel, sequence: job + 1, time: time + 3e6, chain: "5a".repeat(32) },
        bytes: new Uint8Array(table.channels[channel]!.slotBytes).fill(task),
      },
    ];
  }).flat();
}

/** Nanoseconds that the recorder's thread has run on a processor. */
function threadNs(): number {
  for (const id of readdirSync("/proc/self/task")) {
    try {
      if (readFileSync(`/proc/self/task/${id}/comm`, "utf8").trim() !== "iso:recorder") continue;
      return Number(readFileSync(`/proc/self/task/${id}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error("there is no thread iso:recorder");
}

/** Percent of a core that the recorder's thread runs. */
async function share(description: ApplicationDescription, folder: string, seconds: number): Promise<number> {
  const recorder = new Recorder(join(folder, "share.mcap"), JSON.stringify(recordingTopics(description)), []);
  await recorder.opened();
  recorder.begin(0n, true);
  const picture = new Uint8Array(pictureBytes).map((_, at) => (at * 2654435761) >>> 24);
  const camera = description.table.channels.findIndex(({ name }) => name === "/camera");
  // Made before, so that nothing but handing over happens while it is measured.
  const batch = (jobsPerSecond * collectMs) / 1000;
  const batches = Array.from({ length: (seconds * 1000) / collectMs }, (_, at) => {
    const hasPicture = at % (1000 / picturesPerSecond / collectMs) === 0;
    const arrived: RunEvent = {
      kind: "admit",
      channel: camera,
      sequence: at + 1,
      time: at * collectMs * 1e6,
      bytes: picture,
    };
    return writeEvents([...(hasPicture ? [arrived] : []), ...jobRecords(description, at * batch, batch)]);
  });
  await recorder.flush();
  const [before, start] = [threadNs(), performance.now()];
  for (const [at, records] of batches.entries()) {
    recorder.add(records);
    const ahead = start + (at + 1) * collectMs - performance.now();
    if (ahead > 0) await pause(ahead);
  }
  await recorder.drained();
  const percent = (threadNs() - before) / 1e4 / (performance.now() - start);
  await recorder.finish({});
  rmSync(join(folder, "share.mcap"));
  return percent;
}

/** Megabytes of raw images a second, to `/dev/shm` where there is one. */
async function rawRate(description: ApplicationDescription, seconds: number): Promise<number> {
  const folder = mkdtempSync(join("/dev/shm", "isochron-edge-"));
  try {
    const path = join(folder, "raw.mcap");
    const recorder = new Recorder(path, JSON.stringify(recordingTopics(description)), []);
    await recorder.opened();
    recorder.begin(0n, true);
    const bytes = new Uint8Array(rawBytes).map((_, at) => at >> 8);
    const camera = description.table.channels.findIndex(({ name }) => name === "/camera");
    const records = writeEvents([{ kind: "admit", channel: camera, sequence: 1, time: 0, bytes }]);
    // No more than half of what there is room for.
    const { bavail, bsize } = statfsSync(folder);
    const most = Math.min((bavail * bsize) / 2, 4e9);
    const start = performance.now();
    let added = 0;
    while (performance.now() - start < seconds * 1000 && added < most) {
      if (recorder.add(records) > mostWaiting) await recorder.drained();
      added += rawBytes;
    }
    const { kind } = await recorder.finish({});
    const rate = added / 1e3 / (performance.now() - start);
    if (kind !== "whole") throw new Error(`the recording ended as "${kind}"`);
    return rate;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Both, block after block in turns. */
export async function recorderRows({ blocks, seconds, onBlock }: EdgeOptions): Promise<readonly EdgeRow[]> {
  const description = await described();
  const folder = mkdtempSync(join(tmpdir(), "isochron-edge-"));
  try {
    const shares: number[] = [];
    const rates: number[] = [];
    for (let block = 1; block <= blocks; block++) {
      onBlock(block);
      shares.push(await share(description, folder, seconds));
      rates.push(await rawRate(description, seconds));
    }
    return [
      {
        name: `recorder: share of a core, ${jobsPerSecond} jobs/s and ${picturesPerSecond} JPEGs/s`,
        ...{ unit: "%", blocks: shares, atLeast: 6, aim: 3 },
      },
      { name: "recorder: raw images to /dev/shm, none lost", unit: "MB/s", blocks: rates, atLeast: 300, aim: 600 },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
