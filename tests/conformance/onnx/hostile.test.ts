// ONNX's own models with bytes and fields changed: each becomes a graph, or is refused in words.
import { existsSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  damaged,
  graphOutcome,
  interpretedOutcome,
  loweredOutcome,
  restructured,
} from "../../../runtime/testing/hostile-models.ts";
import { bytesAt, casesOf, defaultData } from "./cases.ts";

const isNightly = process.env.ISOCHRON_NIGHTLY === "1";
const runs = isNightly ? 200 : 2;
/** The quick suite draws the same files every time. */
const options = { numRuns: runs, ...(isNightly ? {} : { seed: 20_261_130 }) };
/** Every so many of the models. */
const every = isNightly ? 7 : 61;

describe.skipIf(!existsSync(defaultData))("ONNX's own models", () => {
  const models = existsSync(defaultData)
    ? casesOf(defaultData)
        .filter((_, at) => at % every === 0)
        .map(({ model }) => bytesAt(model))
        .filter((bytes) => bytes.length < 100_000)
    : [];

  it("become graphs or are refused in words, whichever bytes are changed or cut off", () => {
    for (const bytes of models)
      fc.assert(
        fc.property(damaged(bytes), (each) => void graphOutcome(each)),
        options,
      );
    expect(models.length).toBeGreaterThan(20);
  });

  it("become graphs or are refused in words, whichever fields are changed", () => {
    for (const bytes of models)
      fc.assert(
        fc.property(restructured(bytes), (each) => void graphOutcome(each)),
        options,
      );
  });

  it("that became graphs are lowered to kernels or refused in words, whichever fields are changed", () => {
    for (const bytes of models)
      fc.assert(
        fc.property(restructured(bytes), (each) => void loweredOutcome(each)),
        options,
      );
  });

  it("are interpreted or refused in words, whichever fields are changed", () => {
    for (const bytes of models)
      fc.assert(
        fc.property(restructured(bytes), (each) => void interpretedOutcome(each)),
        options,
      );
  });
});
