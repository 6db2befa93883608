// Checks the cases that its parent names, one after the other, and sends what each came to.
import { casesOf } from "./cases.ts";
import { check } from "./check.ts";

const cases = new Map(casesOf(process.argv[2]!).map((each) => [each.name, each]));

process.on("message", (name: string) => {
  void check(cases.get(name)!).then((result) => process.send!(result));
});
process.send!("ready");
