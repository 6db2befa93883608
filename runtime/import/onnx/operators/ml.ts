// The operators of `ai.onnx.ml` that compute on numbers, but for trees; and counts of n-grams.
import { type Dtype, isFloatDtype } from "../../../../kernels/index.ts";
import { concat, constant, type Tensor, where, zeros } from "../../../capture/tensor.ts";
import type { Call, Definitions } from "../call.ts";
import { modelError, unsupported } from "../import-error.ts";
import { type Imported, Strings } from "../imported.ts";
import { elementCount, mostParts, partCount } from "../limits.ts";
import { castTo } from "./elementwise.ts";
import { bothClasses, classified, featuresOf, labelsOf, postTransform, storedNumbers } from "./scores.ts";
import { fromStart } from "./shapes.ts";

/** Elements of the last dimension at positions; of a vector as one row. */
function arrayFeatures(call: Call): Tensor {
  const x = call.tensor(0);
  const rows = x.shape.length === 1 ? x.unsqueeze(0) : x;
  const positions = fromStart(call.tensor(1).flatten(), rows.shape.at(-1)!);
  return rows.indexSelect(rows.shape.length - 1, positions);
}

function binarizer(call: Call): Tensor {
  const x = call.tensor(0);
  return x.greater(call.float("threshold", 0)).cast(x.dtype);
}

/** A list that an attribute of one of several kinds holds. */
interface Listed {
  readonly texts?: readonly string[];
  readonly numbers?: readonly number[];
  readonly dtype: Dtype;
}

/** The keys or the values of an encoder, in whichever attribute they are. */
function listed(call: Call, which: "keys" | "values"): Listed {
  const stored = call.attribute(`${which}_tensor`) && call.stored(`${which}_tensor`);
  if (stored?.kind === "strings") return { texts: stored.data, dtype: "i64" };
  if (stored) return { numbers: storedNumbers(call, `${which}_tensor`)!, dtype: stored.dtype };
  if (call.attribute(`${which}_strings`)) return { texts: call.texts(`${which}_strings`), dtype: "i64" };
  if (call.attribute(`${which}_floats`)) return { numbers: call.floats(`${which}_floats`), dtype: "f32" };
  return { numbers: call.ints(`${which}_int64s`), dtype: "i64" };
}

/** The value of what is no key. */
function defaultOf(call: Call, dtype: Dtype): number {
  const stored = storedNumbers(call, "default_tensor");
  if (stored) return stored[0]!;
  return isFloatDtype(dtype) ? call.float("default_float", -0) : call.int("default_int64", -1);
}

/** The value that belongs to each element as a key. */
function labelEncoder(call: Call): Tensor | Strings {
  const given = call.value(0);
  const [keys, values] = [listed(call, "keys"), listed(call, "values")];
  if (given instanceof Strings) {
    const places = new Map((keys.texts ?? []).map((key, at) => [key, at]));
    if (values.texts) {
      const other = call.text("default_string", "_Unused");
      return new Strings(
        given.shape,
        given.data.map((each) => values.texts![places.get(each) ?? -1] ?? other),
      );
    }
    const other = defaultOf(call, values.dtype);
    const found = given.data.map((each) => values.numbers![places.get(each) ?? -1] ?? other);
    return constant(found, values.dtype, given.shape) as Tensor;
  }
  if (keys.texts) throw modelError("operand 0 holds numbers, and its keys are texts");
  const x = call.tensor(0);
  if (values.texts) {
    const places = new Map(keys.numbers!.map((key, at) => [key, at]));
    const other = call.text("default_string", "_Unused");
    const found = call.numbers(0, "texts").map((each) => values.texts![places.get(each) ?? -1] ?? other);
    return new Strings(x.shape, found);
  }
  // Of a key that stands twice the last value counts.
  const pairs = [...new Map(keys.numbers!.map((key, at) => [key, values.numbers![at]!]))];
  const other = constant(defaultOf(call, values.dtype), values.dtype) as Tensor;
  if (pairs.length === 0) return other.broadcastTo(x.shape);
  const key = constant(
    pairs.map(([each]) => each),
    x.dtype,
  ) as Tensor;
  const one = x.unsqueeze(-1);
  const same = pairs.some(([each]) => Number.isNaN(each))
    ? one.equal(key).or(one.isNaN().and(key.isNaN()))
    : one.equal(key);
  const value = constant(
    pairs.map(([, each]) => each),
    values.dtype,
  ) as Tensor;
  const last = same.shape.length - 1;
  return where(same.any([last]), value.indexSelect(0, same.cast("u8").argmax(last)), other);
}

