// The page's accounts: misses, conservation, messages, machine, world.
import { counted, holds, measuredDuration, notMeasured, number, text } from "./cells.ts";
import { duration, html, instant, type Markup, table, whole } from "./html.ts";
import type { Report } from "./report.ts";

/** Misses with their cause. */
export function missSection({ misses, clock }: Report): Markup {
  const { total, groups, listed } = misses;
  const none = clock === "real" ? "Every release was on time." : "No release was marked late; times are logical.";
  const list = table(
    listed.length < total ? `The first ${whole(listed.length)} of ${whole(total)} misses` : "Each miss",
    [text("Task"), number("Job"), number("Released at"), text("What"), { title: "Why", wide: true }, text("Instead")],
    listed.map(({ task, job, timeNs, kind, why, instead }) => [
      task,
      whole(job),
      instant(timeNs),
      kind,
      why.replaceAll(" us", " µs"),
      instead,
    ]),
  );
  const body =
    total === 0
      ? html`<p>${none}</p>`
      : html`${table(
          "Misses by cause",
          [text("Task"), text("What"), text("Cause"), text("Instead"), number("Count")],
          groups.map(({ task, kind, cause, instead, count }) => [task, kind, cause, instead, counted(count, true)]),
        )}${listed.length > 20 ? html`<details><summary>Each miss, with its numbers</summary>${list}</details>` : list}`;
  return html`<section id="misses" aria-labelledby="misses-title"><h2 id="misses-title">Misses and their causes</h2>${body}</section>`;
}

/** The identities. */
export const conservationSection = ({
  tasks,
  channels,
  lost,
}: Report): Markup => html`<section id="conservation" aria-labelledby="conservation-title">
<h2 id="conservation-title">Conservation</h2>
<p class="quiet">Nothing is lost silently: each left side is counted from other records than its right side.</p>
${table(
  "Per task: released = on time + overrun + skipped + in flight at stop",
  [
    text("Task"),
    number("Released"),
    number("On time"),
    number("Overrun"),
    number("Skipped"),
    number("In flight"),
    text("Identity"),
  ],
  tasks.map(({ name, released, onTime, overrun, skipped, inFlight, conserved }) => [
    name,
    ...[released, onTime, overrun, skipped, inFlight].map((each) => whole(each)),
    holds(conserved),
  ]),
)}
${table(
  "Per channel and reader: published = read + overwritten unread + dropped + rejected + pending",
  [
    text("Channel"),
    text("Reader"),
    number("Published"),
    number("Read"),
    number("Overwritten"),
    number("Dropped"),
    number("Rejected"),
    number("Pending"),
    text("Identity"),
  ],
  channels.map(({ channel, consumer, published, read, overwritten, dropped, rejected, pending, conserved }) => [
    channel,
    consumer,
    ...[published, read, overwritten, dropped, rejected, pending].map((each) => whole(each)),
    holds(conserved),
  ]),
)}
${table(
  "Records that the recorder had to give up",
  [text("Kind"), number("Lost")],
  [
    ["decisions", counted(lost.decisions, true)],
    ["traces", counted(lost.traces, true)],
    ["output bytes", counted(lost.outputs, true)],
  ],
)}</section>`;

