// In the page: draws the timeline's rows and the strip that shows where in the run one is.
import type { Timeline, TimelineInput, TimelineTask } from "../timeline.ts";
import { axisTicks, showInstant } from "./format.ts";
import type { View } from "./view.ts";

/** Colours of the page, as its style sheet has them now. */
export type Palette = (name: string) => string;

const rowHeight = 46;
const axisHeight = 24;
const stripHeight = 26;

/** Height of the whole drawing. */
export const drawingHeight = (timeline: Timeline): number =>
  timeline.rows.length * rowHeight + axisHeight + stripHeight;
/** Where the strip over the whole run begins. */
export const stripTop = (timeline: Timeline): number => timeline.rows.length * rowHeight + axisHeight;
/** Which row is at a height. */
export const rowAt = (y: number): number => Math.floor(y / rowHeight);

/** Draws everything for what the view shows. */
export function drawTimeline(
  context: CanvasRenderingContext2D,
  timeline: Timeline,
  view: View,
  width: number,
  palette: Palette,
): void {
  const height = drawingHeight(timeline);
  const x = (ns: number) => ((ns - view.from) / (view.to - view.from)) * width;
  context.clearRect(0, 0, width, height);
  drawGaps(context, timeline, x, palette);
  drawAxis(context, timeline, view, width, x, palette);
  timeline.rows.forEach((row, index) => {
    const top = index * rowHeight;
    context.fillStyle = palette("line");
    context.fillRect(0, top + rowHeight - 1, width, 1);
    if (row.kind === "input") drawInput(context, row, view, x, top, palette);
    else drawTask(context, row, view, width, x, top, palette);
    label(context, row.name, top, palette);
  });
  drawStrip(context, timeline, view, width, palette);
}

function label(context: CanvasRenderingContext2D, text: string, top: number, palette: Palette): void {
  context.font = "600 12px system-ui, sans-serif";
  context.textAlign = "left";
  const { width } = context.measureText(text);
  context.fillStyle = palette("panel");
  context.globalAlpha = 0.85;
  context.fillRect(4, top + 2, width + 6, 15);
  context.globalAlpha = 1;
  context.fillStyle = palette("ink");
  context.fillText(text, 7, top + 13);
}

/** Stretches of a long run that the page does not hold. */
function drawGaps(
  context: CanvasRenderingContext2D,
  { windows, endNs, rows }: Timeline,
  x: (ns: number) => number,
  palette: Palette,
): void {
  let from = 0;
  for (const to of [...windows, { fromNs: endNs, toNs: endNs }]) {
    if (to.fromNs > from) {
      context.fillStyle = palette("gap");
      context.fillRect(x(from), 0, x(to.fromNs) - x(from), rows.length * rowHeight);
    }
    from = to.toNs;
  }
}

function drawAxis(
  context: CanvasRenderingContext2D,
  { rows }: Timeline,
  view: View,
  width: number,
  x: (ns: number) => number,
  palette: Palette,
): void {
  const bottom = rows.length * rowHeight;
  const { step, at } = axisTicks(view.from, view.to, Math.max(2, Math.floor(width / 110)));
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "center";
  for (const tick of at) {
    context.fillStyle = palette("grid");
    context.fillRect(Math.round(x(tick)), 0, 1, bottom);
    const text = showInstant(tick, step);
    const half = context.measureText(text).width / 2;
    if (x(tick) - half < 0 || x(tick) + half > width) continue;
    context.fillStyle = palette("quiet");
    context.fillText(text, x(tick), bottom + 16);
  }
}

function drawInput(
  context: CanvasRenderingContext2D,
  { time }: TimelineInput,
  view: View,
  x: (ns: number) => number,
  top: number,
  palette: Palette,
): void {
  context.fillStyle = palette("input");
  for (const at of time) {
    if (at < view.from || at > view.to) continue;
    context.fillRect(x(at) - 0.75, top + 20, 1.5, 18);
    context.beginPath();
    context.arc(x(at), top + 20, 2.5, 0, 7);
    context.fill();
  }
}

