// Patterns of RE2: what they match, and which are refused.
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../../../kernels/index.ts";
import { fullMatch } from "./regular-expressions.ts";

const codeOf = (pattern: string): string => {
  try {
    fullMatch(pattern);
    return "none";
  } catch (error) {
    return error instanceof IsochronError ? error.code : String(error);
  }
};

describe("fullMatch", () => {
  it.each([
    ["a|ab", "ab", true],
    ["a", "ab", false],
    ["^a$", "a\n", false],
    [".", "\n", false],
    ["(?s).", "\n", true],
    ["(?i)straße", "STRAßE", true],
    ["\\s", "\u00a0", false],
    ["[\\s]+", " \t", true],
    ["[[:alpha:]_-]+", "a_-Z", true],
    ["[[:alpha:]]+", "é", false],
    ["[^]a]", "]", false],
    ["\\pL+", "éß", true],
    ["\\p{Greek}", "λ", true],
    ["\\Q.*\\E", ".*", true],
    ["\\Q.*\\E", "ab", false],
    ["(?P<user>\\w+)@\\w+\\.com", "a@b.com", true],
    ["\\x{1F600}", "😀", true],
    [".", "😀", true],
    ["[a-c]{2,3}?", "abc", true],
    ["\\@\\-", "@-", true],
    ["a{,3}", "a{,3}", true],
    ["(a|b)*c", "abbac", true],
    ["\\bab\\b", "ab", true],
    ["a\\bb", "ab", false],
    ["(?m)a$\\nb", "a\nb", true],
    [".", "\r", true],
    ["(|a)+b", "aab", true],
  ])("answers for %j on %j as RE2 does: %j", (pattern, text, isMatch) => {
    expect(fullMatch(pattern)(text)).toBe(isMatch);
  });

  it.each([
    ["(a+)+b", 4_000],
    ["(a|a)*b", 4_000],
    ["(a*)*(a*)*b", 4_000],
    ["(a?){500}a{500}b", 600],
    ["(?:(?:(?:a*)*)*)*b", 4_000],
  ])("is done with %j in time that grows with the text", (pattern, count) => {
    expect(fullMatch(pattern)("a".repeat(count))).toBe(false);
    expect(fullMatch(pattern)(`${"a".repeat(count)}b`)).toBe(true);
  });

  it("refuses patterns that are too large, too deep, or repeat what repeats", () => {
    const codes = [
      "((a{100}){100}){100}",
      `${"(".repeat(2_000)}a${")".repeat(2_000)}`,
      "a**",
      "a{2}{3}",
      "*a",
      "a{1001}",
    ];
    expect(codes.map(codeOf)).toEqual(["import/size-limit", ...new Array<string>(5).fill("import/model")]);
  });

  it("refuses what RE2 does not have, and what is no pattern", () => {
    const codes = ["(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(a)\\1", "(?<n>a)\\k<n>", "(", "a\\", "[a"].map(codeOf);
    const unknown = "import/unsupported";
    const wrong = "import/model";
    expect(codes).toEqual([unknown, unknown, unknown, unknown, unknown, unknown, wrong, wrong, wrong]);
  });
});
