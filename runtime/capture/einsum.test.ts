// Einstein's convention against sums written out index by index.
import { describe, expect, it } from "vitest";
import { einsum } from "../index.ts";
import { type Given, given, traced } from "../testing/traced.ts";

const countOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const tensor = (shape: readonly number[], seed: number): Given<"i32"> =>
  given(
    "i32",
    Array.from({ length: countOf(shape) }, (_, i) => ((i * 7 + seed * 13) % 11) - 5),
    shape,
  );

/** The sum over all values of all names, which stand for dimensions written out without an ellipsis. */
function summed(
  terms: readonly string[],
  result: string,
  sizes: Readonly<Record<string, number>>,
  of: readonly Given[],
) {
  const names = Object.keys(sizes);
  const shape = [...result].map((name) => sizes[name]!);
  const values = new Array<number>(countOf(shape)).fill(0);
  const whole = names.map((name) => sizes[name]!);
  for (let i = 0; i < countOf(whole); i++) {
    const at = Object.fromEntries(
      names.map((name, d) => [name, Math.floor(i / countOf(whole.slice(d + 1))) % whole[d]!]),
    );
    const place = (term: string, dims: readonly number[]) =>
      [...term].reduce((so, name, d) => so * dims[d]! + (dims[d] === 1 ? 0 : at[name]!), 0);
    const product = terms.reduce((so, term, t) => so * Number(of[t]!.values[place(term, of[t]!.shape)]), 1);
    const to = place(result, shape);
    values[to] = values[to]! + product;
  }
  return { shape, values };
}

describe("einsum", () => {
  it.each([
    [
      "ij,jk->ik",
      ["ij", "jk"],
      "ik",
      [
        [2, 3],
        [3, 4],
      ],
    ],
    [
      "ij,jk",
      ["ij", "jk"],
      "ik",
      [
        [2, 3],
        [3, 4],
      ],
    ],
    [
      "bij, bjk -> bik",
      ["bij", "bjk"],
      "bik",
      [
        [2, 3, 4],
        [2, 4, 2],
      ],
    ],
    [
      "...ij,...jk->...ik",
      ["abij", "bjk"],
      "abik",
      [
        [2, 3, 2, 3],
        [3, 3, 4],
      ],
    ],
    [
      "...ij,jk",
      ["abij", "jk"],
      "abik",
      [
        [2, 3, 2, 3],
        [3, 4],
      ],
    ],
    [
      "...i,...i->...",
      ["abi", "bi"],
      "ab",
      [
        [2, 3, 4],
        [1, 4],
      ],
    ],
    ["i,j->ij", ["i", "j"], "ij", [[3], [4]]],
    ["i,i", ["i", "i"], "", [[5], [5]]],
    ["ii->i", ["ii"], "i", [[4, 4]]],
    ["ii", ["ii"], "", [[4, 4]]],
    ["...ii ->...i", ["bii"], "bi", [[3, 5, 5]]],
    ["iji->j", ["iji"], "j", [[3, 2, 3]]],
    ["iii->i", ["iii"], "i", [[3, 3, 3]]],
    ["ij->ji", ["ij"], "ji", [[2, 3]]],
    ["ba", ["ba"], "ab", [[2, 3]]],
    ["ij->", ["ij"], "", [[2, 3]]],
    [
      "ij,kl->jl",
      ["ij", "kl"],
      "jl",
      [
        [2, 3],
        [2, 4],
      ],
    ],
    [
      "ij,jk,kl->il",
      ["ij", "jk", "kl"],
      "il",
      [
        [2, 3],
        [3, 4],
        [4, 2],
      ],
    ],
    [
      "bn,anm,bm->ba",
      ["bn", "anm", "bm"],
      "ba",
      [
        [2, 3],
        [4, 3, 2],
        [2, 2],
      ],
    ],
    [
      "ij,ij->ij",
      ["ij", "ij"],
      "ij",
      [
        [2, 3],
        [1, 3],
      ],
    ],
    [
      "bhqd,bhkd->bhqk",
      ["bhqd", "bhkd"],
      "bhqk",
      [
        [2, 2, 3, 2],
        [2, 2, 4, 2],
      ],
    ],
    ["->", [""], "", [[]]],
  ] as const)("of %s sums products over all that the result does not name", (equation, terms, result, shapes) => {
    const operands = shapes.map((shape, at) => tensor(shape, at + 1));
    const sizes: Record<string, number> = {};
    terms.forEach((term, t) => {
      [...term].forEach((name, d) => {
        sizes[name] = Math.max(sizes[name] ?? 1, shapes[t]![d]!);
      });
    });
    const named = Object.fromEntries(operands.map((each, at) => [`x${at}`, each]));
    const found = traced(named, (all) => einsum(equation, ...operands.map((_, at) => all[`x${at}`]!)));
    expect(found).toMatchObject(summed(terms, result, sizes, operands));
  });

  it("of nothing is 0, and of no rows has none", () => {
    const [a, b] = [given("f32", [], [2, 0]), given("f32", [], [0, 3])];
    expect(traced({ a, b }, ({ a, b }) => einsum("ij,jk->ik", a, b)).values).toEqual([0, 0, 0, 0, 0, 0]);
    expect(traced({ a, b }, ({ a, b }) => einsum("ij,kl->jl", a, b))).toMatchObject({ shape: [0, 3], values: [] });
  });

  it.each([
    ["ij,jk->ik", [[2, 3]], "2 terms for 1 tensors"],
    ["ij->ik", [[2, 3]], "names a dimension twice, or one that no tensor has"],
    ["ij->ii", [[2, 3]], "names a dimension twice"],
    ["ii->i", [[2, 3]], '"i" is 2 and 3'],
    ["ij", [[2, 3, 4]], '"ij" does not name the dimensions of i32[2,3,4]'],
    ["i1", [[2, 3]], '"i1" is no list of dimensions'],
    ["i...j...", [[2, 3]], "is no list of dimensions"],
    ["i->i->i", [[2]], "1 terms for 1 tensors"],
  ] as const)("refuses %s of %j", (equation, shapes, message) => {
    const named = Object.fromEntries(shapes.map((shape, at) => [`x${at}`, tensor(shape, at)]));
    expect(() => traced(named, (all) => einsum(equation, ...Object.values(all)))).toThrow(message);
  });
});
