// docs/pytorch.md: which of PyTorch's operators there are here, and how the models that call them came out in the last whole run.
import { isSpecial } from "../../../runtime/import/torch/exported/run.ts";
import {
  isKnownOperator,
  operatorNamed,
  primitives,
  torchOperators,
} from "../../../runtime/import/torch/operators/index.ts";
import type { Result } from "./check.ts";
import { coreOperators, refusedCore } from "./core-aten.ts";

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** How many of the models that call an operator pass compiled. */
function models(name: string, results: readonly Result[]): string {
  const own = results.filter(({ operators }) => operators.some((each) => operatorNamed(each) === name));
  return own.length === 0 ? "" : `${own.filter(({ compiled }) => compiled === "passed").length} of ${own.length}`;
}

/** The page. */
export function page(results: readonly Result[]): string {
  const called = [...new Set(results.flatMap(({ operators }) => operators))].sort();
  const missing = called.filter((name) => !isKnownOperator(name) && !isSpecial(name));
  const [passed, interpreted] = (["compiled", "interpreted"] as const).map(
    (way) => results.filter((each) => each[way] === "passed").length,
  );
  return [
    "# PyTorch",
    "",
    "Written by `npm run conformance -- torch`. What a model that PyTorch saved may call: operators by the names and overloads of PyTorch's native_functions.yaml, and beside each how many of the models of the conformance run that call it pass in machine code.",
    "",
    `Of ${results.length} models ${passed} pass in machine code with all their calls, ${interpreted} interpreted. [How to bring one in](how-to/from-pytorch.md).`,
    "",
    "An operator whose name ends in `_` writes the result of the one without into its first tensor. Numbers, lists, dictionaries and texts are computed while a graph is made; numbers that depend on values are computed by the graph.",
    "",
    "| model | compiled calls | why not all |",
    "| --- | --- | --- |",
    ...results.map(({ name, calls, compiledCalls, reasons }) =>
      line([
        name,
        `${compiledCalls} of ${calls}`,
        compiledCalls === calls ? "" : (reasons[0] ?? "").replaceAll("|", "\\|"),
      ]),
    ),
    "",
    `What models of the run call and is not there: ${missing.length === 0 ? "nothing" : missing.map((name) => `\`${name}\``).join(", ")}.`,
    "",
    `Of the ${coreOperators.length} operators and overloads of PyTorch's Core ATen list all are there but these:`,
    "",
    "| operator | why not |",
    "| --- | --- |",
    ...Object.entries(refusedCore).map(([name, reason]) => line([`\`${name}\``, reason])),
    "",
    "| operator | overloads | models |",
    "| --- | --- | --- |",
    ...[...torchOperators]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, overloads]) => {
        const named = new Set(overloads.map(({ schema }) => schema.overload || "default"));
        const isComplex = overloads.some(({ schema }) => schema.arguments.some(({ type }) => type === "Complex"));
        const all = [...named, ...(isComplex ? ["complex numbers too"] : [])];
        return line([`\`${name}\``, all.join(", "), models(name, results)]);
      }),
    "",
    `Beside tensors' operators: ${Object.keys(primitives)
      .sort()
      .map((name) => `\`${name}\``)
      .join(", ")}.`,
    "",
  ].join("\n");
}
