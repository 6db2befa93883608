import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  facts,
  ledgerOf,
  ms,
  smallApplication,
  smallRun,
  virtualFacts,
  virtualRun,
} from "../../launch/report/testing/small-run.ts";
import { summarise } from "../../launch/report/write.ts";
import { openFile, startChromium } from "./chromium.ts";

const folder = resolve("out/test/report");
const live = `${folder}/live.html`;
const virtual = `${folder}/virtual.html`;
const looks = [375, 1280].flatMap((width) => (["light", "dark"] as const).map((scheme) => ({ width, scheme })));
const desk = { width: 1280, scheme: "light" } as const;

let browser: Browser;
beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  summarise(ledgerOf(smallRun()), facts).write(live);
  summarise(ledgerOf(virtualRun()), virtualFacts).write(virtual);
  browser = await startChromium();
});
afterAll(async () => {
  await browser?.close();
});

/** What the timeline says it shows: its two instants in seconds, and the releases between. */
const shown = async (page: Page): Promise<{ from: number; to: number; releases: number; missed: number }> => {
  const text = (await page.textContent("#timeline-range")) ?? "";
  const numbers = /^([\d.]+)\u00a0s to ([\d.]+)\u00a0s: (\d+) releases, (\d+) missed$/.exec(text);
  if (!numbers) throw new Error(`the timeline says "${text}"`);
  const [from, to, releases, missed] = numbers.slice(1).map(Number) as [number, number, number, number];
  return { from, to, releases, missed };
};

/** Presses Tab until the element has the focus. */
const tabTo = async (page: Page, id: string): Promise<boolean> => {
  for (let pressed = 0; pressed < 60; pressed++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement?.id === wanted, id)) return true;
  }
  return false;
};

