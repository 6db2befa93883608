// What a file of TorchScript says is in its tree, comes out of it again, and is refused in words where it is not of the language.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { unzipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { IsochronError } from "../../../../kernels/index.ts";
import { mostCharacters, parseSource, parseType } from "./parser.ts";
import { printSource } from "./print.ts";
import { mostNesting } from "./reader.ts";
import { type Expression, qualifiedName, type SourceFile, type Statement } from "./syntax.ts";
import { typeText } from "./types.ts";

const isNightly = process.env.ISOCHRON_NIGHTLY === "1";

/** Every form, as `printSource` writes it. */
const everyForm = String.raw`class Net(Module):
  __parameters__ = ["weight", ]
  __buffers__ = ["mean", "count", ]
  __forward_pre_hooks__ = ["before", ]
  __forward_hooks__ = ["after", ]
  training : bool
  weight : Tensor
  maybe : Optional[Tensor]
  table : Dict[str, List[Tuple[int, float]]]
  __annotations__["0"] = __torch__.torch.nn.modules.linear.___torch_mangle_3.Linear
  __annotations__["a \"b\""] = Union[int, str, NoneType]
  depth : Final[int] = 3
  sizes : Final[List[int]] = [1, -2]
  def forward(self: __torch__.Net,
      x: Tensor,
      n: int=-9223372036854775808,
      eps: float=1e-7) -> Tuple[Tensor, Tuple[()]]:
    _0 = getattr(self, "0")
    _1, _2 = torch.split(_0.forward(x), [1, 2], dim=-1, out=None)
    _3, = _1
    y: Optional[Tensor] = None
    self.mean = torch.mul(x, CONSTANTS.c0)
    _4 = x[0][1:2, :, ::-1, n:, (0, 1)]
    _5 = annotate(List[Tensor], [])
    _6 = unchecked_cast(Tensor, y)
    _7 = uninitialized(Future[Tensor])
    _8 = isinstance(x, (int, List[float]))
    _9 = isinstance(x, Any)
    _10 = {"a": 1, "b": {}}
    _11 = (inf, -inf, nan, -0., 1.5, 1e+300, 2.5j, infj, 0.1)
    _12 = (("a\n\t\\\'\"\000\177\a\b\f\r\vµ", True, False, None), (1,), ())
    x[0] = y
    x[0] += 1
    n **= 2
    if _8:
      return (x, ())
    else:
      if _9:
        raise RuntimeError("no")
      else:
        pass
    for i in range(n):
      continue
    for a, (b, self.c) in torch.items(_10):
      break
    while torch.lt(n, 3):
      n = (((n + 1) * (-2)) - (-n)) if (not (n == 1)) else ((n is not None) and (~(n in [1])))
    with self.lock as held, torch.no_grad():
      assert n, "no"
      assert (1).real
      del x[0], held
    def __forked_function():
      return torch.neg(x)
    _13 = fork(__forked_function, *_5)
    self.method(x, *(n, 1), alpha=2)
    ops.prim.RaiseException("AssertionError: ", "builtins.ValueError")
    return None
class Stats(NamedTuple):
  mean : Tensor
  inf : RRef[Await[int]]
class Colour(Enum):
  RED = 1
  GREEN = "green"
  BLUE = -2.5
class Layer(Interface):
  def run(self,
      x: Tensor) -> Tensor:
    pass
class Block(ModuleInterface):
  def forward(self) -> NoneType:
    pass
class Plain:
  value : number
  def __init__(self) -> NoneType:
    self.value = 1
def free() -> Device:
  return torch.device("cpu")
`;

/** Everything of a tree but places, as text. */
const contentOf = ({ definitions }: SourceFile): string =>
  JSON.stringify(definitions, (key, value: unknown) => {
    if (key === "at") return undefined;
    if (typeof value === "bigint") return `${value}n`;
    return typeof value === "number" && (Object.is(value, -0) || !Number.isFinite(value))
      ? `number ${1 / value} ${value}`
      : value;
  });

const parse = (text: string): SourceFile => parseSource(text, "code/net.py");

