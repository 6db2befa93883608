// The page's first sections: verdicts, timeline, tasks, chains.
import { counted, measuredDuration, notMeasured, number, text } from "./cells.ts";
import { describeLimits } from "./explain.ts";
import { histogram, type Limit } from "./histogram.ts";
import { duration, html, instant, Markup, table, whole } from "./html.ts";
import type { Measured, Percentiles } from "./percentiles.ts";
import type { Report, TaskReport } from "./report.ts";
import type { Timeline } from "./timeline.ts";
import type { Verdict } from "./verdicts.ts";

const signs: Readonly<Record<Verdict["status"], string>> = { good: "✓", bad: "✗", unknown: "?" };
const subjects: Readonly<Record<Verdict["about"], string>> = {
  run: "Run",
  determinism: "Determinism",
  deadlines: "Deadlines",
  chain: "Chain",
  budget: "Budget",
  scheduling: "Scheduling",
  conservation: "Conservation",
  records: "Records",
  messages: "Messages",
  values: "Values",
  replay: "Replay",
};
const spoken: Readonly<Record<Verdict["status"], string>> = { good: "good: ", bad: "bad: ", unknown: "open: " };

/** What the run came to. */
export const verdictSection = ({
  verdicts,
}: Report): Markup => html`<section id="verdicts" aria-labelledby="verdicts-title">
<h2 id="verdicts-title">Verdicts</h2>
<ul class="verdicts">${verdicts.map(
  ({ about, status, text: sentence }) =>
    html`<li class="${status}"><span class="sign" role="img" aria-label="${spoken[status]}">${signs[status]}</span><span class="word">${subjects[about]}</span><span class="what">${sentence}</span></li>
`,
)}</ul></section>`;

const legend = (shape: string, meaning: string): Markup =>
  html`<li><svg viewBox="0 0 26 14" aria-hidden="true">${new Markup(shape)}</svg>${meaning}</li>`;

/** Releases, executions and publications, with zoom. */
export function timelineSection(timeline: Timeline): Markup {
  const { windows, shownJobs, allJobs, clock, endNs } = timeline;
  const part =
    shownJobs === allJobs
      ? `All ${whole(allJobs)} releases are drawn.`
      : `Drawn are ${whole(shownJobs)} of ${whole(allJobs)} releases, in ${windows.length} stretches: the beginning, the end, and around misses. The shaded rest is in the recording, not in this page.`;
  const logical =
    clock === "logical"
      ? " Times are logical: a line runs from release to publication, execution is not measured."
      : "";
  return html`<section id="when" aria-labelledby="when-title">
<h2 id="when-title">Timeline</h2>
<p class="quiet">${part}${logical}</p>
<div class="tools" role="group" aria-label="Timeline">
<button type="button" data-action="in">Zoom in</button><button type="button" data-action="out">Zoom out</button><button type="button" data-action="whole">Whole run</button>
<button type="button" data-action="left" aria-label="Earlier">←</button><button type="button" data-action="right" aria-label="Later">→</button>
<button type="button" data-action="previous">Previous miss</button><button type="button" data-action="next">Next miss</button></div>
<canvas id="timeline" tabindex="0" role="application" aria-label="Timeline of ${instant(endNs)}: releases, executions and publications by task" aria-describedby="timeline-range timeline-keys"></canvas>
<output id="timeline-range" aria-live="polite"></output>
<output id="timeline-detail" class="quiet" aria-live="polite">Point at a job, or press n for the next miss.</output>
<ul class="legend" aria-label="Signs of the timeline">
${legend('<path d="M13 2v11" stroke="var(--input)" stroke-width="1.5"/><circle cx="13" cy="3" r="2.5" fill="var(--input)"/>', "message admitted")}
${legend('<path d="M4 1v12" stroke="var(--quiet)"/><path d="M4 7h5" stroke="var(--bar)"/><path d="M9 3h14v8H9z" fill="var(--bar)"/>', clock === "real" ? "release, wait, execution" : "release to publication")}
${legend('<path d="M13 2l4 5-4 5-4-5z" fill="var(--good)"/>', "published")}
${legend('<path d="M13 2l4 5-4 5-4-5z" fill="none" stroke="var(--bad)" stroke-width="1.5"/>', "missed, previous value held")}
${legend('<path d="M9 3l8 8m0-8l-8 8" stroke="var(--bad)" stroke-width="1.75"/>', "skipped, or nothing published")}
</ul>
<p id="timeline-keys" class="quiet">Keys: <kbd>+</kbd> <kbd>−</kbd> zoom, <kbd>←</kbd> <kbd>→</kbd> move, <kbd>0</kbd> whole run, <kbd>Home</kbd> <kbd>End</kbd>, <kbd>n</kbd> <kbd>p</kbd> next and previous miss. Drag to move, pinch or Ctrl with the wheel to zoom; the strip under the rows shows the whole run.</p>
<noscript><p>The timeline and the charts over the run need JavaScript; every number of this page stands without it.</p></noscript>
</section>`;
}

