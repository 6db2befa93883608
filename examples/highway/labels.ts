// The labels made by eye: at two rows of twenty frames, the column of each line of the lane.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { IsochronError } from "isochron";
import { z } from "zod";
import { camera } from "./camera.ts";

const column = z
  .number()
  .min(0)
  .max(camera.width - 1);
const row = z
  .number()
  .min(camera.horizon)
  .max(camera.height - 1);
const schema = z.strictObject({
  rows: z.tuple([row, row]),
  labels: z
    .array(z.strictObject({ frame: z.int().min(0), left: z.tuple([column, column]), right: z.tuple([column, column]) }))
    .min(1),
});

export type Labels = z.infer<typeof schema>;
export type Label = Labels["labels"][number];

export const labelsPath = fileURLToPath(new URL("labels.json", import.meta.url));

/** Checks the text of a label file against a log of so many frames; throws `highway/labels`. */
export function parseLabels(text: string, frames: number): Labels {
  const refuse = (what: string): never => {
    throw new IsochronError("highway/labels", `the labels do not fit the log: ${what}`, {
      help: "label frames of this log, in rising order, the left line left of the right one",
    });
  };
  const labels = parse(text, refuse);
  let before = -1;
  for (const { frame, left, right } of labels.labels) {
    if (frame <= before) refuse(`frame ${frame} stands after frame ${before}`);
    if (frame >= frames) refuse(`there is no frame ${frame} among ${frames}`);
    if (left.some((x, at) => x >= right[at]!)) refuse(`the lines of frame ${frame} are crossed`);
    before = frame;
  }
  return labels;
}

function parse(text: string, refuse: (what: string) => never): Labels {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return refuse("the file is no JSON");
  }
  const result = schema.safeParse(json);
  return result.success ? result.data : refuse(z.prettifyError(result.error));
}

export const readLabels = (frames: number, path = labelsPath): Labels =>
  parseLabels(readFileSync(path, "utf8"), frames);
