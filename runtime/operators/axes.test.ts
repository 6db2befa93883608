// What operators say of dimensions that they keep: over blocks of such a one they do what they do without.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countOf, newArray, staticShape } from "../graph/tensor-type.ts";
import { caseArbitraries, valuesFor } from "../testing/cases/index.ts";
import { type Nd, type Operator, operators } from "./index.ts";
import { ravel, unravel } from "./indexing.ts";

/** A tensor with one dimension in blocks of two, the elements of a block behind all dimensions. */
function inBlocks({ dtype, shape, data }: Nd, axis: number): Nd {
  const to = [...shape.with(axis, shape[axis]! / 2), 2];
  const result = newArray(dtype, data.length);
  for (let i = 0; i < data.length; i++) {
    const index = unravel(i, to);
    result[i] = data[ravel(index.slice(0, -1).with(axis, 2 * index[axis]! + index.at(-1)!), shape)]!;
  }
  return { dtype, shape: to, data: result };
}

function evaluated(operator: Operator, operands: readonly Nd[], attributes: unknown): Nd {
  const [type] = operator.infer(operands, attributes);
  const shape = staticShape(type.shape);
  const result = { dtype: type.dtype, shape, data: newArray(type.dtype, countOf(shape)) };
  operator.evaluate(operands, attributes, result);
  return result;
}

const moving = Object.entries(operators as { readonly [name: string]: Operator }).filter(([, { axes }]) => axes);

describe("an operator that keeps a dimension", () => {
  it.each(moving)("moves its blocks as it moves its elements: %s", (name, operator) => {
    const cases = fc.sample(caseArbitraries[name as keyof typeof operators], { numRuns: 60, seed: 20_261_130 });
    let found = 0;
    for (const { operands: types, attributes: given } of cases) {
      const attributes = operator.parse(given, types);
      const operands = types.map((type, o): Nd => {
        return { dtype: type.dtype, shape: staticShape(type.shape), data: valuesFor(name, type, o + 1) };
      });
      const [x, ...others] = operands as [Nd, ...Nd[]];
      for (const [axis, size] of x.shape.entries()) {
        const to = operator.axes!.kept(axis, types, attributes);
        if (to === undefined || size % 2 !== 0 || size === 0) continue;
        found++;
        const by = { axis, to, blocks: size / 2, elements: 2 };
        const blocked = evaluated(operator, [inBlocks(x, axis), ...others], operator.axes!.blocked(attributes, by));
        expect(blocked).toEqual(inBlocks(evaluated(operator, operands, attributes), to));
      }
    }
    expect(found).toBeGreaterThan(0);
  });

  it("is every one of those that channels in blocks go through", () => {
    expect(moving.map(([name]) => name)).toEqual(["reshape", "permute", "broadcastTo", "slice", "pad", "indexSelect"]);
  });
});