const percentileTable = (caption: string, measured: Percentiles, count: string): Markup => {
  const cells = [
    ["min", measured.min],
    ["p50", measured.p50],
    ["p90", measured.p90],
    ["p99", measured.p99],
    ["p99.9", measured.p999],
    ["max", measured.max],
  ] as const;
  return html`<table class="percentiles"><caption>${caption}, ${whole(measured.count)} ${count}</caption>
<thead><tr>${cells.map(([name]) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
<tbody><tr>${cells.map(([, ns]) => html`<td class="number">${duration(ns)}</td>`)}</tr></tbody></table>`;
};

function distribution(title: string, explanation: string, measured: Measured, unit: string, limit?: Limit): Markup {
  if (measured === "not measured") {
    return html`<figure><h4>${title}</h4><p class="quiet">${explanation}</p><p><strong>not measured</strong></p></figure>`;
  }
  return html`<figure><h4>${title}</h4>
<figcaption>${explanation}</figcaption>
${histogram(title, measured, unit, limit)}
${percentileTable(title, measured, unit)}</figure>`;
}

/** Each task's latencies against its budget and deadline. */
export function taskSection(report: Report, timeline: Timeline): Markup {
  const overview = table(
    report.clock === "real"
      ? "What each task was allowed, and what it did"
      : "What each task was allowed; in virtual time nothing is late by itself",
    [
      text("Task"),
      text("Released"),
      number("Budget"),
      number("Deadline"),
      number("On time"),
      number("Overrun"),
      number("Skipped"),
      number("Execution p50"),
      number("Execution max"),
      number("Over budget"),
      text("When late"),
    ],
    report.tasks.map((task) => [
      task.name,
      task.trigger,
      duration(task.budgetNs),
      duration(task.deadlineNs),
      counted(task.onTime),
      counted(task.overrun, true),
      counted(task.skipped, true),
      measuredDuration(task.executionTime, "p50"),
      measuredDuration(task.executionTime, "max"),
      task.overBudget === "not measured" ? notMeasured : counted(task.overBudget, true),
      task.onOverrun === "hold" ? "hold the previous value" : "publish nothing",
    ]),
  );
  return html`<section id="tasks" aria-labelledby="tasks-title"><h2 id="tasks-title">Tasks</h2>${overview}
${report.tasks.map((task) => taskDetail(task, timeline))}</section>`;
}

function taskDetail(task: TaskReport, { responses }: Timeline): Markup {
  const chart = responses.findIndex((each) => each.name === task.name);
  return html`<article aria-label="Task ${task.name}"><h3>${task.name}</h3>
<p class="quiet">${describeLimits(task)}</p>
<div class="three">
${distribution("Execution time", "From the start of a job to its end, preemption included.", task.executionTime, "jobs", { name: "budget", ns: task.budgetNs })}
${distribution("Response time", "From release to the end of the job.", task.responseTime, "jobs", { name: "deadline", ns: task.deadlineNs })}
${distribution("Lateness", "From release to the start of the job.", task.lateness, "jobs")}
</div>
${chart < 0 ? "" : html`<h4>Response time over the run</h4><div class="chart" id="response-${chart}"></div>`}</article>`;
}

/** Latency from sensor to command. */
export function chainSection({ chains, clock }: Report, timeline: Timeline): Markup {
  const note =
    clock === "logical"
      ? "In logical time: from the arrival of a message to the publication of the first command that used it. It follows from the schedule; no latency of this machine is in it."
      : "From the arrival of a message to the publication of the first command that used it.";
  return html`<section id="chains" aria-labelledby="chains-title"><h2 id="chains-title">Chains, sensor to command</h2><p class="quiet">${note}</p>
${chains.length === 0 ? html`<p>No chain is declared.</p>` : ""}
${chains.map(({ name, path, budgetNs, latency, overBudget, age, maxAgeNs, overAge, oldest }) => {
  const chart = timeline.chains.findIndex((each) => each.name === name);
  return html`<article aria-label="Chain ${name}"><h3>${name}</h3>
<p class="quiet">${path.join(" → ")}; budget ${duration(budgetNs)}, over budget: ${overBudget === "not measured" ? overBudget : whole(overBudget)}</p>
<p class="quiet">${
    maxAgeNs === null
      ? "No maxAge declared"
      : html`maxAge ${duration(maxAgeNs)}, over it: ${overAge === null || overAge === "not measured" ? "not measured" : whole(overAge)}`
  }${oldest === null ? "" : html`; the oldest value became ${duration(oldest.ageNs)} old, at ${instant(oldest.timeNs)}`}</p>
<div class="three">${distribution("Latency", "One for each sample that reached a command.", latency, "commands", { name: "budget", ns: budgetNs })}
${distribution("Age", "Of the sample behind what stands, at each publication instant; held values age.", age, "instants", maxAgeNs === null ? undefined : { name: "maxAge", ns: maxAgeNs })}</div>
${chart < 0 ? "" : html`<h4>Latency over the run</h4><div class="chart" id="chain-${chart}"></div>`}</article>`;
})}</section>`;
}
