// Where the nodes of a graph find what they name: values, attributes, and the versions of operator sets.
import type { AttributeProto, FunctionProto, NodeProto } from "./format/onnx_pb.ts";
import { modelError } from "./import-error.ts";

/** The default domain has two names. */
export const domainOf = (domain: string): string => (domain === "ai.onnx" ? "" : domain);

/** The name of an operator with its domain, as users give their own. */
export const fullName = ({ domain, opType }: Pick<NodeProto, "domain" | "opType">): string =>
  domainOf(domain) === "" ? opType : `${domain}::${opType}`;

/** The versions of operator sets by their domains. */
export type Versions = ReadonlyMap<string, number>;

/** The versions that a model, or a function of it, imports. */
export const versionsOf = (imports: readonly { readonly domain: string; readonly version: bigint }[]): Versions =>
  new Map(imports.map(({ domain, version }) => [domainOf(domain), Number(version)]));

/** Names and what they stand for; those of a subgraph are found around it too. */
export class Scope<V> {
  readonly versions: Versions;
  /** The attributes of the call of a function, for the nodes of its body. */
  readonly attributes: ReadonlyMap<string, AttributeProto> | undefined;
  readonly #outer: Scope<V> | undefined;
  readonly #values = new Map<string, V>();

  constructor(versions: Versions, outer?: Scope<V>, attributes = outer?.attributes) {
    this.versions = versions;
    this.#outer = outer;
    this.attributes = attributes;
  }

  get(name: string): V | undefined {
    return this.#values.has(name) ? this.#values.get(name) : this.#outer?.get(name);
  }

  set(name: string, value: V): void {
    this.#values.set(name, value);
  }

  /** The attributes of a node; those that a function's body takes from the call are the call's. */
  attributesOf(node: NodeProto): Map<string, AttributeProto> {
    const all = new Map<string, AttributeProto>();
    for (const each of node.attribute) {
      const found = each.refAttrName === "" ? each : this.attributes?.get(each.refAttrName);
      if (found) all.set(each.name, found);
    }
    return all;
  }

  /** The scope of a function's body, which is called with these attributes. */
  static ofFunction<V>(called: FunctionProto, given: ReadonlyMap<string, AttributeProto>): Scope<V> {
    const defaults = called.attributeProto.map((each) => [each.name, each] as const);
    return new Scope<V>(versionsOf(called.opsetImport), undefined, new Map([...defaults, ...given]));
  }
}

/** Nesting of subgraphs and calls of functions beyond which a model is refused. */
const deepest = 64;

/** How deep subgraphs and calls of functions stand in each other. */
export class Nesting {
  #depth = 0;

  /** Runs `body` one level deeper. Throws `import/model` where a model nests too deep. */
  inside<T>(what: string, body: () => T): T {
    if (this.#depth === deepest) throw modelError(`${what} stands ${deepest} levels deep, or calls itself`);
    this.#depth++;
    try {
      return body();
    } finally {
      this.#depth--;
    }
  }
}
