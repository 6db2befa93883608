// The rows of a benchmark as a table, and what they say together.
import type { Machine } from "./machine.ts";
import type { Row } from "./measure.ts";

const time = (us: number): string => us.toFixed(us < 10 ? 2 : 1);

const columns: readonly { readonly title: string; readonly width: number; cell(row: Row): string }[] = [
  { title: "isa", width: 17, cell: ({ isa }) => isa },
  { title: "against", width: 16, cell: (row) => againstOf(row) },
  { title: "ours µs", width: -9, cell: ({ oursUs }) => time(oursUs) },
  { title: "peer µs", width: -9, cell: ({ peerUs }) => time(peerUs) },
  { title: "ratio", width: -7, cell: ({ ratio }) => ratio.toFixed(2) },
  { title: "quiet", width: -7, cell: ({ quietRatio }) => quietRatio.toFixed(2) },
  { title: "at least", width: -10, cell: (row) => goal(row, row.atLeast) },
  { title: "aim", width: -8, cell: (row) => goal(row, row.aim) },
  { title: "p99 µs", width: -10, cell: ({ oursP99Us }) => time(oursP99Us) },
  { title: "peer p99", width: -10, cell: ({ peerP99Us }) => time(peerP99Us) },
  { title: "native µs", width: -11, cell: ({ nativeUs }) => (nativeUs === undefined ? "" : time(nativeUs)) },
  { title: "GFLOP/s", width: -9, cell: ({ gflops }) => gflops.toFixed(1) },
  { title: "of peak", width: -9, cell: ({ peakShare }) => `${(peakShare * 100).toFixed(0)} %` },
];

/** What a row is measured against, in two words. */
export const againstOf = ({ peer, threads, everyMs, cold }: Row): string => {
  if (peer === "isochron, 1 thread") return `${threads} threads/1`;
  if (peer === "isochron, without control flow") return "straight";
  if (peer === "isochron, written by hand") return "by hand";
  if (peer === "isochron, native call") return "native call";
  if (cold) return "ort, cold";
  if (everyMs !== undefined) return `ort, ${everyMs} ms`;
  return threads > 1 ? `ort, ${threads} threads` : "onnxruntime";
};

const goal = ({ judged, ratio }: Row, wanted: number | undefined): string => {
  if (!judged || wanted === undefined) return "";
  return ratio >= wanted ? `${wanted}` : `< ${wanted}`;
};

const place = (text: string, width: number): string => (width < 0 ? text.padStart(-width) : text.padEnd(width));

/** The heading of a table whose cases' names take so many characters. */
export const heading = (nameWidth: number): string =>
  `${"case".padEnd(nameWidth)}  ${columns.map(({ title, width }) => place(title, width)).join("")}`;

/** One row of it. */
export const tableRow = (row: Row, nameWidth: number): string =>
  `${row.case.padEnd(nameWidth)}  ${columns.map(({ width, cell }) => place(cell(row), width)).join("")}`;

const mean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, each) => sum + Math.log(each), 0) / values.length);

/** Rows below what is asked of them, and by how much. */
function below(rows: readonly Row[], what: string, wanted: (row: Row) => number | undefined): string[] {
  const asked = rows.filter((row) => row.judged && wanted(row) !== undefined);
  if (asked.length === 0) return [];
  const short = asked.filter((row) => row.ratio < wanted(row)!);
  return [
    `below ${what}: ${short.length} of ${asked.length} rows`,
    ...short.map((row) => {
      const { ratio, quietRatio } = row;
      const quiet = quietRatio >= wanted(row)! ? `${quietRatio.toFixed(2)} where it was quiet` : "";
      return `  ${row.case}, ${row.isa}, against ${row.peer}: ${ratio.toFixed(2)} of ${wanted(row)!}${quiet && `; ${quiet}`}`;
    }),
  ];
}

const overhead = ({ case: name, oursUs, peerUs, oursP99Us, peerP99Us, runs, clockUs = 0 }: Row): string =>
  `${name}: of ${runs} calls from JavaScript the median takes ${(oursUs - peerUs).toFixed(2)} µs more than that of native calls, the 99th percentile ${(oursP99Us - peerP99Us).toFixed(2)} µs more (asked: below 2); two looks at the clock, ${clockUs.toFixed(2)} µs, are part of it`;

