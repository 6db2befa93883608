// Files of torch.save: their tensors, and what is refused in damaged and hostile ones.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { type Zippable, zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../../kernels/index.ts";
import { loadTensors } from "../load-tensors.ts";
import { readTorchArchive } from "./archive.ts";
import { readStateDict } from "./state-dict.ts";

const fixture = fileURLToPath(new URL("testing/state-dict.pth", import.meta.url));
const bytes = new Uint8Array(readFileSync(fixture));

/** The code and the message of the error that a file is refused with. */
async function refusal(file: Uint8Array): Promise<string> {
  const error: unknown = await readStateDict(file, "some.pth").catch((caught: unknown) => caught);
  if (error instanceof IsochronError) return `${error.code}: ${error.message}`;
  throw new Error(`it was not refused in words: ${error}`);
}

const stored = { level: 0 } as const;

/** An archive of a pickle and its storages. */
function archive(pickle: string | Uint8Array, storages: { readonly [key: string]: Uint8Array } = {}): Uint8Array {
  const files: Zippable = {
    "m/data.pkl": [typeof pickle === "string" ? Buffer.from(pickle, "latin1") : pickle, stored],
  };
  for (const [key, data] of Object.entries(storages)) files[`m/data/${key}`] = [data, stored];
  return zipSync(files);
}

const text = (value: string): string => `X${String.fromCharCode(value.length, 0, 0, 0)}${value}`;
const integers = (...values: readonly number[]): string => `(${values.map((value) => `I${value}\n`).join("")}t`;

/** A tensor of storage "0", a float32 each. */
const tensor = (
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
  count = 4,
  kind = "FloatStorage",
) =>
  `ctorch._utils\n_rebuild_tensor_v2\n((${text("storage")}ctorch\n${kind}\n${text("0")}${text("cpu")}I${count}\ntQ` +
  `I${offset}\n${integers(...shape)}${integers(...strides)}I00\nNtR`;
const pickle = (value: string): string => `\x80\x02${value}.`;
const four = { 0: new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer) };

