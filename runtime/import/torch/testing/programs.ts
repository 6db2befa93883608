// Random TorchScript programs that programs.jsonl holds, with calls of them and what these give.
import { readFileSync } from "node:fs";
import { tensorType } from "../../../graph/tensor-type.ts";
import { readTorchArchive } from "../archive.ts";
import { TorchModel } from "../model.ts";
import { torchFile } from "./archives.ts";

/** A program over a matrix x[3,4], a vector y[4] and a memory [3,4]: its source, and steps with what they give and leave. */
export interface RandomProgram {
  readonly seed: number;
  readonly source: string;
  readonly memory: readonly number[];
  readonly calls: readonly {
    readonly x: readonly number[];
    readonly y: readonly number[];
    readonly v: readonly number[];
    readonly m: readonly number[];
    readonly memory: readonly number[];
  }[];
}

export const matrix = tensorType("f32", [3, 4]);
export const vector = tensorType("f32", [4]);

/** All programs. */
export const randomPrograms = (): readonly RandomProgram[] =>
  readFileSync(new URL("programs.jsonl", import.meta.url), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as RandomProgram);

/** The model of a program. */
export async function modelOf({ source, memory }: RandomProgram): Promise<TorchModel> {
  const bytes = torchFile(source, { memory: { shape: [3, 4], data: Float32Array.from(memory) } });
  return new TorchModel(await readTorchArchive(bytes, "m.pt"), bytes.length, "m.pt");
}
