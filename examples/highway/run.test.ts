// The whole example on the real drive: through decoding, perception and control, recorded, replayed, live and damaged.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { Workplace } from "../../tests/command-line/command.ts";
import { rewrite } from "../../tests/replay/rewrite.ts";

const log = fileURLToPath(new URL("../../../shared/data/highway/highway.mcap", import.meta.url));
const application = fileURLToPath(new URL("app.ts", import.meta.url));
const place = new Workplace();
const camera = "/camera/image/compressed";

const result = z.object({
  world: z.object({ frames: z.number(), lanesFound: z.number(), published: z.number() }),
  deadlineMisses: z.number().nullable(),
  hash: z.string(),
  drops: z.array(z.object({ kind: z.string(), where: z.string(), count: z.number() })),
});

interface Ran extends z.infer<typeof result>, Readonly<z.infer<typeof result>["world"]> {}

/** Runs the example; what it printed. */
async function run(...options: string[]): Promise<Ran> {
  const { code, out, error } = await place.isochron("run", application, ...options, "--json");
  expect({ code, error: error.replace(/^([\d.]+ s of [\d.]+ s|compiling .*)\n/gm, "") }).toEqual({
    code: 0,
    error: "",
  });
  const ran = result.parse(JSON.parse(out));
  return { ...ran, ...ran.world };
}

async function verify(recording: string): Promise<unknown> {
  const { out } = await place.shared("replay", recording, "--verify", "--json");
  return JSON.parse(out);
}

/** A process that uses up one core while `body` runs. */
async function besideAHog<T>(body: () => Promise<T>): Promise<T> {
  const hog = spawn(process.execPath, ["-e", "for (;;) Math.sqrt(Math.random());"], { stdio: "ignore" });
  try {
    return await body();
  } finally {
    hog.kill("SIGKILL");
  }
}

describe.skipIf(!existsSync(log))("the highway example on the real drive (needs ../shared)", () => {
  const whole = place.path("highway.mcap");
  let first: Ran;
  beforeAll(async () => {
    first = await run("--log", log, "--record", whole);
  });
  afterAll(() => place.remove());

  it("takes every frame, finds the lane and steers", () => {
    expect(first).toMatchObject({ frames: 221, deadlineMisses: null });
    expect(first.lanesFound).toBeGreaterThanOrEqual(210);
    // A command every 20 ms of the log's 8.8 s.
    expect(first.published).toBeGreaterThan(440);
  });

  it("replays bit for bit, pictures decoded again", async () => {
    expect(await verify(whole)).toMatchObject({ bitExact: true, hash: first.hash });
  });

  it("tells every frame's lane by topic echo", async () => {
    const { out } = await place.shared("topic", "echo", whole, "/perception/lane", "--json");
    const line = z.object({ intercept: z.number(), slope: z.number() });
    const lanes = out
      .trim()
      .split("\n")
      .map((text) =>
        z
          .object({
            frame: z.number(),
            found: z.boolean(),
            confidence: z.number(),
            left: line,
            right: line,
            offset: z.number(),
            heading: z.number(),
          })
          .parse(JSON.parse(text).message),
      );
    expect(lanes.map((each) => each.frame)).toEqual(Array.from({ length: 221 }, (_, frame) => frame));
    expect(lanes.filter((each) => each.found)).toHaveLength(first.lanesFound);
  });

  it("is itself a log that gives the same run again", async () => {
    expect(await run("--log", whole)).toMatchObject({ hash: first.hash });
  });

  it("counts frames that are damaged, and the run goes on and replays", async () => {
    const damaged = place.path("damaged.mcap");
    await rewrite(log, damaged, {
      message: (topic, message) => {
        if (topic !== camera || message.sequence % 10 !== 3) return message;
        const data = message.data.slice();
        // Every tenth picture loses what it says of its own form, in turn with being cut in the middle.
        if (message.sequence % 20 === 3) return { ...message, data: data.subarray(0, data.length >> 1) };
        data.fill(0, 60, 200);
        return { ...message, data };
      },
    });
    const recording = place.path("damaged-run.mcap");
    const damagedRun = await run("--log", damaged, "--record", recording);
    expect(damagedRun.lanesFound).toBeGreaterThan(180);
    expect(damagedRun.lanesFound).toBeLessThan(first.lanesFound - 15);
    expect(await verify(recording)).toMatchObject({ bitExact: true, hash: damagedRun.hash });

    const live = place.path("damaged-live.mcap");
    await run("--log", damaged, "--realtime", "--rate", "4", "--record", live);
    expect(await verify(live)).toMatchObject({ bitExact: true });
  });

  it("proves a live run beside a process that takes a core", async () => {
    const live = place.path("live.mcap");
    const { frames, drops } = await besideAHog(() => run("--log", log, "--realtime", "--rate", "2", "--record", live));
    // Where even the decoder gets too little time, it says which pictures it let go: none is lost without a word.
    const behind = drops.filter(({ kind, where }) => kind === "behind" && where === camera);
    expect(frames + behind.reduce((sum, { count }) => sum + count, 0)).toBe(221);
    expect(await verify(live)).toMatchObject({ bitExact: true });
  });
});
