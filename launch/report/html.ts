// HTML as text: everything put into a template is escaped unless it is markup already.
import { formatDuration } from "../../scheduler/index.ts";

/** Markup, as opposed to text. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = Markup | string | number | readonly Part[];

const escapeText = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const render = (part: Part): string => {
  if (part instanceof Markup) return part.text;
  return typeof part === "object" ? part.map(render).join("") : escapeText(String(part));
};

/** A piece of markup. */
export const html = (strings: TemplateStringsArray, ...parts: readonly Part[]): Markup =>
  new Markup(strings.map((text, at) => text + (at < parts.length ? render(parts[at]!) : "")).join(""));

/** A duration with its unit, never broken over two lines. */
export const duration = (ns: number): string => {
  const short = Math.abs(ns) >= 1 ? Number(ns.toPrecision(3)) : ns;
  return formatDuration(short).replace(" us", " µs").replace(" ", "\u00a0");
};

/** An instant of a run, in seconds. */
export const instant = (ns: number): string => `${(ns / 1e9).toFixed(4)}\u00a0s`;

/** A whole number with its thousands set apart. */
export const whole = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** A table's column; numbers stand to the right. */
export interface HeadCell {
  readonly title: string;
  readonly numeric?: boolean;
  /** Sentences, which take room even where the table has to scroll. */
  readonly wide?: boolean;
}

/** A table with its caption; the first cell of each row is its heading. It scrolls sideways by itself where it is too wide. */
export function table(
  caption: string,
  head: readonly HeadCell[],
  rows: readonly (readonly (Markup | string)[])[],
): Markup {
  const kind = (column: number): string => (head[column]!.numeric ? "number" : head[column]!.wide ? "wide" : "text");
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table>
<caption>${caption}</caption>
<thead><tr>${head.map(({ title }, column) => html`<th scope="col" class="${kind(column)}">${title}</th>`)}</tr></thead>
<tbody>${rows.map(
    (row) =>
      html`<tr>${row.map((cell, column) =>
        column === 0
          ? html`<th scope="row" class="${kind(column)}">${cell}</th>`
          : html`<td class="${kind(column)}">${cell}</td>`,
      )}</tr>
`,
  )}</tbody></table></div>`;
}
