// Cells of the page's tables.
import { duration, type HeadCell, html, type Markup, whole } from "./html.ts";
import type { Measured } from "./percentiles.ts";

export const text = (title: string): HeadCell => ({ title });
export const number = (title: string): HeadCell => ({ title, numeric: true });
export const notMeasured = html`<span class="quiet">not measured</span>`;
export const measuredDuration = (measured: Measured, pick: "p50" | "p90" | "p99" | "p999" | "max"): Markup =>
  measured === "not measured" ? notMeasured : html`${duration(measured[pick])}`;
export const holds = (conserved: boolean): Markup =>
  conserved ? html`holds` : html`<span class="bad-text">broken</span>`;
export const counted = (count: number, bad = false): Markup =>
  bad && count > 0 ? html`<span class="bad-text">${whole(count)}</span>` : html`${whole(count)}`;