function drawTask(
  context: CanvasRenderingContext2D,
  task: TimelineTask,
  view: View,
  width: number,
  x: (ns: number) => number,
  top: number,
  palette: Palette,
): void {
  const [barTop, barHeight, middle] = [top + 22, 14, top + 29];
  const roomy = (task.letNs / (view.to - view.from)) * width > 7;
  for (const late of [false, true]) {
    task.release.forEach((release, at) => {
      const outcome = task.outcome[at]!;
      if ((outcome !== "d" && outcome !== "f") !== late) return;
      const [wait, ran] = [task.late[at] ?? null, task.ran[at] ?? null];
      const publication = release + task.letNs;
      const last = Math.max(publication, release + (wait ?? 0) + (ran ?? 0));
      if (last < view.from || release > view.to) return;
      const colour = palette(late ? "bad" : "bar");
      context.fillStyle = palette("quiet");
      if (roomy) context.fillRect(x(release) - 0.5, top + 18, 1, 22);
      context.fillStyle = colour;
      if (wait !== null && ran !== null) {
        const start = x(release + wait);
        context.fillRect(x(release), middle - 0.5, Math.max(0, start - x(release)), 1);
        context.fillRect(start, barTop, Math.max(1.5, x(release + wait + ran) - start), barHeight);
      } else if (outcome === "d" || outcome === "o" || outcome === "f") {
        context.globalAlpha = 0.55;
        context.fillRect(x(release), middle - 1, Math.max(1, x(publication) - x(release)), 2);
        context.globalAlpha = 1;
      } else cross(context, x(release), middle, colour, palette("paper"));
      if (outcome === "d") {
        if (roomy) diamond(context, x(publication), middle, palette("good"), palette("good"));
      } else if (outcome !== "f") {
        const held = task.holds && task.firstDone !== null && task.job[at]! > task.firstDone;
        if (held) diamond(context, x(publication), middle, colour, palette("paper"));
        else if (outcome === "o") cross(context, x(publication), middle, colour, palette("paper"));
      }
    });
  }
}

function diamond(context: CanvasRenderingContext2D, x: number, y: number, colour: string, inside: string): void {
  context.beginPath();
  context.moveTo(x, y - 5);
  context.lineTo(x + 4, y);
  context.lineTo(x, y + 5);
  context.lineTo(x - 4, y);
  context.closePath();
  context.strokeStyle = colour;
  context.fillStyle = inside;
  context.lineWidth = 1.5;
  context.fill();
  context.stroke();
}

function cross(context: CanvasRenderingContext2D, x: number, y: number, colour: string, around: string): void {
  context.beginPath();
  context.moveTo(x - 4, y - 4);
  context.lineTo(x + 4, y + 4);
  context.moveTo(x + 4, y - 4);
  context.lineTo(x - 4, y + 4);
  // The ground shows around it, so that it stands out from a bar of its own colour.
  context.strokeStyle = around;
  context.lineWidth = 5;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = 1.75;
  context.stroke();
}

/** The whole run: misses, what the page holds, and the stretch shown. */
function drawStrip(
  context: CanvasRenderingContext2D,
  timeline: Timeline,
  view: View,
  width: number,
  palette: Palette,
): void {
  const top = stripTop(timeline);
  const x = (ns: number) => (ns / view.endNs) * width;
  context.fillStyle = palette("gap");
  context.fillRect(0, top, width, stripHeight);
  context.fillStyle = palette("paper");
  for (const { fromNs, toNs } of timeline.windows) {
    context.fillRect(x(fromNs), top + 1, Math.max(1, x(toNs) - x(fromNs)), stripHeight);
  }
  context.fillStyle = palette("bad");
  for (const row of timeline.rows) {
    if (row.kind === "input") continue;
    row.release.forEach((release, at) => {
      if (!"df".includes(row.outcome[at]!)) context.fillRect(x(release), top + 6, 1.5, stripHeight - 10);
    });
  }
  const [left, right] = [x(view.from), Math.max(x(view.from) + 3, x(view.to))];
  context.fillStyle = palette("band");
  context.fillRect(left, top, right - left, stripHeight);
  context.strokeStyle = palette("accent");
  context.lineWidth = 1.5;
  context.strokeRect(left + 0.75, top + 1, right - left - 1.5, stripHeight - 2);
}
