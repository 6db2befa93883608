// In the page: the timeline under mouse, fingers and keys.
import type { Timeline, TimelineTask } from "../timeline.ts";
import { drawingHeight, drawTimeline, type Palette, rowAt, stripTop } from "./draw.ts";
import { showDuration, showInstant } from "./format.ts";
import { View } from "./view.ts";

/** One job of a drawn task. */
interface Job {
  readonly task: TimelineTask;
  readonly at: number;
}

const outcomeWords: { readonly [letter: string]: string } = {
  d: "on time",
  o: "overrun",
  b: "skipped: an earlier job was still running",
  l: "skipped: not started in time",
  s: "skipped: the run stopped",
  f: "in flight when the run stopped",
};

/** What a page says of a job. */
export function describeJob({ task, at }: Job): string {
  const release = task.release[at]!;
  const [late, ran] = [task.late[at] ?? null, task.ran[at] ?? null];
  return [
    `${task.name} job ${task.job[at]}: released at ${showInstant(release, 1e4)}`,
    ...(late === null ? [] : [`started ${showDuration(late)} later`]),
    ...(ran === null ? [] : [`ran ${showDuration(ran)}`]),
    `due at ${showInstant(release + task.letNs, 1e4)}`,
    outcomeWords[task.outcome[at]!] ?? "",
  ].join(", ");
}

const tasksOf = (timeline: Timeline): TimelineTask[] => timeline.rows.filter((row) => row.kind === "task");
const missed = (task: TimelineTask, at: number): boolean => !"df".includes(task.outcome[at]!);

/** The drawn misses, in order. */
const missesOf = (timeline: Timeline): Job[] =>
  tasksOf(timeline)
    .flatMap((task) => task.release.flatMap((_, at) => (missed(task, at) ? [{ task, at }] : [])))
    .sort((a, b) => a.task.release[a.at]! - b.task.release[b.at]!);

/** What is shown at first: the neighbourhood of the first miss, or the beginning, about twelve jobs of the slowest task wide. */
export function firstView(timeline: Timeline): View {
  const spans = tasksOf(timeline).map(({ release }) =>
    release.length > 1 ? (release.at(-1)! - release[0]!) / (release.length - 1) : timeline.endNs,
  );
  const span = Math.min(timeline.endNs, 12 * Math.max(1000, ...spans));
  const [miss] = missesOf(timeline);
  const centre = miss ? miss.task.release[miss.at]! : span / 2;
  return new View(timeline.endNs, centre - span / 2, centre + span / 2);
}

