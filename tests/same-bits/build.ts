// Compiles a graph of every kind of kernel and writes the artifact: `node --import …/register.mjs build.ts FILE`.

import { Random } from "../../kernels/index.ts";
import { compile, save } from "../../runtime/index.ts";
import { operatorCases, operatorsOfEveryKernel } from "./operator.ts";

const [file] = process.argv.slice(2);
const { graph } = operatorCases(new Random(1), operatorsOfEveryKernel(), 2);
save(
  await compile(graph, { targets: ["x86-64-v4+vnni", "aarch64"], grain: { mostChunks: 5, leastOperations: 1 } }),
  file!,
);
