// Checks FEATURES.md: every row of its tables names a test in its last column that exists and ran.

/** Rows of Markdown tables: the cells of each, without headings and rules. */
const rowsOf = (markdown) => {
  const lines = markdown.split("\n").map((line) => line.trim());
  return lines
    .filter(
      (line, at) => line.startsWith("|") && !/^\|[\s:|-]+\|$/.test(line) && !/^\|[\s:|-]+\|$/.test(lines[at + 1] ?? ""),
    )
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll("\\|", "|")),
    );
};

/**
 * Finds the rows whose test is missing or did not pass.
 *
 * The last cell holds the tests' full names in backticks: `suite test` for vitest, `module::test` for Rust. A test that this
 * machine had to skip (its reason is in the test's output) is no problem; one that does not exist, or failed, is.
 */
export const checkFeatures = (markdown, tests) => {
  const byName = new Map();
  for (const test of tests) byName.set(test.name, [...(byName.get(test.name) ?? []), test.status]);
  const rows = rowsOf(markdown);
  const problems = rows.flatMap((cells) => {
    const names = [...cells.at(-1).matchAll(/`([^`]+)`/g)].map((match) => match[1]);
    if (names.length === 0) return [`"${cells[0]}" names no test`];
    return names.flatMap((name) => {
      const statuses = byName.get(name);
      if (!statuses) return [`"${cells[0]}": no test is called "${name}"`];
      return statuses.includes("failed") ? [`"${cells[0]}": "${name}" failed`] : [];
    });
  });
  return { rows: rows.length, problems };
};
