// Draws the lines found over the labelled frames, the labels as crosses: node --import ./launch/hook/register.mjs examples/highway/annotate.ts LOG [-o DIR]
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { png } from "../road/pictures.ts";
import { camera } from "./camera.ts";
import { columnAt, compileLaneFinder, type Estimate } from "./estimate.ts";
import { pixelsOf, readFrames } from "./frames.ts";
import { type Label, readLabels } from "./labels.ts";

type Colour = readonly [number, number, number];
const colours = { left: [60, 220, 80], right: [80, 160, 255], centre: [250, 210, 60], label: [255, 0, 200] } as const;
/** Rows of the picture that are shown: the road and a little of what lies beyond. */
const firstRow = 280;
const height = camera.height - firstRow;

/** The lower part of a frame, twice as large, with what was found and what was labelled. */
function drawing(pixels: Uint8Array, found: Estimate, label: Label, rows: readonly number[]): Uint8Array {
  const width = camera.width * 2;
  const rgb = new Uint8Array(width * height * 2 * 3);
  for (let y = 0; y < height * 2; y++) {
    for (let x = 0; x < width; x++) {
      const from = ((firstRow + (y >> 1)) * camera.width + (x >> 1)) * 3;
      rgb.set(pixels.subarray(from, from + 3), (y * width + x) * 3);
    }
  }
  const dot = (column: number, row: number, colour: Colour) => {
    const [x, y] = [Math.round(column * 2 + 0.5), Math.round((row - firstRow) * 2 + 0.5)];
    if (x >= 0 && x < width && y >= 0 && y < height * 2) rgb.set(colour, (y * width + x) * 3);
  };
  if (found.found) {
    for (let row = camera.horizon + 10; row < camera.height; row += 0.25) {
      const [left, right] = [columnAt(found.left, row), columnAt(found.right, row)];
      dot(left, row, colours.left);
      dot(right, row, colours.right);
      dot((left + right) / 2, row, colours.centre);
    }
  }
  for (const [at, row] of rows.entries()) {
    for (const column of [label.left[at]!, label.right[at]!]) {
      for (let arm = -6; arm <= 6; arm += 0.5) {
        dot(column + arm, row, colours.label);
        dot(column, row + arm, colours.label);
      }
    }
  }
  return rgb;
}

const { values, positionals } = parseArgs({
  options: { output: { type: "string", short: "o", default: "out/highway" } },
  allowPositionals: true,
});
const [log] = positionals;
if (log === undefined) {
  process.stderr.write("usage: annotate.ts LOG [-o DIR]\n");
  process.exit(1);
}
const frames = await readFrames(log);
const { rows, labels } = readLabels(frames.length);
const find = await compileLaneFinder();
mkdirSync(values.output, { recursive: true });
for (const label of labels) {
  const pixels = pixelsOf(frames[label.frame]!);
  const found = find(pixels);
  const path = join(values.output, `${String(label.frame).padStart(3, "0")}.png`);
  writeFileSync(path, png({ width: camera.width * 2, height: height * 2, rgb: drawing(pixels, found, label, rows) }));
  const away = (["left", "right"] as const).map((side) =>
    rows.map((row, at) => (columnAt(found[side], row) - label[side][at]!).toFixed(1).padStart(5)).join(" "),
  );
  const said = found.found ? `left ${away[0]} px, right ${away[1]} px from the labels` : "no lane found";
  process.stdout.write(`${path}  ${said}, confidence ${found.confidence.toFixed(2)}\n`);
}
