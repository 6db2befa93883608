// Index arithmetic of the interpreter: row-major positions of broadcast and permuted tensors.

/** The multi-index of a row-major position. */
export function unravel(position: number, shape: readonly number[]): number[] {
  const index = new Array<number>(shape.length);
  let rest = position;
  for (let d = shape.length - 1; d >= 0; d--) {
    index[d] = rest % shape[d]!;
    rest = Math.floor(rest / shape[d]!);
  }
  return index;
}

/** The row-major position of a multi-index. */
export const ravel = (index: readonly number[], shape: readonly number[]): number =>
  index.reduce((position, each, d) => position * shape[d]! + each, 0);

/** Maps a position in `result` to the position in an operand that is broadcast to it. */
export function indexer(operand: readonly number[], result: readonly number[]): (position: number) => number {
  if (operand.length === result.length && operand.every((size, d) => size === result[d])) return (position) => position;
  if (operand.every((size) => size === 1)) return () => 0;
  const leading = result.length - operand.length;
  return (position) => {
    const index = unravel(position, result);
    return ravel(
      operand.map((size, d) => (size === 1 ? 0 : index[leading + d]!)),
      operand,
    );
  };
}

/** The elements along `axis`, line by line: positions in row-major data. */
export function lines(shape: readonly number[], axis: number): number[][] {
  const length = shape[axis]!;
  const stride = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const outer = shape.slice(0, axis).reduce((product, size) => product * size, 1);
  return Array.from({ length: outer * stride }, (_, at) => {
    const first = Math.floor(at / stride) * length * stride + (at % stride);
    return Array.from({ length }, (_, j) => first + j * stride);
  });
}