describe("files of torch.save", () => {
  it("give their tensors by the keys and numbers that lead to them, and numbers and texts as metadata", async () => {
    const { tensors, metadata } = await loadTensors(fixture);
    const plain = Object.fromEntries(
      Object.entries(tensors).map(([name, { dtype, shape, data }]) => [name, [dtype, [...shape], [...data]]]),
    );
    expect(plain).toEqual({
      "model.weight": ["f32", [2, 3], [1, 1.5, 2, 2.5, 3, 3.5]],
      "model.transposed": ["f32", [3, 2], [1, 2.5, 1.5, 3, 2, 3.5]],
      "model.repeated": ["f32", [2, 2], [0.5, 1, 0.5, 1]],
      "history.0": ["i64", [2], [-9007199254740993n, 3n]],
      "history.1.0": ["bool", [2], [1, 0]],
      "history.2": ["f64", [], [0.1]],
      "history.3": ["f16", [1, 2], [0x3e00, 0xc000]],
      "history.4": ["bf16", [2, 1], [0x3f80, 0xc000]],
      "history.5": ["f32", [0, 4], []],
    });
    expect(metadata).toEqual({ epoch: "7", rate: "0.25", name: "walker", best: "true" });
  });

  it("give tensors that own their elements, though storages are shared", async () => {
    const { tensors } = await loadTensors(fixture);
    tensors["model.weight"]!.data[0] = 9;
    expect(tensors["model.transposed"]!.data[0]).toBe(1);
  });

  it("never run what they name", async () => {
    const system = "cos\nsystem\n";
    expect(await refusal(archive(pickle(`${system}(${text("true")}tR`)))).toBe(
      "import/pickle: it asks for os.system, which no model needs",
    );
    expect(await refusal(archive(pickle(`${system})\x81`)))).toMatch(/asks for os\.system/);
    expect(await refusal(archive(pickle(`${text("os")}${text("system")}\x93)R`)))).toMatch(/asks for os\.system/);
    expect(await refusal(archive(pickle("c__builtin__\neval\n)R")))).toMatch(/asks for __builtin__\.eval/);
    expect(await refusal(archive(pickle("(S'x'\nios\nsystem\n")))).toMatch(/is no opcode that a model needs: "S"/);
  });

  it("are refused where a tensor reaches beyond its storage, or the storage beyond its entry", async () => {
    const of = (value: string) => refusal(archive(pickle(value), four));
    expect(await of(tensor(1, [2, 2], [2, 1]))).toMatch(/reaches element 4, and the storage has 4/);
    expect(await of(tensor(0, [2], [4]))).toMatch(/reaches element 4/);
    expect(await of(tensor(0, [-1], [1]))).toMatch(/a size of a tensor of storage "0" is not a whole number/);
    expect(await of(tensor(0, [2, 2], [1]))).toMatch(/other strides than sizes/);
    expect(await of(tensor(0, [1], [1], 5))).toBe('import/pickle: storage "0" has 16 bytes, and should have 20');
    expect(await of(tensor(0, [1], [1], 1, "ComplexFloatStorage"))).toMatch(
      /import\/unsupported: storage "0" is a torch\.Complex/,
    );
    expect(await refusal(archive(pickle(tensor(0, [1], [1])), {}))).toMatch(/storage "0" is not in the archive/);
  });

  it("are refused where a repeated element would fill the memory", async () => {
    const huge = tensor(0, [2 ** 30, 2 ** 20], [0, 0]);
    expect(await refusal(archive(pickle(huge), four))).toMatch(
      /import\/size-limit: .* its tensors are 1073741824 bytes larger/,
    );
    // A list of two references to a list of two references, and so on: small in the file, and endless to walk.
    const key = (at: number): string => String.fromCharCode(at);
    const lists = Array.from({ length: 40 }, (_, at) => `](h${key(at)}h${key(at)}eq${key(at + 1)}0`);
    expect(await refusal(archive(pickle(`]q\x000${lists.join("")}h${key(40)}`)))).toMatch(/more than 1048576 values/);
  });

  it("name the fault of a pickle that is cut or makes no sense", async () => {
    expect(await refusal(archive("\x80\x02(I1\n"))).toMatch(
      /import\/pickle: the pickle ends within a value, at byte 6/,
    );
    expect(await refusal(archive(pickle("")))).toMatch(/takes a value that is not there/);
    expect(await refusal(archive(pickle("h\x05")))).toMatch(/takes value 5, which it has not kept/);
    expect(await refusal(archive(pickle("t")))).toMatch(/up to a mark that is not there/);
    expect(await refusal(archive(pickle("NN")))).toMatch(/ends with 1 values too many/);
    expect(await refusal(archive(pickle(`}${text("a")}${tensor(0, [1], [1])}s${text("b")}NsN`), four))).toMatch(
      /too many/,
    );
  });

  it("are told from models and from other archives", async () => {
    const of = (name: string) =>
      refusal(zipSync({ [name]: new Uint8Array(1), "m/data.pkl": new Uint8Array([0x4e, 0x2e]) }));
    expect(await of("m/code/__torch__.py")).toMatch(/import\/unsupported: it is a TorchScript model/);
    expect(await refusal(zipSync({ "m/models/model.json": new Uint8Array(1) }))).toMatch(/exported program \(\.pt2\)/);
    expect(await refusal(zipSync({ "m/other": new Uint8Array(1) }))).toMatch(/holds no data\.pkl/);
    expect(await refusal(zipSync({ "m/byteorder": Buffer.from("big"), "m/data.pkl": Buffer.from("N.") }))).toMatch(
      /big-endian/,
    );
  });
});

