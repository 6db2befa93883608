// What is dropped or wrong in a run is said where one looks: in the summary, as JSON, in the exit code.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { forms, type MadeMessage, madeLog, saved } from "../../sim/logs/testing/made-logs.ts";
import { doubling, type Ended, Workplace } from "./command.ts";

const workplace = new Workplace();
afterAll(() => workplace.remove());

const ms = 1_000_000;
const float = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt8(1, 1);
  bytes.writeFloatLE(value, 4);
  return bytes;
};

/** A log of `/value`. */
async function logOf(
  name: string,
  messages: readonly { readonly atMs: number; readonly bytes: Uint8Array }[],
): Promise<void> {
  const made = messages.map(({ atMs, bytes }, sequence): MadeMessage => {
    return { topic: "/value", timeNs: BigInt(atMs * ms), sequence, bytes };
  });
  const log = await madeLog(made, forms["chunks as they are"]!, { "/value": "std_msgs/msg/Float32" });
  saved(workplace.path(name), log);
}

const limits = `budget: "1ms", deadline: "5ms"`;
const arriving = (more = ""): string => doubling(`on: value, minInterval: "10ms", ${more} ${limits}`);
/** A world that publishes every 10 ms. */
const driven = (task: string, value: string, more = ""): string =>
  doubling(
    `${task} ${limits}`,
    `${more}
  app.world(() => ({
    name: "counter",
    periodNs: 10e6,
    step: (_: number, io: { publish(topic: string, message: object): void }) => io.publish("/value", { data: ${value} }),
    summary: () => ({}),
  }));`,
  );

const finding = z.strictObject({
  kind: z.string(),
  where: z.string(),
  count: z.int(),
  of: z.int().nullable(),
  first: z.strictObject({ timeNs: z.number().nullable(), reason: z.string() }),
});
const result = z.looseObject({
  cycles: z.int(),
  hash: z.string(),
  drops: z.array(finding),
  faults: z.array(finding),
  verdicts: z.array(z.object({ about: z.string(), status: z.string(), text: z.string() })),
  world: z.record(z.string(), z.unknown()).nullable(),
});
const parsed = ({ out }: Ended): z.infer<typeof result> => result.parse(JSON.parse(out));

let [jittery, tolerant, strict, wrong, bounded, names, plain, unfed] = [] as Ended[];
beforeAll(async () => {
  workplace.write({
    "arriving.ts": arriving(),
    "tolerant.ts": arriving(`tolerance: "3ms",`),
    "bounded.ts": `import { bufferBounded } from "isochron";
import { timer } from "rxjs";
${driven(
  `period: "10ms",`,
  "1",
  `app.on("/value").pipe(bufferBounded(1, "dropOldest", () => timer(25, app.clock))).subscribe();`,
)}`,
    "names.ts": driven(
      `period: "10ms",`,
      "1e39",
      `console.log("declared");
  process.stdout.write("written\\n");
  app.summary(() => {
    console.info("ending");
    return { hash: "none", cycles: -1, verdicts: "fine", drops: 0 };
  });`,
    ),
  });
  // Due every 10 ms; each third comes 3 ms late, so that the next follows after 7 ms.
  const late = Array.from({ length: 30 }, (_, n) => ({ atMs: 10 * n + (n % 3 === 1 ? 3 : 0), bytes: float(n) }));
  await logOf("late.mcap", late);
  await logOf(
    "wrong.mcap",
    late.map(({ atMs }) => ({ atMs, bytes: Uint8Array.of(0, 1, 0, 0, 7) })),
  );
  [jittery, tolerant, strict, wrong, bounded, names, plain, unfed] = await workplace.each([
    ["run", "arriving.ts", "--log", "late.mcap", "--json"],
    ["run", "tolerant.ts", "--log", "late.mcap", "--json", "--strict"],
    ["run", "arriving.ts", "--log", "late.mcap", "--strict"],
    ["run", "arriving.ts", "--log", "wrong.mcap", "--json"],
    ["run", "bounded.ts", "-d", "300ms", "--json"],
    ["run", "names.ts", "-d", "100ms", "--json"],
    ["run", "names.ts", "-d", "100ms"],
    ["run", "arriving.ts", "-d", "50ms", "--strict"],
  ]);
}, 300_000);