describe("report.html", () => {
  for (const look of looks) {
    it(`opens offline at ${look.width} px in ${look.scheme}, silent, asking for nothing, no wider than the screen`, async () => {
      for (const path of [live, virtual]) {
        const { page, said, asked } = await openFile(browser, path, look);
        expect(said).toEqual([]);
        expect(asked).toEqual([`file://${path}`]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(look.width);
        const name = path === live ? "live" : "virtual";
        await page.screenshot({ path: `${folder}/${name}-${look.width}-${look.scheme}.png`, fullPage: true });
        await page.context().close();
      }
    });
  }

  it("puts the verdicts first, the bad ones before the good ones", async () => {
    const { page } = await openFile(browser, live, desk);
    expect(await page.textContent("h1")).toBe("small");
    expect(await page.textContent("main h2 >> nth=0")).toBe("Verdicts");
    const verdicts = await page.locator(".verdicts li").evaluateAll((items) => items.map((item) => item.className));
    expect(verdicts).toEqual([...Array(6).fill("bad"), "unknown", ...Array(3).fill("good")]);
    expect(await page.textContent(".verdicts li .what >> nth=0")).toBe(
      "2 overruns of find (injected stall, execution over budget)",
    );
    await page.context().close();
  });

  it("holds the same numbers as report.json", async () => {
    const { report } = summarise(ledgerOf(smallRun()), facts);
    const { page } = await openFile(browser, live, desk);
    const rows = await page
      .locator("#conservation table >> nth=0 >> tbody tr")
      .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)));
    expect(rows).toEqual(
      report.tasks.map(({ name, released, onTime, overrun, skipped, inFlight }) =>
        [name, released, onTime, overrun, skipped, inFlight, "holds"].map(String),
      ),
    );
    const percentiles = await page
      .locator("#tasks article >> nth=0 >> .percentiles >> nth=0 >> td")
      .evaluateAll((cells) => cells.map((cell) => cell.textContent?.replace("\u00a0", " ")));
    expect(percentiles).toEqual(["2 ms", "3 ms", "25 ms", "25 ms", "25 ms", "25 ms"]);
    await page.context().close();
  });

  it("shows where a balance is broken", async () => {
    const path = `${folder}/broken.html`;
    const lossy = smallRun().filter((event) => !(event.kind === "verdict" && event.task === 1 && event.job === 3));
    const doubled = [...lossy, { kind: "verdict", task: 0, job: 0, time: 15 * ms, overrun: false } as const];
    summarise(ledgerOf(doubled), facts).write(path);
    const { page } = await openFile(browser, path, desk);
    expect(await page.locator("#conservation tbody tr", { hasText: "find" }).first().textContent()).toContain("broken");
    expect(await page.locator(".verdicts .bad", { hasText: "conservation is broken" }).count()).toBe(1);
    await page.context().close();
  });

  it("lets the keyboard reach the timeline, see its focus, zoom, move and go from miss to miss", async () => {
    const { page, said } = await openFile(browser, live, desk);
    expect(await tabTo(page, "timeline")).toBe(true);
    const outline = await page.locator("#timeline").evaluate((canvas) => getComputedStyle(canvas).outlineStyle);
    expect(outline).toBe("solid");

    await page.keyboard.press("0");
    expect(await shown(page)).toEqual({ from: 0, to: 0.2, releases: 15, missed: 6 });
    await page.keyboard.press("+");
    const closer = await shown(page);
    expect(closer.to - closer.from).toBeCloseTo(0.1, 6);
    await page.keyboard.press("ArrowRight");
    expect((await shown(page)).from).toBeGreaterThan(closer.from);
    await page.keyboard.press("Home");
    expect((await shown(page)).from).toBe(0);
    await page.keyboard.press("+");
    await page.keyboard.press("+");
    await page.keyboard.press("n");
    expect(await page.textContent("#timeline-detail")).toMatch(/^find job 2: .*overrun$/);
    await page.keyboard.press("n");
    expect(await page.textContent("#timeline-detail")).toMatch(/^steer job [45]: /);
    await page.keyboard.press("-");
    await page.keyboard.press("End");
    expect((await shown(page)).to).toBeCloseTo(0.2, 6);
    expect(said).toEqual([]);
    await page.context().close();
  });

  it("zooms and moves by buttons, by dragging, and by a selection in a chart", async () => {
    const { page, said } = await openFile(browser, live, desk);
    await page.click("[data-action=whole]");
    await page.click("[data-action=in]");
    const before = await shown(page);
    expect(before.to - before.from).toBeCloseTo(0.1, 6);
    const box = (await page.locator("#timeline").boundingBox())!;
    await page.mouse.move(box.x + 800, box.y + 30);
    await page.mouse.down();
    await page.mouse.move(box.x + 600, box.y + 30, { steps: 4 });
    await page.mouse.up();
    expect((await shown(page)).from).toBeGreaterThan(before.from);

    const chart = page.locator("#response-0 .u-over");
    await chart.scrollIntoViewIfNeeded();
    const area = (await chart.boundingBox())!;
    await page.mouse.move(area.x + area.width * 0.25, area.y + 40);
    await page.mouse.down();
    await page.mouse.move(area.x + area.width * 0.75, area.y + 40, { steps: 4 });
    await page.mouse.up();
    const chosen = await shown(page);
    expect(chosen.from).toBeCloseTo(0.05, 2);
    expect(chosen.to).toBeCloseTo(0.15, 2);
    expect(said).toEqual([]);
    await page.context().close();
  });

  it("draws on the timeline: bars, and misses in another colour", async () => {
    const { page } = await openFile(browser, live, desk);
    await page.click("[data-action=whole]");
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const colours = await page.locator("#timeline").evaluate((element) => {
      const canvas = element as HTMLCanvasElement;
      const probe = document.createElement("canvas").getContext("2d")!;
      const wanted = ["bar", "bad", "good", "input"].map((name) => {
        probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
        probe.fillRect(0, 0, 1, 1);
        return String(probe.getImageData(0, 0, 1, 1).data);
      });
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
      const found = new Set<string>();
      for (let at = 0; at < data.length; at += 4) found.add(String(data.subarray(at, at + 4)));
      return wanted.map((colour) => found.has(colour));
    });
    expect(colours).toEqual([true, true, true, true]);
    await page.context().close();
  });

  it("is made of landmarks, headings and captioned tables, and every control has a name", async () => {
    const { page } = await openFile(browser, live, desk);
    const structure = await page.evaluate(() => ({
      landmarks: ["header", "main", "nav[aria-label]", "footer"].map((each) => document.querySelectorAll(each).length),
      language: document.documentElement.lang,
      headings: [...document.querySelectorAll("h1, h2, h3, h4")].map((each) => Number(each.tagName[1])),
      sections: [...document.querySelectorAll("section")].filter(
        (each) => !document.getElementById(each.getAttribute("aria-labelledby") ?? "")?.textContent,
      ).length,
      bare: [...document.querySelectorAll("main table:not(.u-legend)")].filter(
        (each) => !each.querySelector("caption") || !each.querySelector("th[scope=col]"),
      ).length,
      nameless: [...document.querySelectorAll("button, canvas#timeline, svg[role=img]")].filter(
        (each) => !each.getAttribute("aria-label") && !each.textContent?.trim(),
      ).length,
      broken: [...document.querySelectorAll<HTMLAnchorElement>("a[href^='#']")].filter(
        (each) => !document.querySelector(each.getAttribute("href")!),
      ).length,
    }));
    const { headings, ...rest } = structure;
    expect(rest).toEqual({ landmarks: [1, 1, 1, 1], language: "en", sections: 0, bare: 0, nameless: 0, broken: 0 });
    for (const [at, level] of headings.entries()) expect(level - (headings[at - 1] ?? 0)).toBeLessThanOrEqual(1);
    await page.context().close();
  });

  it("has text that stands out from its ground by 4.5 to 1, in light and dark", async () => {
    for (const scheme of ["light", "dark"] as const) {
      const { page } = await openFile(browser, live, { width: 1280, scheme });
      const ratios = await page.evaluate(() => {
        const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
        const luminance = (name: string) => {
          probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
          probe.fillRect(0, 0, 1, 1);
          const [r, g, b] = [...probe.getImageData(0, 0, 1, 1).data].map((value) => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
          }) as [number, number, number];
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        return ["ink", "quiet", "good", "bad", "unknown", "accent"].flatMap((text) =>
          ["paper", "panel"].map((ground): [string, number] => {
            const [low, high] = [luminance(text), luminance(ground)].sort((a, b) => a - b) as [number, number];
            return [`${text} on ${ground}`, (high + 0.05) / (low + 0.05)];
          }),
        );
      });
      for (const [pair, ratio] of ratios) expect(ratio, `${pair} in ${scheme}`).toBeGreaterThanOrEqual(4.5);
      await page.context().close();
    }
  });

  it("cannot reach a network or run a foreign script, even if it wanted to", async () => {
    const { page } = await openFile(browser, live, desk);
    const refused = await page.evaluate(async () => {
      const violations: string[] = [];
      document.addEventListener("securitypolicyviolation", (event) => violations.push(event.effectiveDirective));
      await fetch("http://127.0.0.1:9/").catch(() => undefined);
      const script = document.createElement("script");
      script.textContent = "window.foreign = true";
      document.body.append(script);
      const image = document.createElement("img");
      image.src = "http://127.0.0.1:9/image.png";
      document.body.append(image);
      while (violations.length < 3) await new Promise((done) => setTimeout(done, 5));
      return { violations: violations.sort(), foreign: "foreign" in window };
    });
    expect(refused).toEqual({ violations: ["connect-src", "img-src", "script-src-elem"], foreign: false });
    await page.context().close();
  });

  it("says not measured, and draws no latency, for a run in virtual time", async () => {
    const { page } = await openFile(browser, virtual, desk);
    expect(await page.textContent("header")).toContain("times are logical");
    expect(await page.locator("#tasks svg").count()).toBe(0);
    expect(await page.locator("#tasks figure", { hasText: "not measured" }).count()).toBe(6);
    expect(await page.textContent("#chains")).toContain("In logical time");
    expect(await page.textContent("#machine")).toContain("Virtual time uses no real-time thread");
    await page.context().close();
  });

  it("shows names as they are, whatever stands in them", async () => {
    const path = `${folder}/names.html`;
    const odd = '</script><script>window.foreign = true</script><b title="x">&amp;';
    summarise(ledgerOf(smallRun(), smallApplication(odd)), facts).write(path);
    const { page, said } = await openFile(browser, path, desk);
    expect(await page.textContent("h1")).toBe(odd);
    expect(await page.evaluate(() => "foreign" in window)).toBe(false);
    expect(said).toEqual([]);
    await page.context().close();
  });
});
