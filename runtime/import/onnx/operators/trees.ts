// Ensembles of decision trees: all trees of all rows go down one level at a time.
import type { Dtype } from "../../../../kernels/index.ts";
import { constant, type Tensor, where } from "../../../capture/tensor.ts";
import type { Call, Definitions } from "../call.ts";
import { modelError, unsupported } from "../import-error.ts";
import type { Imported } from "../imported.ts";
import { elementCount, mostParts } from "../limits.ts";
import { castTo } from "./elementwise.ts";
import { bothClasses, classified, featuresOf, postTransform, storedNumbers } from "./scores.ts";

/** What a node of a tree asks of a feature, in the order of ONNX's numbers. */
const questions = ["LEQ", "LT", "GTE", "GT", "EQ", "NEQ", "MEMBER"] as const;
type Question = (typeof questions)[number];

/** A node that asks: where rows go on, by the place of the next node among all. */
interface Branch {
  readonly question: Question;
  readonly feature: number;
  readonly split: number;
  readonly members: readonly number[];
  readonly missingIsTrue: boolean;
  readonly whenTrue: number;
  readonly whenFalse: number;
}

/** What a leaf adds to targets. */
type Leaf = readonly (readonly [target: number, weight: number])[];

interface Forest {
  readonly nodes: readonly (Branch | Leaf)[];
  readonly roots: readonly number[];
  readonly targets: number;
}

const isLeaf = (node: Branch | Leaf): node is Leaf => Array.isArray(node);

/** How many questions there are on the longest way to a leaf. Throws `import/model` for nodes that lead to themselves, or to none. */
function depthOf({ nodes, roots }: Forest): number {
  const depths = new Map<number, number>();
  const open = [...roots];
  const under = new Set<number>();
  for (let at = open.at(-1); at !== undefined; at = open.at(-1)) {
    const node = nodes[at];
    if (!node) throw modelError(`a tree leads to node ${at}, of ${nodes.length}`);
    const next = isLeaf(node) ? [] : [node.whenTrue, node.whenFalse];
    const unknown = next.filter((each) => !depths.has(each));
    if (depths.has(at) || unknown.length === 0) {
      depths.set(at, isLeaf(node) ? 0 : 1 + Math.max(...next.map((each) => depths.get(each)!)));
      under.delete(at);
      open.pop();
      continue;
    }
    if (under.has(at)) throw modelError(`node ${at} of a tree leads to itself`);
    under.add(at);
    open.push(...unknown);
  }
  return Math.max(0, ...roots.map((root) => depths.get(root)!));
}

/** The places of the leaves that rows x[n,features] come to, [n,trees]. */
function leavesOf(x: Tensor, forest: Forest): Tensor<"i64"> {
  const { nodes, roots } = forest;
  const [rows] = x.shape as [number, number];
  const ofBranch = (of: (branch: Branch, at: number) => number): number[] =>
    nodes.map((node, at) => (isLeaf(node) ? 0 : of(node, at)));
  const table = <D extends Dtype>(dtype: D, of: (branch: Branch, at: number) => number): Tensor<D> =>
    constant(ofBranch(of), dtype);
  const asked = questions.filter((each) => nodes.some((node) => !isLeaf(node) && node.question === each));
  const kinds = table("i64", ({ question }) => questions.indexOf(question));
  const features = table("i64", ({ feature }) => feature);
  const splits = table(x.dtype, ({ split }) => split) as Tensor;
  const missing = table("i64", ({ missingIsTrue }) => Number(missingIsTrue));
  // A leaf leads to itself.
  const leadsTo = (of: (branch: Branch) => number) =>
    constant(
      nodes.map((node, at) => (isLeaf(node) ? at : of(node))),
      "i64",
    );
  const [whenTrue, whenFalse] = [leadsTo((branch) => branch.whenTrue), leadsTo((branch) => branch.whenFalse)];
  const most = Math.max(0, ...nodes.map((node) => (isLeaf(node) ? 0 : node.members.length)));
  elementCount(nodes.length * most, "a table of members");
  const members =
    most > 0 &&
    (constant(
      nodes.flatMap((node) =>
        Array.from({ length: most }, (_, at) => (isLeaf(node) ? NaN : (node.members[at] ?? NaN))),
      ),
      x.dtype,
      [nodes.length, most],
    ) as Tensor);
  let at = constant([...roots], "i64")
    .reshape([1, roots.length])
    .broadcastTo([rows, roots.length]);
  for (let level = depthOf(forest); level > 0; level--) {
    const value = x.gather(1, features.indexSelect(0, at));
    const split = splits.indexSelect(0, at);
    const answers = {
      LEQ: () => value.lessEqual(split),
      LT: () => value.less(split),
      GTE: () => value.greaterEqual(split),
      GT: () => value.greater(split),
      EQ: () => value.equal(split),
      NEQ: () => value.notEqual(split),
      MEMBER: () =>
        value
          .unsqueeze(-1)
          .equal((members as Tensor).indexSelect(0, at))
          .any([2]),
    };
    const kind = kinds.indexSelect(0, at);
    const answer = asked
      .map((each) => [questions.indexOf(each), answers[each]()] as const)
      .reduce((all, [number, found]) => [number, where(kind.equal(number), found, all[1])] as const)[1];
    const isTrue = answer.or(value.isNaN().and(missing.indexSelect(0, at).notEqual(0)));
    at = where(isTrue, whenTrue.indexSelect(0, at), whenFalse.indexSelect(0, at));
  }
  return at;
}

