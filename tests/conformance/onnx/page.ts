// docs/onnx.md: what of ONNX there is here, operator by operator, as the last whole conformance run found it.
import { definitions } from "../../../runtime/import/onnx/operators/index.ts";
import type { Result } from "./check.ts";
// Every operator of operator set 27 and of ai.onnx.ml and ai.onnx.preview, read out of onnx.defs of the package onnx 1.22.0:
// the versions since which it means something else, and the element types of its first operand.
import specified from "./operators-1.22.0.json" with { type: "json" };

interface Specified {
  readonly versions: readonly number[];
  readonly types: readonly string[];
  readonly deprecated: boolean;
}

export const operatorsOfOnnx: { readonly [operator: string]: Specified } = specified;

/** How the cases that hold an operator came out. */
export interface Row {
  readonly operator: string;
  readonly passed: number;
  readonly failed: number;
  readonly notSupported: number;
  readonly interpreted: number;
  readonly cases: number;
}

/** A row for each operator of ONNX, and for each that a case holds. */
export function rowsOf(results: readonly Result[]): Row[] {
  const names = new Set([...Object.keys(operatorsOfOnnx), ...results.flatMap(({ operators }) => operators)]);
  return [...names].sort().map((operator) => {
    const own = results.filter(({ operators }) => operators.includes(operator));
    const compiled = (outcome: Result["compiled"]): number => own.filter((each) => each.compiled === outcome).length;
    return {
      operator,
      passed: compiled("passed"),
      failed: compiled("failed"),
      notSupported: compiled("notSupported"),
      interpreted: own.filter(({ interpreted }) => interpreted === "passed").length,
      cases: own.length,
    };
  });
}

const manyTypes = 6;

/** Element types in a few words: the families that are there as a whole, and the others. */
function typesText(types: readonly string[]): string {
  const families: readonly (readonly [name: string, members: readonly string[]])[] = [
    ["integers", ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"]],
    ["floats", ["f16", "f32", "f64"]],
  ];
  let rest = types;
  const said: string[] = [];
  for (const [name, members] of families) {
    if (!members.every((each) => rest.includes(each))) continue;
    said.push(name);
    rest = rest.filter((each) => !members.includes(each));
  }
  const plain = rest.filter((each) => !each.includes("("));
  const others = plain.length < rest.length ? ["sequences, optionals"] : [];
  return [...said, ...(plain.length > manyTypes ? [...plain.slice(0, manyTypes), "…"] : plain), ...others].join(", ");
}

const stateOf = (operator: string): string => (definitions.has(operator) ? "yes" : "no");

/** The page. */
export function page(results: readonly Result[]): string {
  const count = (way: "compiled" | "interpreted", outcome: Result["compiled"]): number =>
    results.filter((each) => each[way] === outcome).length;
  const specialised = results.filter((each) => each.specialised.length > 0).length;
  const without = results.filter((each) => each.compiled === "passed" && each.kernelCalls === 0).length;
  const reasons = new Map<string, number>();
  for (const { compiled, reason = "" } of results)
    if (compiled !== "passed") reasons.set(firstReason(reason), (reasons.get(firstReason(reason)) ?? 0) + 1);
  const line = ({ operator, passed, interpreted, cases }: Row): string => {
    const { versions = [], types = [], deprecated = false } = operatorsOfOnnx[operator] ?? {};
    const name = deprecated ? `${operator} (deprecated)` : operator;
    const held = cases === 0 ? "" : `${passed} / ${interpreted} of ${cases}`;
    return `| ${name} | ${versions.join(", ")} | ${typesText(types)} | ${stateOf(operator)} | ${held} |`;
  };
  return [
    "# ONNX",
    "",
    "Written by `npm run conformance -- onnx`. What is given for each operator: the versions of the specification (operator sets 1 to 27; each is imported by its own meaning), the element types of its first operand, whether it is imported, and how many of ONNX's own backend tests that hold it pass, compiled and interpreted.",
    "",
    `Of ${results.length} cases, ${count("compiled", "passed")} pass in machine code and ${count("interpreted", "passed")} interpreted; ${count("compiled", "failed") + count("interpreted", "failed")} fail. Each compiled case ran on its own inputs and on others, and was held to the interpreter there. In ${specialised} cases inputs that decide a shape were bound to their values; ${without} that pass call no kernel, since all they give is known beforehand or passed on.`,
    "",
    "What is not compiled, and why:",
    "",
    "| cases | reason |",
    "| --- | --- |",
    ...[...reasons].sort(([, a], [, b]) => b - a).map(([reason, cases]) => `| ${cases} | ${reason} |`),
    "",
    "| operator | versions | element types | imported | cases: compiled / interpreted |",
    "| --- | --- | --- | --- | --- |",
    ...rowsOf(results).map(line),
    "",
  ].join("\n");
}

/** The reason alone, without the node that it is said of. */
const firstReason = (reason: string): string =>
  reason
    .split("; ")[0]!
    .replace(/^(compiled: )?import\/unsupported: /, "")
    .replace(/^(node [^:]*: )+/, "")
    .replaceAll("|", "\\|");
