// Services and actions of pipelines over a transport: another node calls them, they call another node, and replay sees what came.
import { existsSync } from "node:fs";
import { EMPTY, interval, map, type Observable, takeUntil, takeWhile } from "rxjs";
import { afterAll, describe, expect, it } from "vitest";
import {
  type ApplicationBuilder,
  application,
  message,
  runApplication,
  tensorType,
  trace,
} from "../../launch/index.ts";
import {
  Definitions,
  field,
  type GoalNews,
  InProcessNetwork,
  layoutOf,
  messageReader,
  messageWriter,
} from "../../nodes/index.ts";
import { openLog, readRecording, replay } from "../../sim/index.ts";
import { Workplace } from "../command-line/command.ts";

const place = new Workplace();
const cacheDir = ".cache/kernels";
const definitions = Definitions.common;
const codec = (type: string) => {
  const layout = layoutOf(type, definitions);
  return { read: messageReader(layout), write: messageWriter(layout) };
};

const doubled = trace(({ x }) => ({ y: x.mul(2) }), { x: tensorType("f32", []) }, { name: "doubled" });

/** An application with one task and what `more` declares. */
const calling = (more: (app: ApplicationBuilder) => void) =>
  application("calling", (app) => {
    const x = app.input("/in", message("std_msgs/msg/Float32", { x: field("data") }));
    const task = app.task("double", doubled, { inputs: { x }, period: "10ms", budget: "100us", deadline: "9ms" });
    app.output("/out", "std_msgs/msg/Float32", task.outputs, { y: "data" });
    more(app);
  });

interface Sequence {
  readonly sequence: Int32Array;
}
type News = GoalNews<Sequence, Sequence>;

/** How many messages each topic of a recording has. */
async function messagesIn(path: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for await (const { topic } of (await openLog(path)).messages({ by: "log" }))
    if (topic.includes("/_")) counts[topic] = (counts[topic] ?? 0) + 1;
  return counts;
}

/** The messages of a topic of a recording. */
async function contentsOf(path: string, topic: string, type: string): Promise<unknown[]> {
  const { read } = codec(type);
  const contents: unknown[] = [];
  for await (const { bytes } of (await openLog(path)).messages({ topics: [topic], by: "log" }))
    contents.push(read(bytes));
  return contents;
}

const signal = () => AbortSignal.timeout(30_000);

