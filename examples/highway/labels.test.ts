// A label file that does not fit its log is refused; the one that we keep fits.
import { describe, expect, it } from "vitest";
import { parseLabels, readLabels } from "./labels.ts";

const label = { frame: 5, left: [415, 208], right: [555, 796] };
const text = (...labels: unknown[]): string => JSON.stringify({ rows: [350, 500], labels });

describe("labels of the highway log", () => {
  it("are twenty, spread over its 221 frames", () => {
    const { rows, labels } = readLabels(221);
    expect(rows).toEqual([350, 500]);
    expect(labels.map(({ frame }) => frame)).toEqual(Array.from({ length: 20 }, (_, k) => 5 + 11 * k));
  });

  it("are refused where they name a frame that the log does not have", () => {
    expect(() => parseLabels(text(label, { ...label, frame: 221 }), 221)).toThrow("there is no frame 221 among 221");
  });

  it("are refused where they are out of step", () => {
    expect(() => parseLabels(text({ ...label, frame: 9 }, label), 221)).toThrow("frame 5 stands after frame 9");
    expect(() => parseLabels(text(label, label), 221)).toThrow("frame 5 stands after frame 5");
  });

  it("are refused where lines are crossed, columns lie outside the picture, or the text is no label file", () => {
    expect(() => parseLabels(text({ ...label, left: [600, 208] }), 221)).toThrow("the lines of frame 5 are crossed");
    expect(() => parseLabels(text({ ...label, right: [555, 960] }), 221)).toThrow("labels[0].right[1]");
    expect(() => parseLabels(text(), 221)).toThrow("labels");
    expect(() => parseLabels("{", 221)).toThrow("the file is no JSON");
  });
});
