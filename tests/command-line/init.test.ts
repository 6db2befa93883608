// `isochron init`: what it writes, and that it never takes the place of a file.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { tools } from "../../launch/commands/init.ts";
import { Workplace } from "./command.ts";

const place = new Workplace();
afterAll(() => place.remove());

const names = [
  ".gitignore",
  "app.test.ts",
  "app.ts",
  "cart.ts",
  "controller.test.ts",
  "controller.ts",
  "package.json",
  "tsconfig.json",
];
const read = (name: string): string => readFileSync(place.path(name), "utf8");

describe("isochron init", () => {
  it("writes a project and says how to go on", async () => {
    const { code, out, error } = await place.isochron("init", "Cart 2");
    expect({ code, error }).toEqual({ code: 0, error: "" });
    expect(out).toMatch(/^Cart 2: .*app\.ts.*\nnext:\n {2}cd "Cart 2"\n {2}npm install\n {2}npx isochron run app\.ts/);
    expect(readdirSync(place.path("Cart 2")).sort()).toEqual(names);
    expect(JSON.parse(read("Cart 2/package.json"))).toMatchObject({ name: "cart-2", type: "module" });
    expect(JSON.parse(read("Cart 2/tsconfig.json"))).toEqual({ extends: "isochron/tsconfig.json" });
  });

  it("replaces nothing: a file of the same name is refused, and nothing is written", async () => {
    place.write({ "mine/app.ts": "mine", "mine/notes.txt": "notes" });
    const { code, error } = await place.isochron("init", "mine");
    expect(code).toBe(1);
    expect(error).toContain("error[command/init]: mine has files of the same names: app.ts\n");
    expect(readdirSync(place.path("mine")).sort()).toEqual(["app.ts", "notes.txt"]);
    expect(read("mine/app.ts")).toBe("mine");
  });

  it("leaves the package.json of who has installed Isochron already, and says what it lacks", async () => {
    const manifest = '{"dependencies":{"isochron":"0.1.0"}}';
    place.write({ "installed/package.json": manifest });
    const { code, out } = await place.isochron("init", "installed", "--json");
    expect(code).toBe(0);
    const { files, steps } = z
      .object({ files: z.array(z.string()), steps: z.array(z.string()) })
      .parse(JSON.parse(out));
    expect(files).not.toContain("package.json");
    expect(steps).toContain('npm pkg set type=module scripts.test="vitest run"');
    expect(steps.some((step) => step.startsWith("npm install --save-dev ") && step.includes("vitest@"))).toBe(true);
    expect(read("installed/package.json")).toBe(manifest);
  });

  it("asks for the versions of tools that the repository is tested with", () => {
    const path = fileURLToPath(new URL("../../package.json", import.meta.url));
    const { dependencies, devDependencies } = JSON.parse(readFileSync(path, "utf8")) as {
      dependencies: Record<string, string>;
      devDependencies: Record<string, string>;
    };
    expect({ ...dependencies, ...devDependencies }).toMatchObject(tools);
  });
});
