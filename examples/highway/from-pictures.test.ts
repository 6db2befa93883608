// A log made of pictures of one's own: the example runs on it, and what does not fit is refused.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { Workplace } from "../../tests/command-line/command.ts";
import { png } from "../road/pictures.ts";
import { camera } from "./camera.ts";
import { logOfPictures } from "./from-pictures.ts";

const place = new Workplace();
afterAll(() => place.remove());

const { width, height } = camera;
const application = fileURLToPath(new URL("app.ts", import.meta.url));
const script = fileURLToPath(new URL("from-pictures.ts", import.meta.url));

/** A straight road between two white lines, as the camera sees it: 3.7 m wide, the car in the middle. */
function road(): Uint8Array {
  const rgb = new Uint8Array(width * height * 3).fill(90);
  for (let row = camera.horizon + 20; row < height; row++) {
    for (const side of [-1, 1]) {
      const column = Math.round(camera.centre + side * 1.45 * (row - camera.horizon));
      const half = Math.round((row - camera.horizon) / 20);
      for (let x = Math.max(0, column - half); x <= Math.min(width - 1, column + half); x++)
        rgb.fill(235, (row * width + x) * 3, (row * width + x) * 3 + 3);
    }
  }
  return png({ width, height, rgb });
}

describe("a log made of pictures of one's own", () => {
  const frames = ["1.png", "2.png", "3.png", "4.png", "5.png"].map((name) => place.path(name));
  place.write(Object.fromEntries(frames.map((path) => [path.slice(place.folder.length + 1), road()])));
  place.write({ "small.png": png({ width: 4, height: 4, rgb: new Uint8Array(48) }), "note.txt": "no picture" });

  it("is one that the example takes, and finds the lane in", async () => {
    const log = place.path("road.mcap");
    const made = spawnSync(process.execPath, ["--import", "isochron/hook", script, ...frames, "-o", log], {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      encoding: "utf8",
    });
    expect(made).toMatchObject({ status: 0, stderr: "", stdout: `${log}: 5 pictures at 25 a second\n` });
    const { code, out } = await place.isochron("run", application, "--log", log, "--json");
    expect(code).toBe(0);
    const { world } = z
      .object({ world: z.object({ frames: z.number(), lanesFound: z.number() }) })
      .parse(JSON.parse(out));
    expect(world).toEqual({ frames: 5, lanesFound: 5 });
  });

  it("leaves nothing behind where a picture has another size, or is none", async () => {
    const before = readdirSync(place.folder);
    const write = (name: string) => logOfPictures([frames[0]!, place.path(name)], place.path("none.mcap"));
    await expect(write("small.png")).rejects.toMatchObject({ code: "highway/size" });
    await expect(write("note.txt")).rejects.toMatchObject({ code: "highway/picture" });
    expect(readdirSync(place.folder)).toEqual(before);
  });

  it("never takes the place of a file", async () => {
    place.write({ "mine.mcap": "mine" });
    await expect(logOfPictures(frames, place.path("mine.mcap"))).rejects.toMatchObject({ code: "EEXIST" });
  });
});