const aggregations = ["AVERAGE", "SUM", "MIN", "MAX"] as const;
type Aggregation = (typeof aggregations)[number];

/** The targets of each row, [n,targets]: what the leaves of all trees add up to, or the least or the greatest of it. */
function predicted(x: Tensor, forest: Forest, aggregation: Aggregation): Tensor {
  const { nodes, targets, roots } = forest;
  const largest = x.dtype === "f64" ? Number.MAX_VALUE : 3.4028234663852886e38;
  const neutral = { SUM: 0, AVERAGE: 0, MIN: largest, MAX: -largest }[aggregation];
  const combine = { SUM: (a: number, b: number) => a + b, MIN: Math.min, MAX: Math.max };
  elementCount(nodes.length * targets, "a table of leaves and targets");
  const weights = nodes.flatMap((node) => {
    const row = new Array<number>(targets).fill(neutral);
    if (isLeaf(node))
      for (const [target, weight] of node)
        row[target] = combine[aggregation === "AVERAGE" ? "SUM" : aggregation](row[target]!, weight);
    return row;
  });
  const each = (constant(weights, x.dtype, [nodes.length, targets]) as Tensor).indexSelect(0, leavesOf(x, forest));
  switch (aggregation) {
    case "SUM":
      return each.sum([1]);
    case "AVERAGE":
      return each.sum([1]).div(roots.length);
    case "MIN":
      return each.min([1]);
    case "MAX":
      return each.max([1]);
  }
}

/** The question that a text or a number names. */
function questionOf(given: string | number): Question {
  const found = typeof given === "number" ? questions[given] : questions.find((each) => `BRANCH_${each}` === given);
  if (found) return found;
  throw modelError(`a node of a tree asks ${JSON.stringify(given)}`);
}

/** The sets that nodes ask for members of, one behind the other, each ended by NaN. */
function membersOf(call: Call, modes: readonly number[]): (readonly number[])[] {
  const all = storedNumbers(call, "membership_values") ?? [];
  let from = 0;
  return modes.map((mode) => {
    if (questions[mode] !== "MEMBER") return [];
    const end = all.findIndex((each, at) => at >= from && Number.isNaN(each));
    const members = all.slice(from, end < 0 ? all.length : end);
    from = end < 0 ? all.length : end + 1;
    return members;
  });
}

function treeEnsemble(call: Call): Tensor {
  const given = call.tensor(0);
  const modes = storedNumbers(call, "nodes_modes") ?? [];
  const splits = storedNumbers(call, "nodes_splits") ?? [];
  const weights = storedNumbers(call, "leaf_weights") ?? [];
  const [features, targets] = [call.ints("nodes_featureids"), call.ints("leaf_targetids")];
  const missing = call.ints("nodes_missing_value_tracks_true", []);
  const branches = modes.length;
  const next = (side: "true" | "false") => {
    const isLeafAt = call.ints(`nodes_${side}leafs`);
    // Leaves stand behind all nodes that ask.
    return call.ints(`nodes_${side}nodeids`).map((id, at) => (isLeafAt[at] ? branches + id : id));
  };
  const [whenTrue, whenFalse] = [next("true"), next("false")];
  const members = membersOf(call, modes);
  const nodes = [
    ...modes.map(
      (mode, at): Branch => ({
        question: questionOf(mode),
        feature: features[at]!,
        split: splits[at]!,
        members: members[at]!,
        missingIsTrue: missing[at] === 1,
        whenTrue: whenTrue[at]!,
        whenFalse: whenFalse[at]!,
      }),
    ),
    ...weights.map((weight, at): Leaf => [[targets[at]!, weight]]),
  ];
  const forest = { nodes, roots: call.ints("tree_roots"), targets: call.count("n_targets", mostParts) };
  const aggregation = aggregations[call.int("aggregate_function", 1)];
  const transforms: readonly string[] = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"];
  const transform = transforms[call.int("post_transform", 0)];
  if (!aggregation || !transform) throw modelError(`"aggregate_function" or "post_transform" is no known number`);
  return castTo(postTransform(transform)(predicted(featuresOf(call.tensor(0)), forest, aggregation)), given.dtype);
}

