// Which name is meant by one that is not there.
import { describe, expect, it } from "vitest";
import { didYouMean, nearest } from "./nearest.ts";

describe("a name that is not there", () => {
  const names = ["onOverrun", "period", "phase", "priority", "stride", "threads"];

  it.each([
    ["onOverun", "onOverrun"],
    ["peroid", "period"],
    ["strides", "stride"],
    ["thread", "threads"],
    ["ONOVERRUN", "onOverrun"],
    ["phsae", "phase"],
  ])("%s is taken for %s", (name, meant) => expect(nearest(name, names)).toBe(meant));

  it.each(["x", "budget", "", "rate"])('"%s" is taken for no other', (name) =>
    expect(nearest(name, names)).toBeUndefined(),
  );

  it("is answered with a question, or with help alone", () => {
    expect(didYouMean("strides", names, "it takes stride")).toBe("did you mean stride? it takes stride");
    expect(didYouMean("colour", names, "it takes stride")).toBe("it takes stride");
  });
});
