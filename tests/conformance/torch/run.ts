// `npm run conformance -- torch`: every model of a folder that PyTorch saved, its calls interpreted and compiled.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { checkFixture, type Result } from "./check.ts";
import { defaultFolder, fixturesIn } from "./fixtures.ts";
import { page } from "./page.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string", default: defaultFolder },
    only: { type: "string" },
    json: { type: "string" },
  },
});

const wanted = fixturesIn(values.data).filter(({ name }) => name.includes(values.only ?? ""));
const results: Result[] = [];
const out = (line: string): void => void process.stdout.write(`${line}\n`);
for (const fixture of wanted) {
  const result = await checkFixture(fixture, values.data);
  results.push(result);
  const { name, calls, compiledCalls, interpretedCalls, reasons } = result;
  out(`${name.padEnd(26)} compiled ${compiledCalls} of ${calls}, interpreted ${interpretedCalls} of ${calls}`);
  for (const reason of reasons) out(`    ${reason}`);
}
const counted = (way: "compiled" | "interpreted") => {
  const of = (outcome: Result["compiled"]) => results.filter((each) => each[way] === outcome).length;
  return { passed: of("passed"), failed: of("failed"), notSupported: of("notSupported") };
};
const [compiled, interpreted] = [counted("compiled"), counted("interpreted")];
const total = (each: typeof compiled) =>
  `${each.passed} passed, ${each.failed} failed, ${each.notSupported} not supported`;
out(`\n${results.length} models, ${results.reduce((sum, { calls }) => sum + calls, 0)} calls`);
out(`compiled: ${total(compiled)}; ${results.reduce((sum, { compiledCalls }) => sum + compiledCalls, 0)} calls`);
out(
  `interpreted: ${total(interpreted)}; ${results.reduce((sum, { interpretedCalls }) => sum + interpretedCalls, 0)} calls`,
);
if (values.json !== undefined) {
  mkdirSync(dirname(values.json), { recursive: true });
  const report = { total: results.length, compiled, interpreted, cases: results };
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
}
if (values.only === undefined && values.data === defaultFolder)
  writeFileSync(new URL("../../../docs/pytorch.md", import.meta.url), page(results));
process.exitCode = compiled.failed + interpreted.failed > 0 ? 1 : 0;
