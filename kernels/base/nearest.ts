// What was meant by a name that is not there.

/** Letters that were added, left out, changed or swapped with their neighbour (optimal string alignment). */
function distance(one: string, other: string): number {
  let [before, last] = [[] as number[], Array.from({ length: other.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1];
      const least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      row.push(swapped ? Math.min(least, before[j - 2]! + 1) : least);
    }
    [before, last] = [last, row];
  }
  return last[other.length]!;
}

/** The nearest of some names, whatever its capitals, where no more than a third of the letters differ. */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  let best: { readonly name: string; readonly distance: number } | undefined;
  const most = Math.floor(name.length / 3);
  for (const each of names) {
    // Names whose lengths differ by more cannot be near enough.
    if (Math.abs(each.length - name.length) > most) continue;
    const far = distance(name.toLowerCase(), each.toLowerCase());
    if (far <= most && (!best || far < best.distance)) best = { name: each, distance: far };
  }
  return best?.name;
}

/** `help` behind a question for what was meant, where that is known. */
export const withMeant = (meant: string | undefined, help: string): string =>
  meant === undefined ? help : `did you mean ${meant}? ${help}`;

/** The same for the nearest of some names, where one is near. */
export const didYouMean = (name: string, names: Iterable<string>, help: string): string =>
  withMeant(nearest(name, names), help);
