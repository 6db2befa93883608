// A latency histogram drawn as SVG: logarithmic in time and in count, so that the tail shows beside the crowd.
import { duration, html, type Markup, whole } from "./html.ts";
import type { Percentiles } from "./percentiles.ts";

/** A line to hold a distribution against. */
export interface Limit {
  readonly name: string;
  readonly ns: number;
}

const width = 360;
const height = 188;
const frame = { left: 34, right: 10, top: 30, bottom: 34 };
const plotWidth = width - frame.left - frame.right;
const plotHeight = height - frame.top - frame.bottom;
const round = (value: number): number => Math.round(value * 10) / 10;

/** The histogram of what was measured, its limit marked. */
export function histogram(title: string, measured: Percentiles, unit: string, limit: Limit | undefined): Markup {
  const bins = measured.histogram;
  const least = Math.max(1, bins[0]!.fromNs);
  const most = Math.max(bins[bins.length - 1]!.toNs, limit ? limit.ns * 1.15 : 0, least * 1.5);
  const [from, to] = [Math.log10(least) - 0.04, Math.log10(most) + 0.04];
  const x = (ns: number) => round(frame.left + ((Math.log10(Math.max(ns, 1)) - from) / (to - from)) * plotWidth);
  // One job is a third of a decade high, so that it can be seen.
  const tallest = Math.log10(Math.max(...bins.map(({ count }) => count))) + 0.34;
  const y = (count: number) => round(frame.top + plotHeight * (1 - (Math.log10(count) + 0.34) / tallest));
  const foot = frame.top + plotHeight;
  const over = (fromNs: number) => limit !== undefined && fromNs >= limit.ns;
  const described = `${title}: median ${duration(measured.p50)}, 99th percentile ${duration(measured.p99)}, maximum ${duration(measured.max)}${limit ? `, ${limit.name} ${duration(limit.ns)}` : ""}; ${measured.count} ${unit}`;
  return html`<svg class="histogram" viewBox="0 0 ${width} ${height}" role="img" aria-label="${described}">
${powers(tallest - 0.34).map(
  (count) => html`<line class="grid" x1="${frame.left}" x2="${width - frame.right}" y1="${y(count)}" y2="${y(count)}"/>
<text class="axis" x="${frame.left - 5}" y="${y(count) + 4}" text-anchor="end">${shortCount(count)}</text>
`,
)}<text class="axis" x="2" y="${frame.top - 12}">${unit}</text>
${bins.map(({ fromNs, toNs, count }) => {
  const left = x(fromNs);
  return html`<rect class="${over(fromNs) ? "bar over" : "bar"}" x="${left}" y="${y(count)}" width="${round(Math.max(1.5, x(toNs) - left - 0.8))}" height="${round(foot - y(count))}"><title>${duration(fromNs)} to ${duration(toNs)}: ${whole(count)} ${unit}</title></rect>
`;
})}<line class="base" x1="${frame.left}" x2="${width - frame.right}" y1="${foot}" y2="${foot}"/>
${ticks(from, to).map(
  (ns) => html`<line class="base" x1="${x(ns)}" x2="${x(ns)}" y1="${foot}" y2="${foot + 4}"/>
<text class="axis" x="${Math.min(x(ns), width - 16)}" y="${foot + 16}" text-anchor="middle">${duration(ns)}</text>
`,
)}${marks(measured).map(
  ({ name, ns }) =>
    html`<path class="mark" d="M${x(ns)} ${foot + 1}l-3.5 6h7z"><title>${name} ${duration(ns)}</title></path>
`,
)}${limit ? limitLine(x(limit.ns), foot, limit) : ""}</svg>`;
}

const limitLine = (at: number, foot: number, { name, ns }: Limit): Markup => {
  const anchor = at > width * 0.66 ? "end" : at < width * 0.33 ? "start" : "middle";
  return html`<line class="limit" x1="${at}" x2="${at}" y1="${frame.top - 6}" y2="${foot}"/>
<text class="limit" x="${at}" y="${frame.top - 12}" text-anchor="${anchor}">${name} ${duration(ns)}</text>`;
};

const marks = ({ p50, p90, p99, p999 }: Percentiles) => [
  { name: "p50", ns: p50 },
  { name: "p90", ns: p90 },
  { name: "p99", ns: p99 },
  { name: "p99.9", ns: p999 },
];

const powers = (most: number): number[] => Array.from({ length: Math.floor(most) + 1 }, (_, power) => 10 ** power);

const shortCount = (count: number): string =>
  count >= 1e6 ? `${count / 1e6}M` : count >= 1e3 ? `${count / 1e3}k` : String(count);

/** Powers of ten within the range, with 2 and 5 where few powers are, at most about six. */
function ticks(from: number, to: number): number[] {
  const between = (multiples: readonly number[]): number[] => {
    const found: number[] = [];
    for (let power = Math.floor(from); power <= Math.ceil(to); power++) {
      for (const multiple of multiples) {
        const ns = multiple * 10 ** power;
        const at = Math.log10(ns);
        if (ns >= 1 && at >= from && at <= to) found.push(ns);
      }
    }
    return found;
  };
  const series = [[1, 2, 5], [1, 3], [1]].map(between).find((each) => each.length <= 6) ?? between([1]);
  if (series.length > 6) return series.filter((_, at) => at % 2 === 0);
  return series.length >= 2 ? series : between([1, 1.5, 2, 3, 4, 5, 6, 8]).slice(0, 5);
}