describe("archives of PyTorch", () => {
  const reading = async (file: Uint8Array): Promise<string> => {
    const error: unknown = await readTorchArchive(file, "some.pt").catch((caught: unknown) => caught);
    return error instanceof IsochronError ? `${error.code}: ${error.message}` : "read";
  };

  it("have their entries without the folder that all are in, stored or deflated", async () => {
    const { name, entries } = await readTorchArchive(bytes, fixture);
    expect(name).toBe("state-dict");
    expect([...entries.keys()].slice(0, 3)).toEqual(["data.pkl", "byteorder", "data/0"]);
    expect(Buffer.from(entries.get("byteorder")!).toString()).toBe("little");
  });

  it("are refused where an entry leaves its folder, stands twice or is not in the folder of the others", async () => {
    const of = (...names: readonly string[]) =>
      reading(zipSync(Object.fromEntries(names.map((each) => [each, [new Uint8Array(1), stored]]))));
    expect(await of("m/../../etc/passwd")).toMatch(/import\/archive: its ZIP archive is damaged: .*relative path/);
    expect(await of("/etc/passwd")).toMatch(/absolute path/);
    expect(await of("m/a", "n/b")).toMatch(/entry "n\/b" of its ZIP archive is not in the folder "m"/);
    expect(await of("a")).toMatch(/is not in the folder/);
    const twice = Buffer.from(zipSync({ "m/a": new Uint8Array(1), "m/b": new Uint8Array(1) }));
    for (let at = twice.indexOf("m/b"); at >= 0; at = twice.indexOf("m/b", at)) twice.write("m/a", at);
    expect(await reading(twice)).toMatch(/entry "m\/a" stands twice/);
  });

  it("are refused where entries share bytes", async () => {
    const file = Buffer.from(zipSync({ "m/a": [new Uint8Array(100), stored], "m/b": [new Uint8Array(100), stored] }));
    const directory = file.lastIndexOf("PK\x01\x02", undefined, "latin1");
    // The second entry is said to begin within the first.
    file.writeUInt32LE(40, directory + 42);
    expect(await reading(file)).toMatch(/entries "m\/a" and "m\/b" of its ZIP archive overlap/);
  });

  it("are refused where they decompress to more than they may, before memory is taken", async () => {
    const file = Buffer.from(zipSync({ "m/a": [new Uint8Array(1000), { level: 9 }] }));
    const directory = file.indexOf("PK\x01\x02", 0, "latin1");
    file.writeUInt32LE(2 ** 31, directory + 24);
    expect(await reading(file)).toMatch(/compressed entries of its ZIP archive have more than 268435456 bytes/);
    file.writeUInt32LE(2000, directory + 24);
    expect(await reading(file)).toMatch(/import\/archive: its ZIP archive is damaged: /);
    file.writeUInt32LE(500, directory + 24);
    expect(await reading(file)).toMatch(/import\/archive: its ZIP archive is damaged: /);
    expect(deflateRawSync(new Uint8Array(1000)).length).toBeLessThan(500);
  });
});

describe("any bytes", () => {
  const runs = process.env.ISOCHRON_NIGHTLY === "1" ? 100_000 : 400;
  const edits = fc.array(fc.record({ at: fc.nat(bytes.length - 1), value: fc.nat(255) }), {
    minLength: 1,
    maxLength: 4,
  });

  it("in place of some of a file give tensors or an error in words", async () => {
    await fc.assert(
      fc.asyncProperty(edits, fc.nat(bytes.length), async (changes, cut) => {
        const changed = bytes.slice(0, cut % 3 === 0 ? cut : bytes.length);
        for (const { at, value } of changes) if (at < changed.length) changed[at] = value;
        await readStateDict(changed, "some.pth").catch((error: unknown) => expect(error).toBeInstanceOf(IsochronError));
      }),
      { numRuns: runs },
    );
  });

  it("as a pickle give tensors or an error in words", async () => {
    const opcode = fc.constantFrom(..."\x80(012NIJKMGX]lae)t}dsucR\x81bQqhr\x85\x86\x87.".split(""));
    const piece = fc.oneof(
      opcode,
      fc.constant(tensor(0, [2, 2], [2, 1])),
      fc.constant(text("a")),
      fc.string({ maxLength: 3 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => {
        const file = archive(`${pieces.join("")}.`, four);
        await readStateDict(file, "some.pth").catch((error: unknown) => expect(error).toBeInstanceOf(IsochronError));
      }),
      { numRuns: runs },
    );
  });
});