/** Columns of all operands, each cut or filled with zeros to its number of them. */
function featureVectorizer(call: Call): Tensor {
  const sizes = call.ints("inputdimensions");
  const parts = call.tensors().map((each, at) => {
    const rows = castTo(each.shape.length === 1 ? each.unsqueeze(-1) : each, "f32");
    const missing = sizes[at]! - rows.shape[1]!;
    return missing < 0 ? rows.slice([], [0, sizes[at]!]) : rows.pad([0, 0], [0, missing]);
  });
  return concat(parts, 1);
}

/** Values in place of those that stand for a missing one. */
function imputer(call: Call): Tensor {
  const x = call.tensor(0);
  const isFloat = isFloatDtype(x.dtype);
  const values = isFloat ? call.floats("imputed_value_floats") : call.ints("imputed_value_int64s");
  const replaced = isFloat ? call.float("replaced_value_float", 0) : call.int("replaced_value_int64", 0);
  const isMissing = Number.isNaN(replaced) ? x.isNaN() : x.equal(replaced);
  return where(isMissing, constant(values, x.dtype) as Tensor, x);
}

/** Rows by their greatest, their sum or their length. */
function normalizer(call: Call): Tensor {
  const x = featuresOf(call.tensor(0));
  const along = { keepDims: true };
  const norms: { readonly [name: string]: () => Tensor } = {
    MAX: () => x.abs().max([1], along),
    L1: () => x.abs().sum([1], along),
    L2: () => x.mul(x).sum([1], along).sqrt(),
  };
  const norm = call.choice("norm", norms, "MAX");
  return castTo(x.div(norm().maximum(1e-30)), "f32").reshape(call.tensor(0).shape);
}

function oneHotEncoder(call: Call): Tensor {
  const categories = call.ints("cats_int64s", []);
  if (categories.length === 0) throw unsupported("categories that are texts");
  const x = call.tensor(0).cast("i64");
  return x.unsqueeze(-1).equal(constant(categories, "i64")).cast("f32");
}

function scaler(call: Call): Tensor {
  const x = featuresOf(call.tensor(0));
  const [offset, scale] = [call.floats("offset"), call.floats("scale")].map((each) => constant(each, x.dtype)) as [
    Tensor,
    Tensor,
  ];
  return castTo(x.sub(offset).mul(scale), "f32").reshape(call.tensor(0).shape);
}

/** x · coefficientsᵀ + intercepts. */
function linearScores(call: Call, x: Tensor, targets: number): Tensor {
  const coefficients = constant(call.floats("coefficients"), x.dtype, [targets, x.shape[1]!]) as Tensor;
  const intercepts = call.floats("intercepts", []);
  const products = x.matmul(coefficients.permute());
  return intercepts.length > 0 ? products.add(constant(intercepts, x.dtype) as Tensor) : products;
}

function linearRegressor(call: Call): Tensor {
  const x = featuresOf(call.tensor(0));
  const scores = linearScores(call, x, call.count("targets", mostParts, 1));
  return castTo(postTransform(call.text("post_transform", "NONE"))(scores), "f32");
}

function linearClassifier(call: Call): (Imported | undefined)[] {
  const x = featuresOf(call.tensor(0));
  const scores = linearScores(call, x, call.floats("coefficients").length / x.shape[1]!);
  const labels = Math.max(call.ints("classlabels_ints", []).length, call.texts("classlabels_strings", []).length);
  const name = call.text("post_transform", "NONE");
  if (scores.shape[1] === 1 && labels !== 2) {
    const only = postTransform(name)(scores);
    const isPositive = only.greaterEqual(name === "NONE" ? 0 : 0.5).squeeze(1);
    const label = labelsOf(call, "classlabels_ints", constant(0, "i64"));
    if (label instanceof Strings) throw unsupported("a single class whose label is a text");
    return [label && where(isPositive, label, constant(0, "i64") as Tensor), castTo(only, "f32")];
  }
  const all = scores.shape[1] === 1 ? bothClasses(scores.squeeze(1), (each) => each.neg()) : scores;
  return classified(call, "classlabels_ints", postTransform(name)(all));
}

/** What a vectoriser counts: runs of as many numbers as `size`, and at which place each is counted. */
interface Grams {
  readonly size: number;
  /** [grams,size] row by row. */
  readonly items: readonly number[];
  readonly places: readonly number[];
}