/** A forest as the first operator sets write it: nodes by the numbers of their trees and their own, leaves apart. */
function olderForest(call: Call, of: "target" | "class", targets: number): Forest {
  const [trees, ids] = [call.ints("nodes_treeids"), call.ints("nodes_nodeids")];
  const places = new Map(trees.map((tree, at) => [`${tree} ${ids[at]}`, at]));
  const [features, modes] = [call.ints("nodes_featureids"), call.texts("nodes_modes")];
  const values = storedNumbers(call, "nodes_values_as_tensor") ?? call.floats("nodes_values");
  const missing = call.ints("nodes_missing_value_tracks_true", []);
  const [whenTrue, whenFalse] = [call.ints("nodes_truenodeids"), call.ints("nodes_falsenodeids")];
  const leaves = new Map<string, [number, number][]>();
  const weights = storedNumbers(call, `${of}_weights_as_tensor`) ?? call.floats(`${of}_weights`);
  const [leafTrees, leafIds, leafTargets] = ["treeids", "nodeids", "ids"].map((name) => call.ints(`${of}_${name}`)) as [
    number[],
    number[],
    number[],
  ];
  for (const [at, weight] of weights.entries()) {
    const key = `${leafTrees[at]} ${leafIds[at]}`;
    leaves.set(key, [...(leaves.get(key) ?? []), [leafTargets[at]!, weight]]);
  }
  const nodes = modes.map((mode, at): Branch | Leaf => {
    const place = (id: number): number => places.get(`${trees[at]} ${id}`) ?? -1;
    if (mode === "LEAF") return leaves.get(`${trees[at]} ${ids[at]}`) ?? [];
    return {
      question: questionOf(mode),
      feature: features[at]!,
      split: values[at]!,
      members: [],
      missingIsTrue: missing[at] === 1,
      whenTrue: place(whenTrue[at]!),
      whenFalse: place(whenFalse[at]!),
    };
  });
  const roots = [...new Set(trees)].map((tree) => trees.indexOf(tree));
  return { nodes, roots, targets };
}

const baseOf = (call: Call, x: Tensor): Tensor | undefined => {
  const base = storedNumbers(call, "base_values_as_tensor") ?? call.floats("base_values", []);
  return base.length > 0 ? (constant(base, x.dtype) as Tensor) : undefined;
};

function treeEnsembleRegressor(call: Call): Tensor {
  const x = featuresOf(call.tensor(0));
  const aggregation = aggregations.find((each) => each === call.text("aggregate_function", "SUM"));
  if (!aggregation) throw modelError(`attribute "aggregate_function" is "${call.text("aggregate_function")}"`);
  const found = predicted(x, olderForest(call, "target", call.count("n_targets", mostParts)), aggregation);
  const base = baseOf(call, x);
  return castTo(postTransform(call.text("post_transform", "NONE"))(base ? found.add(base) : found), "f32");
}

function treeEnsembleClassifier(call: Call): (Imported | undefined)[] {
  const x = featuresOf(call.tensor(0));
  const classes = Math.max(call.ints("classlabels_int64s", []).length, call.texts("classlabels_strings", []).length);
  if (classes < 2) throw unsupported("a classifier of one class");
  const found = predicted(x, olderForest(call, "class", classes), "SUM");
  const base = baseOf(call, x);
  const scores = base ? found.add(base) : found;
  const name = call.text("post_transform", "NONE");
  const isBinary = classes === 2 && new Set(call.ints("class_ids")).size === 1;
  if (!isBinary) return classified(call, "classlabels_int64s", postTransform(name)(scores));
  // All weights are of one of two classes, which the other is what is left of.
  const score = scores.indexSelect(1, constant(call.ints("class_ids")[0]!, "i64"));
  const isShare = name === "NONE" || name === "PROBIT";
  const both = bothClasses(score, (each) => (isShare ? each.neg().add(1) : each.neg()));
  return classified(call, "classlabels_int64s", postTransform(name)(both));
}

export const trees: Definitions = {
  "ai.onnx.ml::TreeEnsemble": treeEnsemble,
  "ai.onnx.ml::TreeEnsembleClassifier": treeEnsembleClassifier,
  "ai.onnx.ml::TreeEnsembleRegressor": treeEnsembleRegressor,
};
