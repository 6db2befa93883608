// Runs command lines as `isochron` runs one, one after the other in one process, and answers each with what it did.
import { commandLine } from "../../launch/bin/from-sources.mjs";

process.setSourceMapsEnabled(true);
const { main } = await import(await commandLine());
const streams = [process.stdout, process.stderr].map((stream) => ({ stream, write: stream.write }));

/** Runs one command line with its output kept. */
const run = async (arguments_) => {
  const said = ["", ""];
  for (const [at, { stream }] of streams.entries())
    stream.write = (text) => {
      said[at] += text;
      return true;
    };
  const code = await main(arguments_);
  for (const { stream, write } of streams) stream.write = write;
  return { code, out: said[0], error: said[1] };
};

let last = Promise.resolve();
process.on("message", (arguments_) => {
  last = last.then(async () => process.send(await run(arguments_)));
});