/** The n-grams of the lengths that are wanted; of one that stands twice the last counts. */
function gramsOf(call: Call, pool: readonly number[]): Grams[] {
  const [starts, places] = [call.ints("ngram_counts"), call.ints("ngram_indexes")];
  const [least, most] = [call.int("min_gram_length"), call.int("max_gram_length")];
  let number = 0;
  return starts.flatMap((start, at): Grams[] => {
    const size = at + 1;
    const end = starts[at + 1] ?? pool.length;
    const count = Math.floor((end - start) / size);
    const first = number;
    number += count;
    if (size < least || size > most || count === 0) return [];
    const byItems = new Map<string, { items: number[]; place: number }>();
    for (let each = 0; each < count; each++) {
      const items = pool.slice(start + each * size, start + (each + 1) * size);
      byItems.set(items.join(), { items, place: places[first + each]! });
    }
    const found = [...byItems.values()];
    return [{ size, items: found.flatMap(({ items }) => items), places: found.map(({ place }) => place) }];
  });
}

/** How often each n-gram of integers or texts stands in each row, also with others between its items; or whether, or by a weight. */
function tfIdf(call: Call): Tensor {
  const vocabulary = new Map<string, number>();
  const numberOf = (text: string): number => vocabulary.get(text) ?? -1;
  const pooled = call.texts("pool_strings", []);
  for (const each of pooled) if (!vocabulary.has(each)) vocabulary.set(each, vocabulary.size);
  const pool = pooled.length > 0 ? pooled.map(numberOf) : call.ints("pool_int64s");
  const value = call.value(0);
  const given =
    value instanceof Strings ? (constant(value.data.map(numberOf), "i64", value.shape) as Tensor) : call.tensor(0);
  const rows = given.shape.length < 2 ? given.reshape([1, -1]) : given;
  const [batch, length] = rows.shape as [number, number];
  const columns = elementCount(Math.max(...call.ints("ngram_indexes")) + 1, "a row of counts");
  let counts: Tensor = zeros("i64", [batch, columns]);
  for (const { size, items, places } of gramsOf(call, pool)) {
    const grams = constant([...items], rows.dtype, [places.length, size]);
    // Numbers alone have nothing between them.
    const mostApart = size === 1 ? 1 : partCount(call.int("max_skip_count") + 1, "distances");
    for (let apart = 1; apart <= mostApart; apart++) {
      const starts = length - apart * (size - 1);
      if (starts <= 0) break;
      const matches = Array.from({ length: size }, (_, at) => {
        const item = rows.slice([], [at * apart, at * apart + starts]).unsqueeze(-1);
        return item.equal(grams.slice([], [at, at + 1]).reshape([1, 1, places.length]) as Tensor);
      }).reduce((a, b) => a.and(b));
      counts = counts.indexAdd(1, constant([...places], "i64"), matches.sum([1]));
    }
  }
  const weights = call.floats("weights", []);
  const frequency = counts.cast("f32");
  const weight = constant(weights.length > 0 ? weights : new Array<number>(columns).fill(1), "f32") as Tensor<"f32">;
  const results: { readonly [name: string]: () => Tensor } = {
    TF: () => frequency,
    IDF: () => where(frequency.greater(0), weight, constant(0, "f32")),
    TFIDF: () => frequency.mul(weight),
  };
  const result = call.choice("mode", results);
  return result().reshape(given.shape.length < 2 ? [columns] : [batch, columns]);
}

/** What gives maps, which no tensor is. */
const zipMap = (): never => {
  throw unsupported("a sequence of maps is no tensor", "read the scores that it takes as an output of the model");
};

export const ml: Definitions = {
  TfIdfVectorizer: tfIdf,
  "ai.onnx.ml::ArrayFeatureExtractor": arrayFeatures,
  "ai.onnx.ml::Binarizer": binarizer,
  "ai.onnx.ml::FeatureVectorizer": featureVectorizer,
  "ai.onnx.ml::Imputer": imputer,
  "ai.onnx.ml::LabelEncoder": labelEncoder,
  "ai.onnx.ml::LinearClassifier": linearClassifier,
  "ai.onnx.ml::LinearRegressor": linearRegressor,
  "ai.onnx.ml::Normalizer": normalizer,
  "ai.onnx.ml::OneHotEncoder": oneHotEncoder,
  "ai.onnx.ml::Scaler": scaler,
  "ai.onnx.ml::ZipMap": zipMap,
};