/** A function of one statement. */
const statementOf = (text: string): Statement => {
  const [definition] = parse(`def f():\n  ${text}\n`).definitions;
  if (definition?.kind !== "function") throw new Error("no function");
  return definition.body[0]!;
};

const expressionOf = (text: string): Expression => {
  const statement = statementOf(text);
  if (statement.kind !== "expression") throw new Error("no expression");
  return statement.value;
};

const printed = (text: string): string =>
  printSource(parse(`def f():\n  ${text}\n`))
    .split("\n  ")[1]!
    .trimEnd();

const errorOf = (text: string, read: (text: string) => unknown = parse): IsochronError => {
  try {
    read(text);
  } catch (error) {
    if (error instanceof IsochronError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

const faultOf = (text: string): string => {
  const { code, message, place } = errorOf(text);
  return `${code} ${place}: ${message}`;
};

describe("what PyTorch saved", () => {
  const folders = ["torch", "unitree"].map((name) =>
    fileURLToPath(new URL(`../../../../../shared/data/${name}/`, import.meta.url)),
  );
  const archives = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => `${folder}${name}`))
    .filter((path) => path.endsWith(".pt"));
  const filesOf = (path: string): [string, string][] =>
    Object.entries(unzipSync(readFileSync(path), { filter: ({ name }) => /\/code\/.*\.py$/.test(name) })).map(
      ([name, data]) => [`${path}:${name}`, new TextDecoder().decode(data)],
    );

  /** Words, numbers by their value, texts and signs: all but what only groups. */
  const wordsOf = (text: string): string =>
    (text.match(/"(?:\\.|[^"])*"|[A-Za-z_]\w*|\d+\.?\d*(?:e[-+]\d+)?|[^\s(),]/g) ?? [])
      .map((word) => (/^\d/.test(word) && /[.e]/.test(word) ? String(Number(word)) : word))
      .join(" ");

  const saysNothing = "__annotations__ = []\n";

  // Skipped where ../shared/data is not there: the archives are not part of the repository.
  it.skipIf(archives.length === 0)("is read whole, and comes back as the same tree and the same words", () => {
    const files = archives.flatMap(filesOf);
    expect(files.length).toBeGreaterThan(300);
    for (const [name, text] of files) {
      const tree = parseSource(text, name);
      const back = printSource(tree);
      expect(contentOf(parseSource(back, name)), name).toBe(contentOf(tree));
      expect(wordsOf(back), name).toBe(wordsOf(text.replaceAll(saysNothing, "")));
    }
  });
});

describe("a tree of source", () => {
  it("has every form of the language, and prints as the source that it was read from", () => {
    const tree = parse(everyForm);
    expect(printSource(tree)).toBe(everyForm);
    const kinds = new Set(contentOf(tree).match(/(?<="kind":")\w+/g));
    const every: Record<Expression["kind"] | Statement["kind"] | SourceFile["definitions"][number]["kind"], true> = {
      annotate: true,
      assert: true,
      assign: true,
      attribute: true,
      augment: true,
      binary: true,
      boolean: true,
      break: true,
      call: true,
      class: true,
      conditional: true,
      continue: true,
      delete: true,
      dictionary: true,
      enum: true,
      expression: true,
      float: true,
      for: true,
      function: true,
      if: true,
      imaginary: true,
      integer: true,
      interface: true,
      isInstance: true,
      list: true,
      name: true,
      namedTuple: true,
      none: true,
      pass: true,
      raise: true,
      return: true,
      starred: true,
      subscript: true,
      text: true,
      tuple: true,
      unary: true,
      uncheckedCast: true,
      uninitialized: true,
      while: true,
      with: true,
    };
    expect(Object.keys(every).filter((kind) => !kinds.has(kind))).toEqual([]);
  });

  it("says of a module what its lists and declarations say", () => {
    const [net, stats] = parse(everyForm).definitions;
    if (net?.kind !== "class" || stats?.kind !== "namedTuple") throw new Error("other classes");
    expect(net.isModule).toBe(true);
    expect([net.parameters, net.buffers]).toEqual([["weight"], ["mean", "count"]]);
    expect([net.forwardPreHooks, net.forwardHooks]).toEqual([["before"], ["after"]]);
    expect(net.attributes.map(({ name, type }) => `${name} ${typeText(type)}`).slice(-2)).toEqual([
      "0 __torch__.torch.nn.modules.linear.___torch_mangle_3.Linear",
      'a "b" Union[int, str, NoneType]',
    ]);
    expect(net.constants[1]).toMatchObject({ name: "sizes", value: { kind: "list" } });
    expect(stats.fields.map(({ name }) => name)).toEqual(["mean", "inf"]);
  });

  it("has the place of each part", () => {
    const [, forward] = parse("def a():\n  pass\ndef b():\n  if x:\n    y = torch.add(x,\n       2)\n").definitions;
    expect(forward?.at).toEqual({ line: 3, column: 5 });
    const statement = forward?.kind === "function" ? forward.body[0] : undefined;
    const inner = statement?.kind === "if" ? statement.whenTrue[0] : undefined;
    if (inner?.kind !== "assign" || inner.value.kind !== "call") throw new Error("no call");
    expect(inner.at).toEqual({ line: 5, column: 5 });
    expect(inner.value.at).toEqual({ line: 5, column: 15 });
    expect(inner.value.positional[1]?.at).toEqual({ line: 6, column: 8 });
  });

  it("is the same with comments, empty lines, other widths of indentation and breaks inside of brackets", () => {
    const plain = "def f(x: int):\n  if x:\n    return g(x, 1)\n  else:\n    pass\n  return None\n";
    const loose =
      "# first\n\ndef f(\n  x: int  # a number\n):\n\n      if x: # then\n  # odd\n         return g(x\n,\n 1, )\r\n      else:\n       pass\n      return # nothing\n\n   # last";
    expect(contentOf(parse(loose))).toBe(contentOf(parse(plain)));
  });

  it("leaves out what files of before begin with", () => {
    const older = "op_version_set = 1\nimport __torch__.torch.nn\nimport torch\ndef f():\n  pass\n";
    expect(contentOf(parse(older))).toBe(contentOf(parse("def f():\n  pass\n")));
  });

  it("has an elif as an if in the other branch", () => {
    const chain = statementOf("if a:\n    pass\n  elif b:\n    pass\n  else:\n    return 1");
    const nested = statementOf("if a:\n    pass\n  else:\n    if b:\n      pass\n    else:\n      return 1");
    const content = (statement: Statement): string =>
      JSON.stringify(statement, (key, value: unknown) =>
        key === "at" ? undefined : typeof value === "bigint" ? String(value) : value,
      );
    expect(content(chain)).toBe(content(nested));
  });

  it.each([
    ["a + b * c", "a + (b * c)"],
    ["a - b - c", "(a - b) - c"],
    ["a ** b ** c", "a ** (b ** c)"],
    ["-a ** b", "-(a ** b)"],
    ["-2 ** b", "-(2 ** b)"],
    ["-a * b", "(-a) * b"],
    ["a or b and c", "(a or b) and c"],
    ["~a + b", "~(a + b)"],
    ["not a == b", "not (a == b)"],
    ["a < b < c", "(a < b) < c"],
    ["a not in b", "a not in b"],
    ["a is not b", "a is not b"],
    ["a is (not b)", "a is (not b)"],
    ["a if b else c if d else e", "a if b else (c if d else e)"],
    ["a | b ^ c & d << e", "a | (b ^ (c & (d << e)))"],
    ["1.+2.j", "1. + 2.j"],
    ["(-1).real", "(-1).real"],
    ["f(a, b=-1, )[0].c", "f(a, b=-1)[0].c"],
  ])("binds operators as PyTorch's reader does: %s", (text, grouped) => {
    expect(printed(text)).toBe(grouped);
    expect(printed(grouped)).toBe(grouped);
  });

  it("has numbers exactly: integers of 64 bits, floats to the last bit, infinities by name", () => {
    expect(expressionOf("9223372036854775807")).toMatchObject({ kind: "integer", value: 2n ** 63n - 1n });
    expect(expressionOf("-9223372036854775808")).toMatchObject({ kind: "integer", value: -(2n ** 63n) });
    expect(expressionOf("1.0000000000000001e-05")).toMatchObject({ kind: "float", value: 1e-5 });
    expect(expressionOf("-0.")).toMatchObject({ kind: "float", value: -0 });
    expect(expressionOf("-inf")).toMatchObject({ kind: "float", value: Number.NEGATIVE_INFINITY });
    expect(expressionOf("infj")).toMatchObject({ kind: "imaginary", value: Number.POSITIVE_INFINITY });
    expect(expressionOf("x.inf")).toMatchObject({ kind: "attribute", name: "inf" });
    expect(expressionOf("f(nan=nan)")).toMatchObject({ keywords: [{ name: "nan", value: { value: Number.NaN } }] });
  });

  it("has texts with what their escapes stand for", () => {
    expect(expressionOf(String.raw`"\\\'\"\a\b\f\n\r\t\v\001\177é"`)).toMatchObject({
      value: "\\'\"\u0007\b\f\n\r\t\v\u0001\u007fé",
    });
    expect(expressionOf(`'say "#"'`)).toMatchObject({ value: 'say "#"' });
  });

  it("tells an index of two parts from an index that is a tuple", () => {
    expect(expressionOf("x[a, b]")).toMatchObject({ indices: [{ kind: "name" }, { kind: "name" }] });
    expect(expressionOf("x[(a, b)]")).toMatchObject({ indices: [{ kind: "tuple" }] });
    expect(expressionOf("x[1::2]")).toMatchObject({
      indices: [{ kind: "slice", start: { value: 1n }, end: undefined, step: { value: 2n } }],
    });
  });

  it("gives the dotted name of what is one", () => {
    expect(qualifiedName(expressionOf("__torch__.a.___torch_mangle_3.B"))).toBe("__torch__.a.___torch_mangle_3.B");
    expect(qualifiedName(expressionOf("f(x).y"))).toBeUndefined();
    expect(qualifiedName(expressionOf('getattr(x, "a.b")'))).toBeUndefined();
  });
});

describe("a type", () => {
  it.each([
    "Tensor",
    "Dict[str, Optional[List[Tensor]]]",
    "Tuple[()]",
    "Tuple[int, __torch__.a.B]",
    "Union[int, float, NoneType]",
    "Future[Any]",
    "number",
  ])("is read from a text, and is that text again: %s", (text) => {
    expect(typeText(parseType(text, "data.pkl"))).toBe(text);
  });

  it("is the same however it is written", () => {
    expect(typeText(parseType("Optional[ None,]", "data.pkl"))).toBe("Optional[NoneType]");
  });

  it.each([
    ["Dict[str]", "expected two types in Dict[…], found 1"],
    ["Dict[str, int, int]", "expected two types in Dict[…], found 3"],
    ["List[int, int]", "expected one type in List[…], found 2"],
    ["Tuple[]", "expected types in Tuple[…], found 0"],
    ["Net", 'expected a type, such as Tensor, int, List[Tensor] or __torch__.Name, found "Net"'],
    ["constructor[int]", 'expected a type, such as Tensor, int, List[Tensor] or __torch__.Name, found "constructor"'],
    ["int int", 'expected the end of the line, found "int"'],
    ["int\nint", 'expected nothing after the type, found "int"'],
  ])("is refused where it is none: %s", (text, message) => {
    const error = errorOf(text, (type) => parseType(type, "data.pkl"));
    expect(error.message).toBe(message);
    expect(error.place).toMatch(/^data\.pkl:\d+:\d+$/);
  });
});

describe("source that is not of the language", () => {
  it.each([
    ["x = 1\n", '1:1: expected a class or a function, found "x"'],
    ["import os; os.system('ls')\n", '1:10: expected a name, a number, a text or a sign, found ";"'],
    ["def f(:\n", '1:7: expected the name of a parameter, found ":"'],
    ["def f(a, a):\n  pass\n", '1:10: expected a parameter of another name, found "a"'],
    ["def f():\n", "2:1: expected a block, indented further than the line above, found the end of the file"],
    ["def f():\npass\n", '2:1: expected a block, indented further than the line above, found "pass"'],
    ["def f(): pass\n", '1:10: expected the end of the line, found "pass"'],
    ["def f():\n    x = 1\n  y = 2\n", "3:3: this line is indented as no block around it is"],
    ["def f():\n  x = 1\n    y = 2\n", "3:5: expected an expression, found a line that is indented further"],
    ["def f():\n  x = (1\n", '3:1: expected ",", found the end of the line'],
    ["def f():\n  x = [1\n", '3:1: expected "," or "]", found the end of the line'],
    ["def f():\n  x = [y for y in z]\n", '2:10: expected "," or "]", found "for"'],
    ["def f():\n  x = lambda: 1\n", '2:13: expected the end of the line, found ":"'],
    ["def f():\n  x = y = 1\n", '2:9: expected the end of the line, found "="'],
    ["def f():\n  x.y: int = 1\n", "2:5: expected a variable, which alone has a type"],
    ["def f():\n  f(x) = 1\n", "2:3: expected a variable, an attribute or an element"],
    ["def f():\n  (x, 1) = y\n", "2:7: expected a variable, an attribute or an element"],
    ["def f():\n  inf = 1\n", "2:3: expected a variable, an attribute or an element"],
    ["def f():\n  global x\n", '2:3: expected an expression, found "global"'],
    ["def f():\n  f(a=1, 2)\n", '2:10: expected a named argument, as the one before, found "2"'],
    ["def f():\n  f(a=1, a=2)\n", '2:10: expected an argument of another name, found "a"'],
    ["def f():\n  x[]\n", "2:3: expected an index, found none"],
    ["def f():\n  x.1\n", '2:4: expected the end of the line, found ".1"'],
    ["def f():\n  x.if\n", '2:5: expected the name of an attribute, found "if"'],
    ['def f():\n  "a\n', '2:3: expected " at the end of this text, found the end of the line'],
    ["def f():\n  'a\\\n", "2:3: expected ' at the end of this text, found the end of the line"],
    [
      "def f():\n  'a\\x41'\n",
      String.raw`2:5: expected one of \\ \' \" \a \b \f \n \r \t \v or \000 to \177, found "\\x"`,
    ],
    [
      "def f():\n  '\\200'\n",
      String.raw`2:4: expected one of \\ \' \" \a \b \f \n \r \t \v or \000 to \177, found "\\2"`,
    ],
    ["def f():\n  9223372036854775808\n", '2:3: expected an integer of 64 bits, found "9223372036854775808"'],
    ["def f():\n  -9223372036854775809\n", "2:4: expected an integer of 64 bits"],
    ["def f():\n  007\n", "2:3: expected an integer without zeros before it"],
    ["def f():\n  µ\n", '2:3: expected a name, a number, a text or a sign, found "µ"'],
    [
      "def f():\n  annotate(x, 1)\n",
      '2:12: expected a type, such as Tensor, int, List[Tensor] or __torch__.Name, found "x"',
    ],
    ["def f():\n  getattr(x, y)\n", `2:14: expected the attribute's name, as a text, found "y"`],
    [
      "class A(object):\n  pass\n",
      '1:9: expected one of Module, NamedTuple, Enum, Interface, ModuleInterface, found "object"',
    ],
    ["class A:\n  __parameters__ = []\n", '2:18: expected ":", found "="'],
    ["class A(Module):\n  x : Final[int]\n", '2:17: expected "=", found the end of the line'],
    ["class A(Module):\n  pass\n", '2:3: expected an attribute or a method, found "pass"'],
    ["class A(Enum):\n  B = C\n", "2:7: expected a number or a text"],
  ])("is refused with its file, line and what was expected: %j", (text, fault) => {
    expect(faultOf(text)).toBe(`import/torch-source code/net.py:${fault}`);
  });

  it.each<[string, (depth: number) => string]>([
    ["parentheses", (depth) => `x = ${"(".repeat(depth)}y${")".repeat(depth)}`],
    ["lists", (depth) => `x = ${"[".repeat(depth)}${"]".repeat(depth)}`],
    ["calls", (depth) => `x = ${"f(".repeat(depth)}${")".repeat(depth)}`],
    ["minuses", (depth) => `x = ${"-".repeat(depth)}y`],
    ["attributes", (depth) => `x = y${".z".repeat(depth)}`],
    ["calls of calls", (depth) => `x = y${"()".repeat(depth)}`],
    ["sums", (depth) => `x = y${" + y".repeat(depth)}`],
    ["powers", (depth) => `x = y${" ** y".repeat(depth)}`],
    ["choices", (depth) => `x = y${" if y else y".repeat(depth)}`],
    ["types", (depth) => `x = annotate(${"List[".repeat(depth)}int${"]".repeat(depth)}, y)`],
    ["elifs", (depth) => `if x:\n    pass\n${"  elif x:\n    pass\n".repeat(depth)}`],
    [
      "blocks",
      (depth) =>
        `pass\n${Array.from({ length: depth }, (_, at) => `${" ".repeat(at + 2)}if x:\n`).join("")}${" ".repeat(depth + 2)}pass`,
    ],
  ])("is refused when %s stand in each other too deep", (_, nest) => {
    const text = (depth: number): string => `def f():\n  ${nest(depth)}\n`;
    const allowed = mostNesting - 10;
    expect(printSource(parse(text(allowed)))).toContain("def f");
    // A thousand lines of growing indentation are half a million characters; other forms can be much deeper.
    for (const depth of [mostNesting + 1, 1_000])
      expect(errorOf(text(depth)).message).toMatch(/^expected no more than 200 parts/);
  });

  it("is refused when it is longer than any file is", () => {
    const error = errorOf(`def f():\n  pass\n${"#".repeat(mostCharacters)}`);
    expect(error.message).toMatch(/^expected at most 4194304 characters, found /);
  });

  it("is refused when long numbers or deep heaps of brackets would take long", () => {
    expect(errorOf(`def f():\n  ${"1".repeat(100_000)}\n`).message).toBe("expected an integer of 64 bits");
    expect(errorOf(`def f():\n  ${"(".repeat(100_000)}`).message).toMatch(/^expected no more than 200/);
    expect(errorOf(`def f():\n  "${"\\\\".repeat(100_000)}`).message).toMatch(/^expected " at the end/);
  });
});

describe("damaged source", () => {
  /** The quick suite draws the same cases every time. */
  const options = isNightly ? { numRuns: 5_000 } : { numRuns: 100, seed: 20_261_130 };
  const pieces = everyForm.match(/\n +|[A-Za-z_]\w*|\d+|\s|./g)!;
  const inserted = fc.oneof(
    fc.constantFrom(...pieces),
    fc.constantFrom(
      "\t",
      "\r\n",
      "\\",
      "'''",
      "\u0000",
      "\ud800",
      "٣",
      "e",
      "1e",
      "0x",
      "not",
      "is",
      "...",
      "->",
      ":=",
    ),
    fc.string({ maxLength: 3 }),
  );
  const damage = fc.record({
    at: fc.nat(pieces.length - 1),
    taken: fc.nat(3),
    inserted: fc.array(inserted, { maxLength: 2 }),
  });

  it("is read as what it then says, or refused in words: nothing else is thrown", () => {
    let read = 0;
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), (damages) => {
        const text = [...pieces];
        for (const { at, taken, inserted } of damages) text.splice(at, taken, ...inserted);
        let tree: SourceFile;
        try {
          tree = parse(text.join(""));
        } catch (error) {
          expect(error).toBeInstanceOf(IsochronError);
          expect(error).toMatchObject({
            code: "import/torch-source",
            place: expect.stringMatching(/^code\/net\.py:\d+:\d+$/),
          });
          return;
        }
        read++;
        expect(contentOf(parse(printSource(tree)))).toBe(contentOf(tree));
      }),
      options,
    );
    expect(read).toBeGreaterThan(options.numRuns / 10);
  });
});
