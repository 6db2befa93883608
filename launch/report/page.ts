// The report as one HTML page that opens offline: style, script and data inlined, and nothing else allowed.
import { createHash } from "node:crypto";
import { conservationSection, machineSection, missSection, topicSection, worldSection } from "./accounts.ts";
import { readClient, readUplot } from "./client-source.ts";
import { duration, html, Markup } from "./html.ts";
import type { Report } from "./report.ts";
import { chainSection, taskSection, timelineSection, verdictSection } from "./sections.ts";
import { style } from "./style.ts";
import type { Timeline } from "./timeline.ts";

const contents = [
  ["verdicts", "Verdicts"],
  ["when", "Timeline"],
  ["tasks", "Tasks"],
  ["chains", "Chains"],
  ["misses", "Misses"],
  ["conservation", "Conservation"],
  ["topics", "Messages"],
  ["machine", "Machine"],
] as const;

/** The mark of a page that this wrote. */
export const generator = "isochron report";

/** A policy's source for an inline block, so that no other can run. */
const hashSource = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** Data within a script element: `<` is written so that no markup can begin in it. */
const embedded = (value: unknown): string => JSON.stringify(value).replaceAll("<", "\\u003c");

/** The page. */
export function renderPage(report: Report, timeline: Timeline): string {
  const uplot = readUplot();
  const client = readClient();
  const styles = `${uplot.style}\n${style}`;
  const policy = [
    "default-src 'none'",
    `script-src ${hashSource(uplot.script)} ${hashSource(client)}`,
    `style-src ${hashSource(styles)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="${generator}">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${report.application}: Isochron report</title>
<link rel="icon" href="data:,">
<style>${new Markup(styles)}</style>
</head>
<body>
<a class="skip" href="#verdicts">To the verdicts</a>
<header>
<h1>${report.application}</h1>
<p class="quiet">${subtitle(report)}</p>
</header>
<main>
${verdictSection(report)}
<nav aria-label="Sections"><ul>${contents.slice(1).map(([id, title]) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
${timelineSection(timeline)}
${taskSection(report, timeline)}
${chainSection(report, timeline)}
${missSection(report)}
${conservationSection(report)}
${topicSection(report)}
${machineSection(report)}
${worldSection(report)}
</main>
<footer>
<p>Percentiles are measured values (nearest rank); p99.9 of fewer than 1000 values is the maximum. Histograms are logarithmic in time and in count; triangles mark p50, p90, p99 and p99.9.</p>
<p>Hash of the run: <span class="mono">${report.hash}</span></p>
<p>Written by Isochron. This page loads nothing and sends nothing; the same numbers stand in report.json.</p>
</footer>
<script type="application/json" id="timeline-data">${new Markup(embedded(timeline))}</script>
<script>${new Markup(uplot.script)}</script>
<script>${new Markup(client)}</script>
</body>
</html>
`.text;
}

function subtitle({ durationNs, clock, scheduling, machine }: Report): string {
  const time = clock === "real" ? "real time" : "virtual time";
  return [
    `${duration(durationNs)} of ${time}`,
    clock === "real" ? scheduling : "times are logical, no latency is measured",
    machine === "not recorded" ? "machine not recorded" : `${machine.cpu}, ${machine.cores} cores`,
  ].join(" · ");
}
