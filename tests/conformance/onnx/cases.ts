// The cases of ONNX's backend tests: each a model with inputs and the outputs that belong to them.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { root } from "../../robot/robot.ts";

/** The inputs and outputs of one run, as files of protobuf. */
export interface DataSet {
  /** None where the inputs are counted up, as the runner of ONNX does it for networks. */
  readonly inputs: readonly string[] | undefined;
  readonly outputs: readonly string[];
}

/** One model, and what it gives. */
export interface Case {
  readonly name: string;
  readonly model: string;
  readonly sets: readonly DataSet[];
}

export const defaultData = join(root, "../shared/data/onnx/backend-test-data-1.22.0.tar.gz");

/** The folder that an archive was unpacked to, which is done once. */
function unpacked(archive: string): string {
  const folder = join(root, ".cache/conformance", basename(archive, ".tar.gz"));
  if (existsSync(folder)) return folder;
  const partial = `${folder}.${process.pid}`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  execFileSync("tar", ["xzf", archive, "-C", partial]);
  try {
    renameSync(partial, folder);
  } catch (error) {
    // Another process that unpacked the same archive meanwhile was first.
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

const numbered = (folder: string, prefix: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.startsWith(prefix) && name.endsWith(".pb"))
    .sort((a, b) => Number(a.slice(prefix.length, -3)) - Number(b.slice(prefix.length, -3)))
    .map((name) => join(folder, name));

function folderCase(folder: string, name: string): Case {
  const sets = readdirSync(folder)
    .filter((each) => each.startsWith("test_data_set_"))
    .sort()
    .map((each) => join(folder, each))
    .map((each) => ({ inputs: numbered(each, "input_"), outputs: numbered(each, "output_") }));
  return { name, model: join(folder, "model.onnx"), sets };
}

const dataOf = (data: string): string =>
  join(statSync(data).isDirectory() ? data : unpacked(data), "onnx/backend/test/data");

/** All cases of an archive, or of a folder that it was unpacked to, in the order of their names. */
export function casesOf(data: string): Case[] {
  const top = dataOf(data);
  const cases = ["node", "pytorch-converted", "pytorch-operator", "simple"].flatMap((kind) =>
    readdirSync(join(top, kind)).map((name) => folderCase(join(top, kind, name), name)),
  );
  return cases.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The networks among them, whose weights are one number each, and whose inputs are counted up. */
export function networksOf(data: string): Case[] {
  const folder = join(dataOf(data), "light");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".onnx"))
    .sort()
    .map((file): Case => {
      const name = file.slice(0, -".onnx".length);
      const sets = [{ inputs: undefined, outputs: [join(folder, `${name}_output_0.pb`)] }];
      return { name, model: join(folder, file), sets };
    });
}

/** The bytes of a file of a case. */
export const bytesAt = (path: string): Uint8Array => new Uint8Array(readFileSync(path));
