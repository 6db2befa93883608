// The command line: `isochron init | run | replay | report | build | compile | exec | inspect | topic | messages`.
import { readFileSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { chunkFolder, IsochronError, type TargetName } from "../kernels/index.ts";
import type { AuditOptions } from "./commands/audit.ts";
import type { BuildCommandOptions } from "./commands/build.ts";
import type { CompileCommandOptions } from "./commands/compile.ts";
import type { ExecOptions } from "./commands/exec.ts";
import type { InitOptions } from "./commands/init.ts";
import type { InspectOptions } from "./commands/inspect.ts";
import type { MessagesOptions } from "./commands/messages.ts";
import type { ReplayCommandOptions } from "./commands/replay.ts";
import type { ReportCommandOptions } from "./commands/report.ts";
import type { RunOptions } from "./commands/run.ts";
import type { TopicHzOptions, TopicListOptions } from "./commands/topic.ts";
import type { TopicEchoOptions } from "./commands/topic-echo.ts";
import { splitRosArguments } from "./ros-arguments.ts";
import { withStrayErrors } from "./stray-errors.ts";
import { Interruption, processTerminal, type Terminal } from "./terminal.ts";

export { leftOpen } from "./left-open.ts";

/** What a command needs is loaded when it is called: of one that only replays, no compiler. */
const load = {
  audit: () => import("./commands/audit.ts"),
  build: () => import("./commands/build.ts"),
  compile: () => import("./commands/compile.ts"),
  exec: () => import("./commands/exec.ts"),
  init: () => import("./commands/init.ts"),
  inspect: () => import("./commands/inspect.ts"),
  messages: () => import("./commands/messages.ts"),
  replay: () => import("./commands/replay.ts"),
  report: () => import("./commands/report.ts"),
  run: () => import("./commands/run.ts"),
  start: () => import("./commands/start.ts"),
  topic: () => import("./commands/topic.ts"),
  topicEcho: () => import("./commands/topic-echo.ts"),
};

const applicationFile = /\.[cm]?[jt]s$/;

/**
 * Lets an application be TypeScript and stand outside of any project, and errors name its own lines. Not done for what is
 * no source: the hook is a thread, and maps make every stack cost.
 */
async function takeSource(path: string): Promise<void> {
  if (!applicationFile.test(path)) return;
  process.setSourceMapsEnabled(true);
  const hook = new URL("./hook/register.mjs", import.meta.url);
  if (chunkFolder !== undefined) hook.searchParams.set("chunks", chunkFolder);
  await import(hook.href);
}

const collect = (value: string, all: readonly string[]): string[] => [...all, value];
const targetNames = Object.keys({
  "x86-64-v3": true,
  "x86-64-v4": true,
  "x86-64-v4+vnni": true,
  aarch64: true,
  "aarch64+dotprod": true,
} satisfies Record<TargetName, true>) as TargetName[];
const target = (value: string): TargetName => {
  const found = targetNames.find((name) => name === value);
  if (!found) throw new InvalidArgumentError(`It is one of ${targetNames.join(", ")}.`);
  return found;
};
const whole = (value: string): number => {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError("It is a whole number.");
  return Number(value);
};
const wholeAbove0 = (value: string): number => {
  if (!/^0*[1-9]\d*$/.test(value)) throw new InvalidArgumentError("It is a whole number above 0.");
  return Number(value);
};
const epoch = (value: string): bigint => {
  if (!/^\d{1,18}$|^[1-8]\d{18}$/.test(value)) throw new InvalidArgumentError("It is whole nanoseconds since 1970.");
  return BigInt(value);
};
const rate = (value: string): number => {
  const factor = Number(value);
  if (!(factor > 0) || !Number.isFinite(factor)) throw new InvalidArgumentError("It is a number above 0.");
  return factor;
};
const json = new Option("--json", "print one JSON object instead of text");

/** What is said of a model, of every command that takes one. */
const modelOptions = {
  input: new Option(
    "--input <name=type>",
    "of a model: the type of an input whose sizes the file leaves open, such as image=f32[1,3,240,320]; may be given again",
  )
    .argParser(collect)
    .default([], "as the file says"),
  bound: new Option(
    "--bound <name=number>",
    "of a model: the most elements of a result whose size only the values decide; may be given again",
  )
    .argParser(collect)
    .default([], "as the operators say"),
  state: new Option(
    "--state <input=output>",
    "of a model: keep an output as the input of the next step; may be given again",
  )
    .argParser(collect)
    .default([], "none"),
};

const version = (): string => {
  const file = new URL("../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
};

function program(terminal: Terminal, rosArguments: readonly string[], done: (code: number) => void): Command {
  const command = new Command("isochron")
    .description(
      "Runs perception and control graphs as machine code on a deterministic schedule, records every run, and replays it bit for bit.",
    )
    .version(version())
    .exitOverride()
    .showHelpAfterError("(isochron COMMAND --help shows what it takes)");

  command
    .command("run")
    .description("run an application (.ts, .js) or a built one (.isoapp)")
    .argument("<app>", "the application")
    .option("-r, --record <file>", "record the run as MCAP, under a name that nothing has")
    .option("-f, --force", "replace a recording that has the name")
    .addOption(new Option("--compress <how>", "compress the recording").choices(["lz4", "zstd"]))
    .option("--split <part>", "record in parts, in a folder: a new one behind 1GB, or behind 5min of the run")
    .option("--keep <size>", "with --split: remove the oldest parts where all would be larger, such as 20GB")
    .option(
      "--last <time>",
      "keep so much of the run in memory, such as 60s; it is saved to the recording's folder on SIGUSR2 and where the run fails",
    )
    .addOption(
      new Option("--miss-limit <count>", "with --last: save it after so many missed releases, too").argParser(
        wholeAbove0,
      ),
    )
    .option("--report <file>", "write the report: a page (.html) or its numbers (.json)")
    .option(
      "-d, --duration <time>",
      "how long, such as 30s (default: 30s, as long as the log, or until a signal with a transport)",
    )
    .option(
      "-l, --log <file>",
      "feed the inputs from a log (.mcap, .db3, a bag's folder) instead of the application's world",
    )
    .addOption(new Option("--stamp <which>", "the time of the log's messages that counts").choices(["log", "header"]))
    .option("--realtime", "run live: real clock, real threads, real-time scheduling where it is granted")
    .addOption(
      new Option("--rate <factor>", "live: play the log so many times faster than it was recorded").argParser(rate),
    )
    .option("--transport <name[:arguments]>", "carry the topics by this transport, live, until a signal")
    .option("--ros", "be a ROS 2 node: the same as --transport rclnodejs")
    .addOption(
      new Option("-p, --parameter <name:=value>", "the first value of a parameter; may be given again")
        .argParser(collect)
        .default([], "as declared"),
    )
    .addOption(
      new Option("--params-file <file>", "first values of parameters, as ROS 2 has them; may be given again")
        .argParser(collect)
        .default([], "none"),
    )
    .addOption(
      new Option("--datagram <topic=address>", "send or receive a topic as datagrams: udp://HOST:PORT, unix:///PATH")
        .argParser(collect)
        .default([], "none"),
    )
    .option("--world", "let the application's world take part beside a transport")
    .addOption(
      new Option("--epoch <ns>", "the ROS time at which the run begins, nanoseconds since 1970").argParser(epoch),
    )
    .addOption(
      new Option("--stall <task:every:duration>", "make every n-th job of a task take longer; may be given again")
        .argParser(collect)
        .default([], "none"),
    )
    .addOption(new Option("--target <name>", "run the code of this instruction set").argParser(target))
    .option("--strict", "exit with 1 where anything was missed, dropped or rejected")
    .addOption(json)
    .addHelpText(
      "after",
      "\n--ros-args -r FROM:=TO -p NAME:=VALUE --params-file FILE … are taken as ROS 2 nodes take them.",
    )
    .action(async (path: string, options: RunOptions) => {
      const { runCommand } = await load.run();
      await takeSource(path);
      done(await runCommand(path, { ...options, rosArguments }, terminal));
    });

  command
    .command("replay")
    .description("recompute a recording from its logged inputs and decisions")
    .argument("<recording>", "a file that run --record wrote")
    .option("--verify", "exit with 1 where any bit differs, or a decision was not allowed")
    .option("--app <file>", "run the programs of this .isoapp instead of the recorded ones")
    .option("--from <time>", 'recompute from the newest keyframe before this instant on ("12m", "720s")')
    .option("--to <time>", 'recompute up to this instant ("13m")')
    .addOption(new Option("--target <name>", "run the code of this instruction set").argParser(target))
    .addOption(json)
    .action(async (path: string, options: ReplayCommandOptions) =>
      done(await (await load.replay()).replayCommand(path, options, terminal)),
    );

  command
    .command("audit")
    .description("hold a recording's decisions to the rules of the schedule, without computing anything again")
    .argument("<recording>", "a file that run --record wrote")
    .addOption(json)
    .action(async (path: string, options: AuditOptions) =>
      done(await (await load.audit()).auditCommand(path, options, terminal)),
    );

  command
    .command("report")
    .description("write the report of a recording: a page that opens offline, and its numbers")
    .argument("<recording>", "a file that run --record wrote")
    .option("-o, --output <file>", "what to write (.html or .json); both beside the recording unless given")
    .option("--verify", "recompute the recording too, and say whether it is bit-exact")
    .addOption(json)
    .action(async (path: string, options: ReportCommandOptions) =>
      done(await (await load.report()).reportCommand(path, options, terminal)),
    );

  command
    .command("build")
    .description("compile an application into one file that runs without compiler or sources")
    .argument("<app>", "the application file")
    .requiredOption("-o, --output <file>", "the .isoapp to write")
    .addOption(
      new Option("--target <name>", "hold code for this instruction set; may be given again")
        .argParser((value, all: readonly TargetName[]) => [...all, target(value)])
        .default([], "all"),
    )
    .option("--no-start", "do not start it once in an empty folder, which shows whether it has all that it reads")
    .addOption(json)
    .action(async (path: string, options: BuildCommandOptions) => {
      const { buildCommand } = await load.build();
      await takeSource(path);
      done(await withStrayErrors(() => buildCommand(path, options, terminal)));
    });

  command
    .command("compile")
    .description(
      "compile a model file (ONNX, or TorchScript or .pt2 of PyTorch) into an artifact that runs where neither the file nor the compiler is",
    )
    .argument("<model>", "the model file")
    .option("-o, --output <file>", "the .iso to write; beside the model unless given")
    .addOption(modelOptions.input)
    .addOption(modelOptions.bound)
    .addOption(modelOptions.state)
    .addOption(
      new Option("--target <name>", "hold code for this instruction set; may be given again")
        .argParser((value, all: readonly TargetName[]) => [...all, target(value)])
        .default([], "all"),
    )
    .option("--check", "run it here on drawn inputs, and compare with what the model means")
    .addOption(json)
    .action(async (path: string, options: CompileCommandOptions) =>
      done(await (await load.compile()).compileCommand(path, options, terminal)),
    );

  command
    .command("exec")
    .description(
      "run a method of an artifact on tensors from safetensors files; given several, its states are kept between them",
    )
    .argument("<artifact>", "the .iso file")
    .addOption(
      new Option("--inputs <file>", "tensors by the inputs' names, or in0, in1, …; may be given again")
        .argParser(collect)
        .default([], "none"),
    )
    .addOption(
      new Option(
        "--outputs <file>",
        "where to write what each call gives, as out0, out1, …, names in the metadata; once for each --inputs",
      )
        .argParser(collect)
        .default([], "none"),
    )
    .option("--method <name>", "the method to run", "forward")
    .option("--threads <number>", "threads of a step", whole)
    .addOption(json)
    .action(async (path: string, options: ExecOptions) =>
      done(await (await load.exec()).execCommand(path, options, terminal)),
    );

  command
    .command("inspect")
    .description(
      "show the schedule, graphs, kernels and memory of an application, an artifact (.iso), an .isoapp, a recording or a model (ONNX), or what is in a log",
    )
    .argument("<file>", "what to look into")
    .argument(
      "[kernel]",
      "with --ir loops, llvm or asm: the kernel to show, by name or number; all are listed unless given",
    )
    .addOption(
      new Option(
        "--ir <stage>",
        "show a stage of compilation: a model as it is imported, the graphs, portable or with their numeric plan, or one kernel's loops, LLVM IR or assembly",
      ).choices(["imported", "graph", "plan", "loops", "llvm", "asm"]),
    )
    .addOption(modelOptions.input)
    .addOption(modelOptions.bound)
    .addOption(modelOptions.state)
    .option("--layers", "run the program here and show each kernel's time beside the machine's limits")
    .option("--method <name>", "show this method of the programs only, all unless given")
    .addOption(
      new Option(
        "--target <name>",
        "instruction set to show kernels for, x86-64-v3 unless given; with --layers the best of this machine",
      ).argParser(target),
    )
    .addOption(json)
    .action(async (path: string, kernel: string | undefined, options: InspectOptions) => {
      const { inspectCommand } = await load.inspect();
      await takeSource(path);
      done(await withStrayErrors(() => inspectCommand(path, kernel, options, terminal)));
    });

  const topic = command.command("topic").description("look at the topics of a log or a recording");
  topic
    .command("list")
    .description("list topics, types and numbers of messages")
    .argument("<log>", "an .mcap or .db3 file, or a bag's folder")
    .addOption(json)
    .action(async (path: string, options: TopicListOptions) =>
      done(await (await load.topic()).topicListCommand(path, options, terminal)),
    );
  topic
    .command("echo")
    .description("print the messages of one topic")
    .argument("<log>", "an .mcap or .db3 file, or a bag's folder")
    .argument("<topic>", "the topic")
    .addOption(new Option("--json", "print one JSON object a line, with the times"))
    .option("--csv", "print a line of column names, then one a message")
    .addOption(
      new Option("-f, --field <path>", "show this field, such as header.stamp or position[2]; may be given again")
        .argParser(collect)
        .default([], "all"),
    )
    .option("-n, --count <number>", "print at most so many", whole)
    .option("--from <time>", "begin so long after the log's first message, such as 1.5s")
    .option("--to <time>", "end so long after the log's first message")
    .option("--header", "order by the stamps in the messages' headers, not by log time")
    .action(async (path: string, name: string, options: TopicEchoOptions) =>
      done(await (await load.topicEcho()).topicEchoCommand(path, name, options, terminal)),
    );
  topic
    .command("hz")
    .description("show how often messages come")
    .argument("<log>", "an .mcap or .db3 file, or a bag's folder")
    .argument("[topic]", "one topic; all unless given")
    .addOption(json)
    .action(async (path: string, name: string | undefined, options: TopicHzOptions) =>
      done(await (await load.topic()).topicHzCommand(path, name, options, terminal)),
    );

  command
    .command("messages")
    .description("write TypeScript types for message definitions (.msg, .srv, .action), or a ROS 2 package of them")
    .argument("[folder...]", "folders with PACKAGE/msg/NAME.msg below them, or files")
    .option("-o, --output <file>", "the .ts file to write")
    .option(
      "-p, --package <name>",
      "the package of files that do not lie in PACKAGE/msg, srv or action; without -o the folder to write that package to, for colcon",
    )
    .option("--common", "the common types of ROS 2 too")
    .action(async (folders: string[], options: MessagesOptions) =>
      done((await load.messages()).messagesCommand(folders, options, terminal)),
    );

  command
    .command("init")
    .description("write a project that runs: an application with a small world, a test, package.json and tsconfig.json")
    .argument("[folder]", "where; files that are there are never replaced", ".")
    .addOption(json)
    .action(async (folder: string, options: InitOptions) =>
      done((await load.init()).initCommand(folder, options, terminal)),
    );

  command
    .command("start", { hidden: true })
    .argument("<app>")
    .action(async (path: string) => (await load.start()).startCommand(path));

  return command;
}

/** Whether the result is asked for as JSON, and so are errors; what stands behind `--` is no option. */
const asksForJson = (arguments_: readonly string[]): boolean => {
  const end = arguments_.indexOf("--");
  return (end < 0 ? arguments_ : arguments_.slice(0, end)).includes("--json");
};

/** Keeps standard output for results: what applications print, with `console.log` or otherwise, goes to standard error. */
function keepForResults(): { readonly write: (text: string) => void; readonly giveBack: () => void } {
  const { stdout, stderr } = process;
  const own = stdout.write;
  stdout.write = ((...given: Parameters<typeof stderr.write>) => stderr.write(...given)) as typeof stdout.write;
  return {
    write: (text) => void own.call(stdout, text),
    giveBack: () => {
      stdout.write = own;
    },
  };
}

function silenceErrors(command: Command): void {
  command.configureOutput({ writeErr: () => undefined }).showHelpAfterError(false);
  for (const each of command.commands) silenceErrors(each);
}

/** What commander finds wrong with the command line. */
const usageError = ({ message }: CommanderError): IsochronError =>
  new IsochronError("command/usage", message.replace(/^error: /, ""), {
    help: "isochron COMMAND --help shows what it takes",
  });

/** Runs the command line; resolves to the exit code. */
export async function main(arguments_: readonly string[]): Promise<number> {
  const interruption = new Interruption();
  const asJson = asksForJson(arguments_);
  const output = asJson ? keepForResults() : undefined;
  const terminal = processTerminal(interruption, output?.write);
  let code = 0;
  const { own, ros } = arguments_[0] === "run" ? splitRosArguments(arguments_) : { own: arguments_, ros: [] };
  const command = program(terminal, ros, (result) => {
    code = result;
  });
  try {
    // What is wrong with the command line is printed below, as JSON.
    if (asJson) silenceErrors(command);
    await command.parseAsync(own, { from: "user" });
    return interruption.exitCode ?? code;
  } catch (error) {
    const { errorJson, renderError } = await import("./render-error.ts");
    if (error instanceof CommanderError) {
      if (asJson && error.exitCode !== 0) terminal.out(errorJson(usageError(error)));
      return error.exitCode;
    }
    const interrupted = error instanceof DOMException && error.name === "AbortError";
    const shown = interrupted
      ? new IsochronError("command/interrupted", "interrupted; nothing half-written was left")
      : error;
    if (asJson) terminal.out(errorJson(shown));
    else terminal.error(interrupted ? "interrupted; nothing half-written was left" : renderError(error));
    return interruption.exitCode ?? 1;
  } finally {
    output?.giveBack();
    interruption.close();
  }
}
