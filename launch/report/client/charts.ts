// In the page: latency over the run, as uPlot charts whose selection sets what the timeline shows.
import type { Uplot } from "../client-source.ts";
import type { Series, Timeline } from "../timeline.ts";
import type { Palette } from "./draw.ts";
import { axisTicks, powerTicks, showDuration, showInstant } from "./format.ts";
import type { View } from "./view.ts";

declare const uPlot: Uplot;

/** Puts a chart into each place that waits for one; returns what draws them anew in today's colours. */
export function startCharts(timeline: Timeline, view: View, palette: Palette): { readonly restyle: () => void } {
  const all = [
    ...timeline.responses.map((series, index) => ({ series, place: `#response-${index}`, logarithmic: true })),
    ...timeline.chains.map((series, index) => ({ series, place: `#chain-${index}`, logarithmic: false })),
  ];
  let charts: InstanceType<typeof uPlot>[] = [];
  const restyle = () => {
    for (const chart of charts) chart.destroy();
    charts = all.flatMap(({ series, place, logarithmic }) => {
      const where = document.querySelector<HTMLElement>(place);
      return where ? [makeChart(series, where, logarithmic, timeline, view, palette)] : [];
    });
  };
  restyle();
  view.onChange(() => {
    for (const chart of charts) chart.redraw(false);
  });
  new ResizeObserver(() => {
    for (const chart of charts) {
      const width = chart.root.parentElement!.clientWidth;
      if (Math.abs(width - chart.width) > 1) chart.setSize({ width, height: chart.height });
    }
  }).observe(document.querySelector("main")!);
  return { restyle };
}

function makeChart(
  { name, limitName, limitNs, timeNs, valueNs }: Series,
  where: HTMLElement,
  logarithmic: boolean,
  { endNs }: Timeline,
  view: View,
  palette: Palette,
): InstanceType<typeof uPlot> {
  const axis = { stroke: palette("quiet"), grid: { stroke: palette("grid"), width: 1 }, ticks: { show: false } };
  const font = "12px system-ui, sans-serif";
  const most = Math.max(limitNs, ...valueNs) * (logarithmic ? 1.6 : 1.12);
  const least = logarithmic ? Math.max(1, Math.min(...valueNs) / 1.6) : 0;
  return new uPlot(
    {
      width: where.clientWidth,
      height: 190,
      padding: [8, 24, 0, 0],
      scales: {
        x: { time: false, range: () => [0, endNs] },
        y: { distr: logarithmic ? 3 : 1, range: () => [least, most] },
      },
      axes: [
        {
          ...axis,
          font,
          size: 30,
          splits: (_, __, from, to) => axisTicks(from, to, Math.max(2, Math.floor(where.clientWidth / 130))).at,
          values: (_, ticks) => ticks.map((tick) => showInstant(tick, (ticks[1] ?? 1e9) - (ticks[0] ?? 0))),
        },
        {
          ...axis,
          font,
          size: 62,
          splits: (_, __, from, to) => (logarithmic ? powerTicks(from, to) : axisTicks(from, to, 5).at),
          filter: (_, ticks) => ticks,
          values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : showDuration(tick))),
        },
      ],
      series: [
        { label: "at", value: (_, ns) => (ns === null ? "–" : showInstant(ns, 1e5)) },
        {
          label: name,
          stroke: palette("bar"),
          width: 1.25,
          points: { show: timeNs.length < 400, size: 4, fill: palette("bar") },
          value: (_, ns) => (ns === null ? "–" : showDuration(ns)),
        },
        {
          label: limitName,
          stroke: palette("bad"),
          width: 1.5,
          dash: [5, 4],
          points: { show: false },
          value: (_, ns) => (ns === null ? "–" : showDuration(ns)),
        },
      ],
      cursor: { drag: { x: true, y: false, setScale: false } },
      hooks: {
        setSelect: [
          (chart) => {
            const [from, to] = [chart.select.left, chart.select.left + chart.select.width];
            if (to - from > 3) view.show(chart.posToVal(from, "x"), chart.posToVal(to, "x"));
            chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          },
        ],
        drawClear: [
          (chart) => {
            const [left, right] = [chart.valToPos(view.from, "x", true), chart.valToPos(view.to, "x", true)];
            chart.ctx.fillStyle = palette("band");
            chart.ctx.fillRect(left, chart.bbox.top, Math.max(2, right - left), chart.bbox.height);
          },
        ],
      },
    },
    // The limit runs from end to end, wherever the first and last values are.
    [
      [0, ...timeNs, endNs],
      [null, ...valueNs, null],
      [limitNs, ...timeNs.map(() => limitNs), limitNs],
    ],
    where,
  );
}