describe("calls over a transport", () => {
  afterAll(() => place.remove());

  it("reach a service of a pipeline at a logged tag, and its answer comes back; replay sees the request without the transport", async () => {
    const network = new InProcessNetwork();
    const record = place.path("service.mcap");
    const asked: unknown[] = [];
    const serving = calling((builder) =>
      builder.service<{ readonly data: boolean }>("/enable", "std_srvs/srv/SetBool", async ({ data }) => {
        asked.push(data);
        return { success: data, message: "done" };
      }),
    );
    const [request, response] = [codec("std_srvs/srv/SetBool_Request"), codec("std_srvs/srv/SetBool_Response")];
    const answers: unknown[] = [];
    const { report } = await runApplication(serving, {
      transport: network.join(),
      record,
      cacheDir,
      onStart: async (running) => {
        const client = network.join().calls!.client({ name: "/enable", type: "std_srvs/srv/SetBool", definitions });
        const ask = async (data: boolean) =>
          answers.push(response.read(await client.call(request.write({ data }), signal())));
        await ask(true);
        // What is no request is counted, and answered by nobody.
        for (const bytes of [Uint8Array.of(7), Uint8Array.of(0, 1, 0, 0)]) void client.call(bytes, signal());
        await ask(false);
        running.stop();
      },
    });
    expect(asked).toEqual([true, false]);
    expect(report.drops).toMatchObject([{ kind: "rejected", where: "/enable/_service/request", count: 2, of: 4 }]);
    expect(answers).toEqual([
      { success: true, message: "done" },
      { success: false, message: "done" },
    ]);
    const recording = await readRecording(record);
    expect(replay(recording)).toMatchObject({ bitExact: true });
    const channel = recording.application.inputs.find(({ topic }) => topic === "/enable/_service/request")!.channel;
    const admitted = recording.events.filter((event) => event.kind === "admit" && event.channel === channel);
    const whole = [admitted[0]!, admitted[3]!];
    expect(whole.map((event) => event.kind === "admit" && request.read(event.bytes))).toEqual([
      { data: true },
      { data: false },
    ]);
    expect(await messagesIn(record)).toEqual({ "/enable/_service/request": 4, "/enable/_service/response": 2 });
  });

  it("bring a pipeline the response of another node's service, or an error where nobody serves it in time", async () => {
    const network = new InProcessNetwork();
    const record = place.path("client.mcap");
    const [request, response] = [
      codec("example_interfaces/srv/AddTwoInts_Request"),
      codec("example_interfaces/srv/AddTwoInts_Response"),
    ];
    const other = network.join();
    const sums: unknown[] = [];
    let add: (given: object) => Observable<unknown> = () => expect.unreachable();
    let nobody = add;
    const app = calling((builder) => {
      add = builder.client("/add", "example_interfaces/srv/AddTwoInts");
      nobody = builder.client("/nobody", "std_srvs/srv/Empty", { timeout: "50ms" });
    });
    await runApplication(app, {
      transport: network.join(),
      record,
      cacheDir,
      onStart: (running) => {
        add({ a: 2n, b: 3n }).subscribe((sum) => {
          sums.push(sum);
          nobody({}).subscribe({
            error: (error: Error) => {
              sums.push(error.message);
              running.stop();
            },
          });
        });
        other.calls!.serve({ name: "/add", type: "example_interfaces/srv/AddTwoInts", definitions }, async (bytes) => {
          const { a, b } = request.read(bytes) as { readonly a: bigint; readonly b: bigint };
          return response.write({ sum: a + b });
        });
      },
    });
    expect(sums).toEqual([{ sum: 5n }, "nobody has served /nobody within 50 ms"]);
    expect(replay(await readRecording(record))).toMatchObject({ bitExact: true });
    expect(await messagesIn(record)).toEqual({
      "/add/_service/request": 1,
      "/add/_service/response": 1,
      "/nobody/_service/request": 1,
    });
  });

  it("give an action of a pipeline goals, carry its feedback and result, and give a goal up that is to be", async () => {
    const network = new InProcessNetwork();
    const record = place.path("action.mcap");
    const type = "example_interfaces/action/Fibonacci";
    const news: News[][] = [[], []];
    const refused: string[] = [];
    const serving = calling((builder) =>
      builder.action<{ readonly order: number }>(
        "/count",
        type,
        ({ order }, { cancel }) =>
          interval(5, builder.clock).pipe(
            takeUntil(cancel),
            map((at) => (at < order ? { feedback: { sequence: [at] } } : { result: { sequence: [at, order] } })),
            takeWhile((step) => "feedback" in step, true),
          ),
        { accept: ({ order }) => order > 0 },
      ),
    );
    let send: (goal: object) => Observable<News> = () => expect.unreachable();
    const sending = calling((builder) => {
      send = builder.client<object, Sequence, Sequence>("/count", type);
    });
    const stops: (() => void)[] = [];
    await Promise.all([
      runApplication(serving, { transport: network.join(), record, cacheDir, onStart: ({ stop }) => stops.push(stop) }),
      runApplication(sending, {
        transport: network.join(),
        cacheDir,
        onStart: ({ stop }) => {
          stops.push(stop);
          send({ order: 3 }).subscribe({
            next: (each) => news[0]!.push(each),
            complete: () => {
              send({ order: -1 }).subscribe({
                error: (error: Error) => {
                  refused.push(error.message);
                  const long = send({ order: 1000 }).subscribe((each) => {
                    news[1]!.push(each);
                    if (news[1]!.length < 2) return;
                    long.unsubscribe();
                    setTimeout(() => {
                      for (const stop of stops) stop();
                    }, 50);
                  });
                },
              });
            },
          });
        },
      }),
    ]);
    const plain = (each: readonly News[]) =>
      each.map((step) => ("feedback" in step ? [...step.feedback.sequence] : [step.outcome, ...step.result.sequence]));
    expect(plain(news[0]!)).toEqual([[0], [1], [2], ["succeeded", 3, 3]]);
    expect(refused).toEqual(["/count has not accepted the goal"]);
    expect(plain(news[1]!).slice(0, 2)).toEqual([[0], [1]]);
    expect(replay(await readRecording(record))).toMatchObject({ bitExact: true });
    expect(await messagesIn(record)).toMatchObject({
      "/count/_action/goal": 3,
      "/count/_action/accepted": 3,
      "/count/_action/cancel": 1,
      "/count/_action/result": 2,
    });
    // The one that was refused is there, with what it asked for and what it was told.
    expect(await contentsOf(record, "/count/_action/goal", `${type}_SendGoal_Request`)).toMatchObject([
      { goal: { order: 3 } },
      { goal: { order: -1 }, goal_id: { uuid: new Uint8Array(16) } },
      { goal: { order: 1000 } },
    ]);
    expect(await contentsOf(record, "/count/_action/accepted", `${type}_SendGoal_Response`)).toMatchObject([
      { accepted: true },
      { accepted: false },
      { accepted: true },
    ]);
  });

  it("are refused by name, before anything is recorded, where the transport has none", async () => {
    const { calls: _, ...methods } = new InProcessNetwork().join();
    const transport = {
      ...methods,
      name: "silent",
      advertise: never,
      subscribe: never,
      onEvent: never,
      graph: never,
      close: never,
    };
    const record = place.path("refused.mcap");
    const app = calling((builder) => builder.service("/reset", "std_srvs/srv/Trigger", () => ({ success: true })));
    await expect(runApplication(app, { transport, record, cacheDir })).rejects.toMatchObject({
      code: "transport/calls",
      message: "the transport silent has no services and no actions",
      details: ["served: /reset (std_srvs/srv/Trigger)"],
    });
    expect(existsSync(record) || existsSync(`${record}.partial`)).toBe(false);
  });

  it("end the run with an error where what serves one gives no answer", async () => {
    const network = new InProcessNetwork();
    const app = calling((builder) => builder.service("/reset", "std_srvs/srv/Trigger", () => EMPTY));
    const run = runApplication(app, {
      transport: network.join(),
      cacheDir,
      onStart: () => {
        const client = network.join().calls!.client({ name: "/reset", type: "std_srvs/srv/Trigger", definitions });
        void client.call(codec("std_srvs/srv/Trigger_Request").write({}), signal());
      },
    });
    await expect(run).rejects.toMatchObject({
      code: "stream/failed",
      message: expect.stringMatching(/^what serves "\/reset" failed: /),
    });
  });

  it("end the run with an error where what says whether a goal is taken on throws, and refuse the goal", async () => {
    const network = new InProcessNetwork();
    const type = "example_interfaces/action/Fibonacci";
    const accept = () => {
      throw new Error("the arm is off");
    };
    const app = calling((builder) => builder.action("/count", type, () => EMPTY, { accept }));
    const answers: boolean[] = [];
    const run = runApplication(app, {
      transport: network.join(),
      cacheDir,
      onStart: () => {
        const client = network.join().calls!.actionClient({ name: "/count", type, definitions });
        client.send(new Uint8Array(16), codec(`${type}_Goal`).write({ order: 1 }), {
          accepted: (answer) => void answers.push(answer),
          feedback: never,
          ended: never,
        });
      },
    });
    await expect(run).rejects.toMatchObject({ message: 'what serves "/count" failed: the arm is off' });
    expect(answers).toEqual([false]);
  });

  it("are refused where they are declared: a type that is not known, or of another kind", () => {
    const reset = (type: string) => () =>
      calling((builder) => builder.service("/reset", type as "std_srvs/srv/Trigger", () => ({}))).declarations;
    expect(reset("std_srvs/srv/Triger")).toThrow('there is no message type "std_srvs/srv/Triger_Request"');
    expect(reset("std_msgs/msg/String")).toThrow('app.service: type cannot be "std_msgs/msg/String"');
  });
});

const never = () => expect.unreachable("it is refused before it is used");
