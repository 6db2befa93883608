// Runs several command lines in one process, as `isochron` runs one; prints what each did as JSON.
import "../../launch/hook/register.mjs";

process.setSourceMapsEnabled(true);
const { main } = await import("../../launch/command-line.ts");
const print = process.stdout.write.bind(process.stdout);
const ended = [];
for (const arguments_ of JSON.parse(process.argv[2])) {
  const result = { code: null, out: "", error: "" };
  process.stdout.write = (text) => {
    result.out += text;
    return true;
  };
  process.stderr.write = (text) => {
    result.error += text;
    return true;
  };
  result.code = await main(arguments_);
  ended.push(result);
}
print(JSON.stringify(ended));