/** Rates and drops. */
export const topicSection = ({ topics, clock, streamDrops, drops, departures }: Report): Markup => {
  const nothing = html`<span class="quiet">–</span>`;
  const rejections = topics.flatMap(({ topic, rejections: all }) => all.map((each) => ({ topic, ...each })));
  const interval = (ns: number | undefined): Markup => (ns === undefined ? notMeasured : html`${duration(ns)}`);
  return html`<section id="topics" aria-labelledby="topics-title"><h2 id="topics-title">Messages</h2>
${table(
  `Topics and channels; rates in ${clock === "real" ? "real" : "logical"} time, from the first message to the last`,
  [
    text("Topic"),
    text("Direction"),
    number("Messages"),
    number("Bytes"),
    number("Rate"),
    number("Interval min"),
    number("Interval p50"),
    number("Interval max"),
    number("Dropped"),
    number("Rejected"),
    number("Decoding p99"),
  ],
  topics.map(({ topic, direction, type, messages, bytes, rateHz, intervalNs, dropped, rejected, decoding }) => [
    html`${topic}<span class="kind">${type ?? "tensors"}</span>`,
    direction,
    whole(messages),
    whole(bytes),
    rateHz === null ? notMeasured : `${rateHz.toPrecision(4)}\u00a0Hz`,
    interval(intervalNs?.min),
    interval(intervalNs?.p50),
    interval(intervalNs?.max),
    dropped === null ? nothing : counted(dropped, true),
    rejected === null ? nothing : counted(rejected, true),
    decoding === null ? nothing : measuredDuration(decoding, "p99"),
  ]),
)}
<p class="quiet">Dropped: arrived before a task's minimum interval had passed, and released nothing. Rejected: could not be decoded. Decoding: from arrival to the sample, where a thread of its own decodes. A dash stands where the question does not arise.</p>
${
  departures.length === 0
    ? ""
    : table(
        "How late messages left: after their publication instant, or after their job's end where they leave at completion",
        [
          text("Topic"),
          text("Leaves at"),
          number("Left"),
          number("p50"),
          number("p99"),
          number("max"),
          number("Latest of"),
          number("Not sent"),
          number("Missed"),
        ],
        departures.map(({ topic, send, left, medianNs, p99Ns, latestNs, latestAtNs, unsent, missed }) => [
          ...[topic, send, whole(left), duration(medianNs), duration(p99Ns), duration(latestNs), instant(latestAtNs)],
          ...[counted(unsent, true), counted(missed, true)],
        ]),
      )
}${
  rejections.length === 0
    ? ""
    : table(
        "Rejected messages by reason",
        [text("Topic"), { title: "Reason", wide: true }, number("Count")],
        rejections.map(({ topic, reason, count }) => [topic, reason, counted(count, true)]),
      )
}${
  drops.length === 0
    ? ""
    : table(
        "What came and was not used, with the first time and its reason",
        [text("Where"), text("What"), number("Count"), number("Of"), number("First at"), { title: "Why", wide: true }],
        drops.map(({ where, kind, count, of, first: { timeNs, reason } }) => [
          where,
          kind,
          counted(count, true),
          of === null ? nothing : whole(of),
          timeNs === null ? nothing : instant(timeNs),
          reason,
        ]),
      )
}${
  Object.keys(streamDrops).length === 0
    ? ""
    : table(
        "Values that stream pipelines dropped, by counter",
        [text("Counter"), number("Dropped")],
        Object.entries(streamDrops).map(([name, count]) => [name, counted(count, true)]),
      )
}</section>`;
};

/** The machine, its threads and their policy. */
export function machineSection({ machine, threads, scheduling, clock }: Report): Markup {
  const facts =
    machine === "not recorded"
      ? html`<p>The recording does not name its machine.</p>`
      : html`<dl><dt>Processor</dt><dd>${machine.cpu}, ${machine.cores} cores, ${machine.architecture}</dd>
<dt>Kernel</dt><dd>${machine.kernel}</dd><dt>Node.js</dt><dd>${machine.node}</dd>
<dt>Frequency governor</dt><dd>${machine.governor ?? "not shown by the kernel"}</dd>
<dt>Scheduling</dt><dd>${scheduling}</dd></dl>`;
  const list =
    threads.length === 0
      ? html`<p>${clock === "logical" ? "Virtual time uses no real-time thread." : "No thread is recorded."}</p>`
      : table(
          "Real-time threads; the policy is read back from the kernel",
          [text("Thread"), number("Core"), text("Bound to it"), number("Priority"), text("Policy in force")],
          threads.map(({ name, core, bound, priority, policy }) => [
            name,
            String(core),
            bound ? "yes" : html`<span class="bad-text">no</span>`,
            String(priority),
            policy,
          ]),
        );
  return html`<section id="machine" aria-labelledby="machine-title"><h2 id="machine-title">Machine and scheduling</h2>${facts}${list}</section>`;
}

/** What the world says the run came to. */
export function worldSection({ world }: Report): Markup {
  if (world === null || Object.keys(world).length === 0) return html``;
  const show = (value: number | string | boolean | null): string =>
    typeof value === "number" ? String(Number(value.toPrecision(5))) : value === null ? "not measured" : String(value);
  return html`<section id="world" aria-labelledby="world-title"><h2 id="world-title">World</h2>
${table(
  "What the world measured",
  [text("Measure"), number("Value")],
  Object.entries(world).map(([name, value]) => [name, show(value)]),
)}</section>`;
}
