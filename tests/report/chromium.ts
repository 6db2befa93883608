// Debian's Chromium, with everything noted that a page says or asks for.
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

const executablePath = "/usr/bin/chromium";

/** Starts the browser without any business of its own on the network. */
export async function startChromium(): Promise<Browser> {
  if (!existsSync(executablePath)) {
    throw new Error(`${executablePath} is missing: node launch/setup/setup.mjs test installs the Debian package`);
  }
  return chromium.launch({
    executablePath,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** A page that is open, with what it has said and asked for so far. */
export interface Watched {
  readonly page: Page;
  /** Console messages and uncaught errors. */
  readonly said: string[];
  /** Addresses asked for, the page's own included. */
  readonly asked: string[];
}

/** Opens a file as a person does who has no network. */
export async function openFile(
  browser: Browser,
  path: string,
  look: { readonly width: number; readonly scheme: "light" | "dark" },
): Promise<Watched> {
  const context = await browser.newContext({
    viewport: { width: look.width, height: 900 },
    colorScheme: look.scheme,
    offline: true,
  });
  const page = await context.newPage();
  const watched: Watched = { page, said: [], asked: [] };
  page.on("console", (message) => watched.said.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => watched.said.push(String(error)));
  page.on("request", (request) => watched.asked.push(request.url()));
  await page.goto(`file://${path}`);
  // Two frames: the timeline and the charts have drawn themselves.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  return watched;
}
