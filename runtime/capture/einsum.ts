// Sums of products along named dimensions: Einstein's convention, as in PyTorch and NumPy.
import { z } from "zod";
import type { Dtype } from "../../kernels/index.ts";
import { located } from "../graph/place.ts";
import { countOf, showTensorType } from "../graph/tensor-type.ts";
import { operandError } from "../operators/operand-error.ts";
import { requireArgument, tensorOf } from "./options.ts";
import type { Tensor } from "./tensor.ts";

/** A tensor whose dimensions have names: letters, and numbers counted from the end for those of an ellipsis. */
interface Named<D extends Dtype> {
  readonly tensor: Tensor<D>;
  readonly names: readonly string[];
}

const wrong = (equation: string, why: string, help: string) =>
  operandError("equation", `einsum of "${equation}": ${why}`, help);

/** The names in a term, an ellipsis among them standing for so many dimensions. */
function namesIn(equation: string, term: string, ellipsis: number): string[] {
  const parts = term.split("...");
  const letters = parts.map((part) => [...part]);
  if (parts.length > 2 || letters.flat().some((each) => !/^[a-zA-Z]$/.test(each)))
    throw wrong(
      equation,
      `"${term}" is no list of dimensions`,
      'name each by a letter, others by one "...": "...ij,jk->...ik"',
    );
  const [before, after] = letters as [string[], string[] | undefined];
  const others = Array.from({ length: ellipsis }, (_, d) => String(ellipsis - 1 - d));
  return after ? [...before, ...others, ...after] : before;
}

/** The operands with names, and those of the result in order. */
function parse<D extends Dtype>(equation: string, operands: readonly Tensor<D>[]) {
  const [left, right, ...more] = equation.replace(/\s/g, "").split("->") as [string, string?, ...string[]];
  const terms = left.split(",");
  if (more.length > 0 || terms.length !== operands.length)
    throw wrong(
      equation,
      `${terms.length} terms for ${operands.length} tensors`,
      "give a term for each tensor, and one result",
    );
  let widest = 0;
  const named = operands.map((tensor, at): Named<D> => {
    const term = terms[at]!;
    const rank = tensor.type.shape.length;
    const letters = namesIn(equation, term, 0).length;
    const others = rank - letters;
    if (others < 0 || (others > 0 && !term.includes("...")))
      throw wrong(
        equation,
        `"${term}" does not name the dimensions of ${showTensorType(tensor.type)}`,
        "name each of them",
      );
    widest = Math.max(widest, others);
    return { tensor, names: namesIn(equation, term, others) };
  });
  const all = named.flatMap(({ names }) => names);
  const once = [...new Set(all)].filter((each) => /[a-z]/i.test(each) && all.indexOf(each) === all.lastIndexOf(each));
  // Without a result, what stands once is kept, in order of the alphabet, behind what an ellipsis stands for.
  const result =
    right === undefined
      ? [...Array.from({ length: widest }, (_, d) => String(widest - 1 - d)), ...once.sort()]
      : namesIn(equation, right, widest);
  const missing = result.find((each) => !all.includes(each));
  if (missing !== undefined || new Set(result).size !== result.length)
    throw wrong(
      equation,
      `the result [${result}] names a dimension twice, or one that no tensor has`,
      "name each of its dimensions once",
    );
  return { named, result };
}

/** The size that each name stands for; 1 fits every other. */
function sizesOf<D extends Dtype>(equation: string, named: readonly Named<D>[]): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const { tensor, names } of named)
    for (const [d, size] of tensor.shape.entries()) {
      const known = sizes.get(names[d]!) ?? 1;
      if (known !== 1 && size !== 1 && known !== size)
        throw wrong(equation, `"${names[d]}" is ${known} and ${size}`, "dimensions of one name have one size, or 1");
      sizes.set(names[d]!, known === 1 ? size : known);
    }
  return sizes;
}

