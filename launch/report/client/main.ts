// In the page: reads the data that the page carries and starts timeline and charts.
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import type { Timeline } from "../timeline.ts";
import { startCharts } from "./charts.ts";
import { firstView, startTimeline } from "./timeline.ts";

const data: Timeline = JSON.parse(document.querySelector("#timeline-data")!.textContent);
const palette = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const shown = firstView(data);
const { redraw } = startTimeline(data, shown, palette);
const { restyle } = startCharts(data, shown, palette);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  redraw();
  restyle();
});
