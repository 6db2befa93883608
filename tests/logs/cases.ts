// The applications of ../shared/cases/logs as they would be written today.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * The text of a case's application, to be run from anywhere: types are made by `tensorType`, which was `tensor` when the
 * case was written, and definitions lie where they lay.
 */
export const applicationText = (path: string): string =>
  readFileSync(path, "utf8")
    .replaceAll(/\btensor\b(?=\(|, trace \})/g, "tensorType")
    .replaceAll(
      /app\.messages\("([^"]+)"/g,
      (_, folder: string) => `app.messages(${JSON.stringify(join(dirname(path), folder))}`,
    );