/** With the diagonal in place of dimensions that have one name. */
function diagonals<D extends Dtype>({ tensor, names }: Named<D>, sizes: ReadonlyMap<string, number>): Named<D> {
  const twice = names.find((each, d) => names.indexOf(each) !== d);
  if (twice === undefined) return { tensor, names };
  const second = names.lastIndexOf(twice);
  const pair = [names.indexOf(twice), second];
  const rest = names.map((_, d) => d).filter((d) => !pair.includes(d));
  const size = sizes.get(twice)!;
  const shape = rest.map((d) => tensor.shape[d]!);
  const square = tensor.permute([...rest, ...pair]).broadcastTo([...shape, size, size]);
  const lines = rest.map(() => [] as const);
  const diagonal = square.reshape([...shape, size * size]).slice(...lines, [0, null, size + 1]);
  return diagonals({ tensor: diagonal, names: [...rest.map((d) => names[d]!), twice] }, sizes);
}

/** Summed over what is in no other tensor, and not in the result. */
function summed<D extends Dtype>({ tensor, names }: Named<D>, kept: ReadonlySet<string>): Named<D> {
  const axes = names.flatMap((each, d) => (kept.has(each) ? [] : [d]));
  if (axes.length === 0) return { tensor, names };
  return { tensor: tensor.sum(axes) as Tensor<D>, names: names.filter((each) => kept.has(each)) };
}

/** Dimensions of names in an order, those of other sizes than they stand for repeated. */
function arranged<D extends Dtype>(
  { tensor, names }: Named<D>,
  order: readonly string[],
  sizes: ReadonlyMap<string, number>,
): Tensor<D> {
  const turned = tensor.permute(order.map((each) => names.indexOf(each)));
  return turned.broadcastTo(order.map((each) => sizes.get(each)!));
}

/** The product of two tensors, summed over the names that are not kept. */
function product<D extends Dtype>(
  a: Named<D>,
  b: Named<D>,
  kept: ReadonlySet<string>,
  sizes: ReadonlyMap<string, number>,
): Named<D> {
  const shared = a.names.filter((each) => b.names.includes(each));
  const batch = shared.filter((each) => kept.has(each));
  const contracted = shared.filter((each) => !kept.has(each));
  const rows = a.names.filter((each) => !shared.includes(each));
  const columns = b.names.filter((each) => !shared.includes(each));
  const names = [...batch, ...rows, ...columns];
  const count = (of: readonly string[]) => countOf(of.map((each) => sizes.get(each)!));
  const shape = (...parts: (readonly string[])[]) => [...batch.map((each) => sizes.get(each)!), ...parts.map(count)];
  const left = arranged(a, [...batch, ...rows, ...contracted], sizes).reshape(shape(rows, contracted));
  const right = arranged(b, [...batch, ...contracted, ...columns], sizes).reshape(shape(contracted, columns));
  const joined = contracted.length > 0 ? left.matmul(right) : left.mul(right);
  return { tensor: joined.reshape(names.map((each) => sizes.get(each)!)), names };
}

/**
 * Σ of the products of tensors along named dimensions: "bij,bjk->bik" is a product of matrices, "ii->i" a diagonal, "ij->" a sum.
 *
 * "..." stands for the dimensions that are not named, which broadcast. Without "->" the result has what is named once, in order
 * of the alphabet. Tensors are multiplied from the left to the right. Numbers of one dtype.
 */
export function einsum<D extends Dtype>(equation: string, ...operands: readonly Tensor<D>[]): Tensor<D> {
  requireArgument("einsum", "equation", z.string().describe('a text: "ij,jk->ik"'), equation);
  for (const each of operands) tensorOf("einsum", each);
  return located(() => {
    const { named, result } = parse(equation, operands);
    const sizes = sizesOf(equation, named);
    const alone = named.map((each, at) => {
      const others = named.filter((_, other) => other !== at).flatMap(({ names }) => names);
      return summed(diagonals(each, sizes), new Set([...result, ...others]));
    });
    const [first, ...rest] = alone as [Named<D>, ...Named<D>[]];
    const total = rest.reduce((so, each, at) => {
      const later = rest.slice(at + 1).flatMap(({ names }) => names);
      return product(so, each, new Set([...result, ...later]), sizes);
    }, first);
    return arranged(total, result, sizes);
  });
}
