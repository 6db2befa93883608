// The nodes of a model as its file has them, as text in the form of a graph's: for what no graph can be made of.
import { dtypeOf, elementTypeName } from "./element-types.ts";
import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "./format/onnx_pb.ts";
import { portOf } from "./ports.ts";
import { fullName } from "./scope.ts";

/** What is said behind a node. */
export type NodeNote = (node: NodeProto) => string | undefined;

/** Elements of an attribute that are shown. */
const mostShown = 16;

/** A name as it stands, and in quotes where it could be read as something else. */
const nameText = (name: string): string => (/^[\w./:~-]+$/.test(name) ? name : JSON.stringify(name));

const listText = (all: readonly unknown[], show: (each: never) => string): string => {
  const shown = all.slice(0, mostShown).map((each) => show(each as never));
  return `[${[...shown, ...(all.length > mostShown ? [`… ${all.length} in all`] : [])].join(",")}]`;
};

const tensorText = ({ dataType, dims }: TensorProto): string =>
  `${dtypeOf(dataType) ?? elementTypeName(dataType)}[${dims.join(",")}]`;

const bytesText = (bytes: Uint8Array): string => JSON.stringify(new TextDecoder().decode(bytes.subarray(0, 256)));

function attributeText(attribute: AttributeProto): string {
  const { name, type, refAttrName } = attribute;
  const value = (): string => {
    if (refAttrName !== "") return `the attribute ${nameText(refAttrName)} of the function`;
    switch (type) {
      case AttributeType.FLOAT:
        return String(attribute.f);
      case AttributeType.INT:
        return String(attribute.i);
      case AttributeType.STRING:
        return bytesText(attribute.s);
      case AttributeType.TENSOR:
        return attribute.t ? tensorText(attribute.t) : "no tensor";
      case AttributeType.FLOATS:
        return listText(attribute.floats, String);
      case AttributeType.INTS:
        return listText(attribute.ints, String);
      case AttributeType.STRINGS:
        return listText(attribute.strings, bytesText);
      default:
        return (AttributeType[type] ?? `type ${type}`).toLowerCase();
    }
  };
  return `${nameText(name)}=${value()}`;
}

/** The subgraphs of a node, by the names of their attributes. */
const subgraphsOf = ({ attribute }: NodeProto): (readonly [name: string, graph: GraphProto])[] =>
  attribute.flatMap(({ name, g, graphs }) => [
    ...(g ? [[name, g] as const] : []),
    ...graphs.map((each, at) => [`${name}.${at}`, each] as const),
  ]);

const indented = (lines: readonly string[], margin: string): string[] => lines.map((line) => `${margin}${line}`);

function nodeLines(node: NodeProto, note: NodeNote): string[] {
  const operands = [
    ...node.input.map((name) => (name === "" ? "none" : nameText(name))),
    ...node.attribute.map(attributeText),
  ];
  const results = node.output.map((name) => (name === "" ? "_" : nameText(name)));
  const noted = [node.name === "" ? undefined : `node ${nameText(node.name)}`, note(node)].filter(
    (each) => each !== undefined,
  );
  return [
    `${results.join(", ")} = ${fullName(node)}(${operands.join(", ")})${noted.length === 0 ? "" : `  // ${noted.join(": ")}`}`,
    ...subgraphsOf(node).flatMap(([name, graph]) =>
      indented(graphLines(`${name} ${nameText(graph.name)}`, graph, note), "  "),
    ),
  ];
}

const portText = (port: ValueInfoProto): string => `${nameText(port.name)}: ${portOf(port).type}`;

function graphLines(
  title: string,
  { input, output, initializer, sparseInitializer, node }: GraphProto,
  note: NodeNote,
): string[] {
  return [
    `${title}(${input.map(portText).join(", ")}) -> (${output.map(portText).join(", ")})`,
    ...initializer.map((each) => `  const ${nameText(each.name)} : ${tensorText(each)}`),
    ...sparseInitializer.map(
      ({ values, dims }) => `  const ${nameText(values?.name ?? "")} : sparse [${dims.join(",")}]`,
    ),
    ...node.flatMap((each) => indented(nodeLines(each, note), "  ")),
  ];
}

const functionLines = ({ domain, name, input, output, node }: FunctionProto, note: NodeNote): string[] => [
  `function ${fullName({ domain, opType: name })}(${input.map(nameText).join(", ")}) -> (${output.map(nameText).join(", ")})`,
  ...node.flatMap((each) => indented(nodeLines(each, note), "  ")),
];

/** The text of a model's graph, and of its functions. */
export const modelText = ({ graph, functions }: ModelProto, note: NodeNote): string =>
  [
    graphLines(`model ${nameText(graph!.name || "model")}`, graph!, note).join("\n"),
    ...functions.map((each) => functionLines(each, note).join("\n")),
  ].join("\n\n");