describe("what a run drops", () => {
  it("for a minimum interval is said with the first, its reason, and the tolerance that takes all", () => {
    const reason = '7 ms after the one before, minInterval is 10 ms; tolerance: "3000us" would take all';
    expect(jittery).toMatchObject({ code: 0, error: "" });
    expect(parsed(jittery!).drops).toEqual([
      { kind: "early", where: "/value → double", count: 10, of: 30, first: { timeNs: 20 * ms, reason } },
    ]);
    expect(strict!.code).toBe(1);
    expect(strict!.out).toContain(
      `! 10 of 30 messages /value → double dropped by minInterval, first at 20 ms: ${reason}`,
    );
  });

  it("is nothing with that tolerance", () => {
    expect(tolerant).toMatchObject({ code: 0, error: "" });
    expect(parsed(tolerant!)).toMatchObject({ cycles: 30, drops: [], tasks: [{ released: 30, onTime: 30 }] });
  });

  it("since every message of an input was rejected makes it end with 1, with the first reason", () => {
    expect(wrong!.code).toBe(1);
    const { drops, verdicts } = parsed(wrong!);
    expect(drops).toMatchObject([{ kind: "rejected", where: "/value", count: 30, of: 30, first: { timeNs: 0 } }]);
    expect(drops[0]!.first.reason).toMatch(/^error\[/);
    expect(verdicts[0]!.text).toMatch(/^all 30 messages of \/value rejected, first at 0 ns: error\[/);
  });

  it("in a stream's bounded queue is counted, though nobody gave it a counter", () => {
    // A value every 10 ms, 25 ms for each: of three that come while one is in work, two replace the one that waits.
    const { drops } = parsed(bounded!);
    expect(drops).toMatchObject([{ kind: "stream", where: 'bufferBounded(1, "dropOldest")', of: null }]);
    // Of 30, those of 0, 20, 50, 70, 100 … ms are taken, twelve in all, and the last waits.
    expect(drops[0]!.count).toBe(17);
  });
});

describe("run --json", () => {
  it("is one document, whatever the application prints, and the application's summary replaces nothing in it", () => {
    expect(names!.error).toBe("declared\nwritten\nending\n");
    const { hash, cycles, world } = parsed(names!);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(cycles).toBe(10);
    expect(world).toEqual({ hash: "none", cycles: -1, verdicts: "fine", drops: 0 });
    // Its file was loaded by the first run of this process. What it says has a heading of its own.
    expect(plain!.out).toMatch(/^ending\ndoubling: /);
    expect(plain!.out).toMatch(/\n {2}world\n {4}hash {13}none\n(.*\n){3} {2}hash {15}[0-9a-f]{64}\n$/);
  });

  it("and the summary name outputs that are NaN or infinite, and inputs that nothing feeds", () => {
    const { faults } = parsed(names!);
    // A float32 holds no 1e39.
    expect(faults).toMatchObject([{ kind: "non-finite", where: "y of double", of: 10 }]);
    expect(faults[0]!.first.reason).toMatch(/^job \d+ is Infinity$/);
    expect(plain!.out).toMatch(/! y of double NaN or infinite in (all 10|\d+ of 10) outputs, first at /);
    expect(unfed!.out).toContain('! nothing came on /value: "double" was never released');
    // Nothing was missed, dropped or rejected.
    expect(unfed!.code).toBe(0);
  });
});

describe("errors under --json", () => {
  const error = z.strictObject({
    error: z.strictObject({
      code: z.string(),
      message: z.string(),
      place: z.string().optional(),
      details: z.array(z.string()),
      help: z.string().optional(),
    }),
  });

  it("are one JSON document of every command that has the option, with the exit code 1", async () => {
    workplace.write({ "chain.ts": doubling(undefined, `app.chain("through", [value, task], { budget: "14ms" });`) });
    const lines = [
      ["run", "missing.ts"],
      ["run", "chain.ts"],
      ["run", "--realtme", "chain.ts"],
      ["replay", "late.mcap"],
      ["report", "missing.mcap"],
      ["build", "missing.ts", "-o", "x.isoapp"],
      ["inspect", "missing.iso"],
      ["topic", "list", "missing.mcap"],
      ["topic", "echo", "late.mcap", "/valve"],
      ["topic", "hz", "late.mcap", "/valve"],
    ];
    const ended = await workplace.each(lines.map((line) => [...line, "--json"]));
    const codes = ended.map(({ code, out, error: said }) => {
      expect({ code, said }).toEqual({ code: 1, said: "" });
      return error.parse(JSON.parse(out)).error;
    });
    expect(codes.map(({ code }) => code)).toEqual([
      "application/load",
      "schedule/chain-budget",
      "command/usage",
      "recording/foreign",
      "file/read",
      "application/load",
      "file/read",
      "file/read",
      "log/missing-topic",
      "log/missing-topic",
    ]);
    expect(codes[1]).toEqual({
      code: "schedule/chain-budget",
      message: 'chain "through" can take 15 ms, its budget is 14 ms',
      place: `${workplace.path("chain.ts")}:6:7`,
      details: ["double   sampling 10 ms + deadline 5 ms"],
      help: 'release "double" on arrival of /value, or allow 15 ms',
    });
  }, 120_000);
});
