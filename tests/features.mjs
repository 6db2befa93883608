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

/** What a test that not every machine can run says of what it needs, in its name or in its row. */
const need = /\(needs [^)]+\)/;

/**
 * Finds the rows whose test is missing or did not pass, and the tests of rows that this machine skipped.
 *
 * The last cell holds the tests' full names in backticks: `suite test` for vitest, `module::test` for Rust. A test that is
 * skipped is no problem where its name, or its row, says what it needs: "(needs ../shared)".
 */
export const checkFeatures = (markdown, tests) => {
  const byName = new Map();
  for (const test of tests) byName.set(test.name, [...(byName.get(test.name) ?? []), test.status]);
  const rows = rowsOf(markdown);
  const problems = [];
  const skipped = [];
  for (const cells of rows) {
    const feature = cells[0];
    const names = [...cells.at(-1).matchAll(/`([^`]+)`/g)].map((match) => match[1]);
    if (names.length === 0) problems.push(`"${feature}" names no test`);
    for (const name of names) {
      const statuses = byName.get(name);
      if (!statuses) problems.push(`"${feature}": no test is called "${name}"`);
      else if (statuses.includes("failed")) problems.push(`"${feature}": "${name}" failed`);
      else if (statuses.includes("passed")) continue;
      else if (need.test(name) || need.test(feature)) skipped.push(`"${feature}": "${name}"`);
      else problems.push(`"${feature}": "${name}" was skipped, and neither it nor the row says "(needs …)"`);
    }
  }
  return { rows: rows.length, problems, skipped };
};
