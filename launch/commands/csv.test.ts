// Values as cells, as JSON, and by the paths of their fields.
import { describe, expect, it } from "vitest";
import { csvRow, flattened } from "./csv.ts";
import { selectFields } from "./select-fields.ts";
import { jsonValue } from "./show-message.ts";

describe("CSV", () => {
  it("quotes what holds a comma, a quote or the end of a line, and nothing else", () => {
    const cells = ["plain", "a,b", 'say "so"', "two\nlines", "old\rmac", " spaced ", ""];
    expect(csvRow(cells)).toBe('plain,"a,b","say ""so""","two\nlines","old\rmac", spaced ,');
  });

  it("has a cell a number or text by its path, arrays as JSON, and keeps the sign of zero", () => {
    const message = {
      header: { stamp: { sec: 3 }, frame_id: "map" },
      x: -0,
      big: 2n ** 60n,
      list: [1, NaN],
      none: null,
    };
    expect([...flattened(message)]).toEqual([
      ["header.stamp.sec", "3"],
      ["header.frame_id", "map"],
      ["x", "-0"],
      ["big", "1152921504606846976"],
      ["list", '[1,"NaN"]'],
      ["none", ""],
    ]);
    expect([...flattened(Float32Array.of(0.5, 2))]).toEqual([["value", "[0.5,2]"]]);
  });
});

describe("JSON of a message", () => {
  it("has integers beyond 2^53, and what is no number there, as text", () => {
    const value = {
      small: 2n ** 53n - 1n,
      large: 2n ** 53n,
      low: -(2n ** 53n),
      odd: [NaN, Infinity, -Infinity],
      b: true,
    };
    expect(jsonValue(value)).toEqual({
      small: 2 ** 53 - 1,
      large: "9007199254740992",
      low: "-9007199254740992",
      odd: ["NaN", "Infinity", "-Infinity"],
      b: true,
    });
  });
});

describe("chosen fields", () => {
  const message = { pose: { x: 1 }, list: [{ y: 2 }, { y: 3 }], bytes: Uint8Array.of(7, 8) };
  const chosen = (...paths: string[]) => selectFields(message, paths, "/topic");

  it("are had by their paths, and null behind the end of a list", () => {
    expect(chosen()).toBe(message);
    expect(chosen("pose.x", "list[1].y", "bytes[1]", "bytes[2]")).toEqual({
      "pose.x": 1,
      "list[1].y": 3,
      "bytes[1]": 8,
      "bytes[2]": null,
    });
  });

  it("that are not there are refused with what is", () => {
    expect(() => chosen("pose.z")).toThrow('messages of /topic have no field "pose.z": pose has no "z"');
    expect(() => chosen("pose[0]")).toThrow("pose is no list");
    expect(() => chosen("list.y")).toThrow('list has no "y"');
    expect(() => chosen("a..b")).toThrow("this is not a path");
  });
});
