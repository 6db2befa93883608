// The models that a built application imports: neither their files nor the importer go along, only what the application asks of them.
import { basename } from "node:path";
import { optionsText, type RecordedGraph, type RecordedModel } from "../runtime/index.ts";

/** What is carried along of `isochron`; the application has it as its own import. */
type Isochron = Pick<typeof import("./index.ts"), "constant" | "IsochronError" | "trace" | "whileLoop" | "zeros">;

/** What `importModel` is found by in a built application. */
interface CarriedModel extends RecordedModel {
  readonly file: string;
}

/**
 * Makes the `importModel` of a built application.
 *
 * It is carried along as it is written here, and so needs nothing around it but what it is given.
 */
function builtImporter(
  { constant, IsochronError, trace, whileLoop, zeros }: Isochron,
  textOf: typeof optionsText,
  models: readonly CarriedModel[],
) {
  const refuse = (message: string, help: string): never => {
    throw new IsochronError("import/built", message, { help });
  };
  // Its code stands in the program of a task. What is left here has the types, and every step of it is a fault.
  const graphOf = (name: string, { inputs, outputs }: RecordedGraph) =>
    trace(
      () => {
        const none = outputs.map(({ dtype, shape }) => zeros(dtype, shape));
        const never = whileLoop(
          () => constant(1, "bool"),
          (all: typeof none) => all,
          none,
          { atMost: 1 },
        );
        return Object.fromEntries(outputs.map((each, at) => [each.name, never[at]!]));
      },
      Object.fromEntries(inputs.map(({ name: input, dtype, shape }) => [input, { dtype, shape }])),
      { name },
    );
  return async (path: string) => {
    const ends = (model: CarriedModel, end: string) => path === model.path || path.endsWith(`/${end}`);
    const file = (model: CarriedModel): string => encodeURIComponent(model.file);
    const exact = models.filter((each) => ends(each, `${each.hash.slice(0, 16)}/${file(each)}`));
    const found = exact.length > 0 ? exact : models.filter((each) => ends(each, each.file) || ends(each, file(each)));
    const model =
      found[0] ??
      refuse(`the application was built without the model ${path}`, "import it before the application is declared");
    const { facts, operators, graphs } = model;
    const graphWith = (options: object = {}) => {
      const text = textOf(options);
      const graph =
        graphs.find((each) => each.options === text) ??
        refuse(
          `no graph of the model ${model.file} was made with ${text} when the application was built`,
          "make it with options that are the same wherever the application starts",
        );
      return graphOf(facts.name, graph);
    };
    return {
      ...facts,
      operators: new Map(operators),
      graph: graphWith,
      graphs: (methods: { readonly [name: string]: object }) =>
        Object.fromEntries(Object.entries(methods).map(([name, options]) => [name, graphWith(options)])),
      interpret: () => refuse(`the model ${model.file} is not in the built application`, "run its graph in a task"),
    };
  };
}

/** The module that stands for `isochron/import` in a built application. */
export function importingModule(models: readonly RecordedModel[]): string {
  const carried: CarriedModel[] = models.map((each) => ({ ...each, path: each.path, file: basename(each.path) }));
  return [
    'import * as isochron from "isochron";',
    'export { exportOnnx, loadTensors, saveTensors, tensorsFile } from "isochron/import";',
    `const optionsText = ${optionsText};`,
    `const builtImporter = ${builtImporter};`,
    `export const importModel = builtImporter(isochron, optionsText, ${JSON.stringify(carried)});`,
  ].join("\n");
}

/** Whether a file that an application names is one of its models, and read by nothing else. */
export const isModelFile =
  (models: readonly RecordedModel[]) =>
  (name: string, hash: string): boolean =>
    models.some((each) => each.hash === hash && basename(each.path) === basename(name));