/** Brings the timeline to life. */
export function startTimeline(timeline: Timeline, view: View, palette: Palette): { readonly redraw: () => void } {
  const canvas = document.querySelector<HTMLCanvasElement>("#timeline")!;
  const [range, detail] = ["#timeline-range", "#timeline-detail"].map((id) => document.querySelector(id)!);
  const context = canvas.getContext("2d")!;
  const misses = missesOf(timeline);
  let asked = 0;

  const redraw = () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(() => {
      const width = canvas.clientWidth;
      const ratio = devicePixelRatio;
      canvas.style.height = `${drawingHeight(timeline)}px`;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(drawingHeight(timeline) * ratio);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      drawTimeline(context, timeline, view, width, palette);
    });
  };
  const tell = () => {
    const step = (view.to - view.from) / 100;
    const within = (task: TimelineTask) => task.release.filter((each) => each >= view.from && each <= view.to).length;
    const jobs = tasksOf(timeline).reduce((sum, task) => sum + within(task), 0);
    const late = misses.filter(({ task, at }) => task.release[at]! >= view.from && task.release[at]! <= view.to).length;
    range!.textContent = `${showInstant(view.from, step)} to ${showInstant(view.to, step)}: ${jobs} releases, ${late} missed`;
  };
  const goTo = (job: Job | undefined) => {
    if (!job) {
      detail!.textContent = misses.length === 0 ? "Nothing was missed in what is drawn." : "No further miss.";
      return;
    }
    view.centre(job.task.release[job.at]! + job.task.letNs / 2);
    detail!.textContent = describeJob(job);
  };
  const middle = () => (view.from + view.to) / 2;
  const instantOf = ({ task, at }: Job) => task.release[at]! + task.letNs / 2;
  const nudge = 1000;
  const actions: { readonly [name: string]: () => void } = {
    in: () => view.zoom(0.5),
    out: () => view.zoom(2),
    left: () => view.pan(-0.2),
    right: () => view.pan(0.2),
    whole: () => view.show(0, view.endNs),
    start: () => view.show(0, view.to - view.from),
    end: () => view.show(view.endNs - (view.to - view.from), view.endNs),
    next: () => goTo(misses.find((job) => instantOf(job) > middle() + nudge)),
    previous: () => goTo(misses.findLast((job) => instantOf(job) < middle() - nudge)),
  };
  const keys: { readonly [key: string]: string } = {
    "+": "in",
    "=": "in",
    "-": "out",
    ArrowLeft: "left",
    ArrowRight: "right",
    ArrowUp: "in",
    ArrowDown: "out",
    "0": "whole",
    Home: "start",
    End: "end",
    n: "next",
    p: "previous",
  };
  canvas.addEventListener("keydown", (event) => {
    const action = actions[keys[event.key] ?? ""];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-action]")) {
    button.disabled = misses.length === 0 && /^(next|previous)$/.test(button.dataset.action!);
    button.addEventListener("click", () => actions[button.dataset.action!]?.());
  }

  const share = (event: MouseEvent) => event.offsetX / canvas.clientWidth;
  const nearest = (event: MouseEvent): Job | undefined => {
    const row = timeline.rows[rowAt(event.offsetY)];
    if (row?.kind !== "task") return undefined;
    const at = view.from + share(event) * (view.to - view.from);
    let best: Job | undefined;
    let distance = ((view.to - view.from) * 24) / canvas.clientWidth;
    row.release.forEach((release, index) => {
      const last = release + Math.max(row.letNs, (row.late[index] ?? 0) + (row.ran[index] ?? 0));
      const away = at < release ? release - at : Math.max(0, at - last);
      if (away < distance || (away === 0 && distance === 0)) [best, distance] = [{ task: row, at: index }, away];
    });
    return best;
  };
  canvas.addEventListener(
    "wheel",
    (event) => {
      // A plain wheel scrolls the page; with the control key, and by pinching, it zooms.
      if (!event.ctrlKey) return;
      event.preventDefault();
      view.zoom(Math.exp(event.deltaY / 300), share(event));
    },
    { passive: false },
  );
  canvas.addEventListener("dblclick", (event) => view.zoom(0.4, share(event)));
  const fingers = new Map<number, number>();
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event.offsetX);
    if (event.offsetY > stripTop(timeline)) view.centre(share(event) * view.endNs);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (before === undefined) {
      const job = nearest(event);
      if (job) detail!.textContent = describeJob(job);
      return;
    }
    fingers.set(event.pointerId, event.offsetX);
    const [one, other] = [...fingers.values()];
    if (event.offsetY > stripTop(timeline)) view.centre(share(event) * view.endNs);
    else if (fingers.size === 1) view.pan((before - event.offsetX) / canvas.clientWidth);
    else if (one !== undefined && other !== undefined) {
      const still = [...fingers].find(([id]) => id !== event.pointerId)?.[1] ?? 0;
      const spread = Math.max(1, Math.abs(one - other));
      view.zoom(Math.max(1, Math.abs(before - still)) / spread, (one + other) / 2 / canvas.clientWidth);
    }
  });
  for (const end of ["pointerup", "pointercancel"] as const) {
    canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
  view.onChange(redraw);
  view.onChange(tell);
  new ResizeObserver(redraw).observe(canvas);
  tell();
  redraw();
  return { redraw };
}
