// Sizes of tiles that come into question along one dimension.

/** The smallest tile of at most `most` that covers `size` in as few tiles. */
export const balanced = (size: number, most: number): number => Math.ceil(size / Math.ceil(size / most));

/** Tiles of at most `most`: the balanced one, one that leaves no rest, and the largest. */
export function extentsOf(size: number, most: number): number[] {
  const largest = Math.min(size, most);
  let divisor = largest;
  while (size % divisor !== 0) divisor--;
  return [...new Set([balanced(size, most), divisor, largest])];
}
