// The examples in the comments of public items, as files that run.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The files whose public items have examples, and how many at least. */
export const files = {
  "runtime/capture/called-graph.ts": 1,
  "runtime/capture/random.ts": 1,
  "runtime/capture/trace.ts": 2,
  "runtime/import/index.ts": 1,
  "runtime/import/onnx/export/index.ts": 1,
  "runtime/import/onnx/model.ts": 1,
  "runtime/import/load-tensors.ts": 1,
  "runtime/import/torch/model.ts": 1,
  "runtime/compiler/compile.ts": 1,
  "runtime/program/program.ts": 5,
  "launch/application.ts": 1,
  "launch/application-builder.ts": 16,
  "launch/run-application.ts": 1,
  "launch/testing.ts": 1,
};

/** What surrounds an example of a method of `app`. */
const around = (
  text: string,
): string => `import { application, field, image, message, tensorType, trace } from "isochron";
import { concatMap, filter, interval, map, takeUntil, takeWhile } from "rxjs";

const controller = trace(({ position }) => ({ force: position.mul(-8) }), { position: tensorType("f32", []) }, { name: "controller" });
const declared = application("example", (app) => {
${text}
});
void declared.declarations;
await declared.close();
void [concatMap, field, filter, image, interval, map, message, takeUntil, takeWhile, controller];
`;

/** The code blocks behind `@example` in a file's comments. */
export const examplesOf = (file: string): string[] =>
  [...readFileSync(join(root, file), "utf8").matchAll(/@example\n\s*\* ```ts\n(.*?)\n\s*\* ```/gs)].map(([, text]) =>
    text!.replace(/^\s*\* ?/gm, ""),
  );

export const examples = Object.keys(files).flatMap((file) =>
  examplesOf(file).map((text, at) => ({
    name: `${file.replaceAll("/", "-").replace(".ts", "")}-${at}.ts`,
    text,
    source: text.startsWith("import ") ? text : around(text),
  })),
);