/** How far medians lie above quiet calls where a machine has nothing else to do. */
const calm = 0.12;

/** Whether anything else ran. */
export function noise(rows: readonly Row[], { load, cores }: Pick<Machine, "load" | "cores">): string {
  const excess = mean(rows.flatMap((row) => [row.oursUs / row.oursQuietUs, row.peerUs / row.peerQuietUs])) - 1;
  const found = `medians lie ${(excess * 100).toFixed(0)} % above the 5th percentiles, and the load was ${load.toFixed(1)} on ${cores} cores`;
  return excess > calm || load >= cores / 2
    ? `the machine was busy: ${found}; judge by the quiet ratios, or again when nothing else runs`
    : `the machine was quiet: ${found}`;
}

/** Stretches in which another process took a part of a core. */
export function voided(rows: readonly Row[]): readonly string[] {
  const counted = rows.filter(({ blocks }) => blocks !== undefined);
  if (counted.length === 0) return [];
  const sum = (of: (row: Row) => number | undefined) => counted.reduce((total, row) => total + of(row)!, 0);
  const found = `${sum(({ voidBlocks }) => voidBlocks)} of ${sum(({ blocks }) => blocks)} blocks were void: another process took over 5 % of a core`;
  const without = counted.filter(({ blocks, voidBlocks }) => voidBlocks === blocks).length;
  return [
    without === 0 ? found : `${found}; ${without} of ${counted.length} rows had no other, and are of all of theirs`,
  ];
}

/** Shorter networks gain little of a second thread on any side. */
const worthThreads = 5000;

/** Networks that gain less of a second thread, or lose more by waiting between calls, than the peer does. */
function behind(rows: readonly Row[]): readonly string[] {
  const asked = rows.flatMap((row) => {
    if (row.peer !== "onnxruntime-node" || (row.threads === 1 && row.everyMs === undefined)) return [];
    const sameCase = (each: Row) => each.case === row.case && each.isa === row.isa;
    const alone = rows.find((each) => sameCase(each) && againstOf(each) === "onnxruntime");
    if (!alone || (row.threads > 1 && alone.oursUs < worthThreads)) return [];
    return [{ row, wanted: alone.ratio * (row.threads > 1 ? 0.95 : 1) }];
  });
  const short = asked.filter(({ row, wanted }) => row.ratio < wanted);
  return asked.length === 0
    ? []
    : [
        `below the ratio of one thread, back to back: ${short.length} of ${asked.length} rows`,
        ...short.map(
          ({ row, wanted }) => `  ${row.case}, ${againstOf(row)}: ${row.ratio.toFixed(2)} of ${wanted.toFixed(2)}`,
        ),
      ];
}

/** What the rows say together. */
export function summary(rows: readonly Row[], machine: Pick<Machine, "load" | "cores">): string[] {
  if (rows.length === 0) return [];
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    if (row.peer !== "onnxruntime-node") continue;
    const way = againstOf(row);
    const how = way === "onnxruntime" ? "" : way.replace("ort", "");
    const name = `${row.suite}, ${row.judged ? "best instruction set" : row.isa}${how}`;
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  const means = [...groups].map(([name, all]) => {
    const [ratio, quiet] = [mean(all.map((row) => row.ratio)), mean(all.map((row) => row.quietRatio))];
    return `  ${name}: ${ratio.toFixed(2)}, quiet ${quiet.toFixed(2)}, over ${all.length} rows`;
  });
  return [
    ...below(rows, "“at least”", ({ atLeast }) => atLeast),
    ...below(rows, "the aim", ({ aim }) => aim),
    ...(rows.some(({ judged }) => judged)
      ? []
      : ["nothing was judged: what is asked beside the peer is asked of AVX-512"]),
    ...(means.length > 0 ? ["geometric means of the ratios:", ...means] : []),
    ...behind(rows),
    ...rows.filter(({ peer }) => peer === "isochron, native call").map(overhead),
    noise(rows, machine),
    ...voided(rows),
  ];
}
