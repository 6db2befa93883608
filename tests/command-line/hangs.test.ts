// The application's own code cannot hang the command: what never ends is refused, or named, and two signals end the process.
import { existsSync, readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { doubling, type Ended, Workplace } from "./command.ts";

const workplace = new Workplace();
afterAll(() => workplace.remove());

const world = (periodNs: string, step = ""): string =>
  `app.world(() => ({ name: "hill", periodNs: ${periodNs}, step(time, io) { ${step} }, summary: () => ({}) }));`;
const app = (more: string, before = ""): string => `${before}\n${doubling(undefined, more)}`;

/** Starts a run, waits until it has said something, and sends signals. */
async function interrupted(file: string, said: RegExp, signals: number): Promise<Ended> {
  const { child, ended } = workplace.begin("run", file, "-d", "100000s", "--json");
  let error = "";
  await new Promise<void>((resolve) => {
    child.stderr?.on("data", (chunk) => {
      error += chunk;
      if (said.test(error)) resolve();
    });
    child.on("close", () => resolve());
  });
  for (let at = 0; at < signals; at++) {
    child.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return await ended;
}

describe("a world", () => {
  it("without a period, or that is none, is refused", async () => {
    const periods = ["0", "-5e6", "Number.NaN", "Number.POSITIVE_INFINITY", "undefined", "0.25", '"10 ms"'];
    const none = ["undefined", "42", "{}"].map((what) => `app.world(() => (${what}));`);
    const sources = [...periods.map((each) => world(each)), ...none];
    for (const [at, source] of sources.entries()) workplace.write({ [`world-${at}.js`]: app(source) });
    const ended = await workplace.each(
      sources.map((_, at) => ["run", `world-${at}.js`, "-d", "1s", "--record", `world-${at}.mcap`]),
    );
    for (const [at, { code, out, error }] of ended.entries()) {
      expect({ code, out }).toEqual({ code: 1, out: "" });
      expect(error).toMatch(
        at < periods.length
          ? /^error\[world\/period\]: the world "hill"(: periodNs cannot be .+| has no periodNs)\n {2}help: /
          : /^error\[world\/shape\]: (what app\.world\(\) makes is no world, but .+|the world has no name)\n {2}help: /,
      );
      expect(existsSync(workplace.path(`world-${at}.mcap`))).toBe(false);
    }
  }, 120_000);
});

describe("code that never returns is named, and Ctrl-C twice ends the process:", () => {
  const loops: Readonly<Record<string, readonly [source: string, named: RegExp]>> = {
    "a step of the world": [
      app(world("5e6", "for (;;);")),
      /a step of the world "hill" has not come to an end for \d+ s/,
    ],
    "an observer": [
      app(`${world("5e6", `io.publish("/value", { data: 1 });`)}\napp.on("/value").subscribe(() => { for (;;); });`),
      /an observer of \/value has not come to an end for \d+ s/,
    ],
    "a timer": [
      app("app.clock.schedule(() => { for (;;); }, 5);"),
      /a timer of a pipeline has not come to an end for \d+ s/,
    ],
    "promises without end": [
      app(world("5e6", "if (time === 0) (async () => { for (;;) await null; })();")),
      /a promise or a callback of the application has not come to an end for \d+ s/,
    ],
    "a module while it is loaded": [app("", "for (;;);"), /the loading of loop\.js has not come to an end for \d+ s/],
  };

  it.each(Object.keys(loops))(
    "%s",
    async (name) => {
      const [source, named] = loops[name]!;
      workplace.write({ "loop.js": source });
      const { code, error } = await interrupted("loop.js", named, 2);
      expect(error).toMatch(named);
      expect(code).toBe(130);
    },
    240_000,
  );
});

describe("a top-level await", () => {
  it("that waits for what never comes is refused at once", async () => {
    workplace.write({ "never.js": app("", "await new Promise(() => {});") });
    const { code, error, out } = await workplace.isochron("run", "never.js", "-d", "1s");
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(error).toBe(
      "error[application/load]: never.js cannot be loaded: its top-level await waits for what never comes\n  help: await what settles, or begin it without waiting: void connect()\n",
    );
  }, 120_000);

  it("that may yet end is named after a while, and Ctrl-C ends the waiting", async () => {
    workplace.write({ "later.js": app("", "setInterval(() => {}, 1000);\nawait new Promise(() => {});") });
    const { code, error } = await interrupted("later.js", /has not been loaded for a second/, 1);
    expect(error).toContain(
      "later.js has not been loaded for a second: its top-level await waits; Ctrl-C ends the waiting\n",
    );
    expect(code).toBe(130);
  }, 120_000);
});

describe("what an application has opened", () => {
  const server = `import { createServer } from "node:net";\nconst server = createServer().listen(0);\nconst timer = setInterval(() => {}, 1000);`;

  it("does not keep the command from ending, and is named", async () => {
    workplace.write({ "open.js": app("", server) });
    const { code, error } = await workplace.isochron("run", "open.js", "-d", "50ms", "--json");
    expect(code).toBe(0);
    expect(error).toMatch(
      /^the application has left open: (1 TCP server, 1 timer|1 timer, 1 TCP server); close it with app\.closing/,
    );
  }, 120_000);

  it("is closed by app.closing at the end of a run, the last first and one after the other, whatever ended it", async () => {
    const closing = `
      app.closing(async () => { timer.unref(); clearInterval(timer); appendFileSync("closed", "timer\\n"); });
      app.closing(() => new Promise((done) => server.close(() => { appendFileSync("closed", "server\\n"); done(); })));`;
    const source = (more: string) => app(closing + more, `${server}\nimport { appendFileSync } from "node:fs";`);
    workplace.write({
      "good.js": source(""),
      "fails.js": source(world("5e6", `if (time > 0) throw new Error("fell off");`)),
      "late.js": source(
        `app.task("late", twice, { inputs: { x: value }, period: "1ms", budget: "5ms", deadline: "1ms" });`,
      ),
    });
    for (const [file, code] of [
      ["good.js", 0],
      ["fails.js", 1],
      ["late.js", 1],
    ] as const) {
      workplace.write({ closed: "" });
      const run = await workplace.isochron("run", file, "-d", "50ms", "--json");
      expect(run.error).not.toContain("left open");
      expect(run.code).toBe(code);
      expect(readFileSync(workplace.path("closed"), "utf8")).toBe("server\ntimer\n");
    }
  }, 240_000);

  it("is closed by app.closing at the end of build, and of the start that it tries", async () => {
    workplace.write({
      closed: "",
      "built.js": app(
        `app.closing(() => appendFileSync(${JSON.stringify(workplace.path("closed"))}, "closed\\n"));`,
        `import { appendFileSync } from "node:fs";`,
      ),
    });
    const build = await workplace.isochron("build", "built.js", "-o", "built.isoapp", "--target", "x86-64-v3");
    expect(build).toMatchObject({ code: 0, error: "" });
    expect(readFileSync(workplace.path("closed"), "utf8")).toBe("closed\nclosed\n");
  }, 240_000);

  it("that cannot be closed is named, given up after a while, and gives exit code 1; the others are closed", async () => {
    workplace.write({
      closed: "",
      "stuck.js": app(
        `app.closing(() => appendFileSync("closed", "closed\\n"));
         app.closing(() => new Promise(() => {}));
         app.closing(() => { throw new Error("no such door"); });`,
        `import { appendFileSync } from "node:fs";`,
      ),
    });
    const { code, error } = await workplace.isochron("run", "stuck.js", "-d", "50ms", "--record", "stuck.mcap");
    expect(code).toBe(1);
    expect(error).toMatch(
      /^what app\.closing\(\) was given at .*stuck\.js:\d+:\d+ has not come to an end for a second\n/,
    );
    expect(error).toMatch(
      /error\[application\/closing\]: what app\.closing\(\) was given failed: no such door\n {2}--> .*stuck\.js:/,
    );
    expect(readFileSync(workplace.path("closed"), "utf8")).toBe("closed\n");
    expect(existsSync(workplace.path("stuck.mcap"))).toBe(true);
  }, 120_000);
});
