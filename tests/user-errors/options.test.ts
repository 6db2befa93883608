// What users give wrongly gets an error of its own area, in plain words: every option of every function, and nonsense.
import { describe, expect, it } from "vitest";
import { declaredOptions } from "../../kernels/index.ts";
import { ApplicationBuilder } from "../../launch/application-builder.ts";
import * as isochron from "../../launch/index.ts";
import * as inspection from "../../launch/inspect.ts";
import * as testing from "../../launch/testing.ts";
import * as messages from "../../nodes/messages/index.ts";
import * as functional from "../../runtime/functional.ts";
import * as importing from "../../runtime/import/index.ts";
import * as simulation from "../../sim/index.ts";
import { optionCases } from "./option-cases.ts";

const { IsochronError } = isochron;

/** What no message has in it: texts of zod, of JavaScript, and of what it makes of objects. */
const raw =
  /invalid input|expected \w+, received|unrecognized|too (big|small)|is not a function|not iterable|cannot read|\[object|ZodError/i;

/** The error that some work ends with. */
async function refused(work: () => unknown): Promise<InstanceType<typeof IsochronError>> {
  let ended: unknown = "nothing was refused";
  try {
    await work();
  } catch (error) {
    ended = error;
  }
  expect(ended).toBeInstanceOf(IsochronError);
  return ended as InstanceType<typeof IsochronError>;
}

describe("a wrong option is refused by a code of its area, with its name and what it takes:", () => {
  it("every function with options has its cases here, and each of its options", () => {
    const cases = Object.entries(optionCases).map(([name, { wrong }]) => [name, Object.keys(wrong).sort()]);
    const declared = [...declaredOptions].map(([name, options]) => [name, [...options()].sort()]);
    expect(Object.fromEntries(cases)).toEqual(Object.fromEntries(declared));
  });

  it.each(Object.entries(optionCases))("%s", async (_, { area, call, right, wrong, onlyWrong, merges }) => {
    const given = (options: object) => call(options as never);
    if (onlyWrong !== true) await given(right);
    const code = `${area}/option`;
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        const error = await refused(() => given({ ...right, [name]: value }));
        expect({ name, value, code: error.code }).toEqual({ name, value, code });
        expect(error.message).toMatch(new RegExp(`: ${name}\\b.* (cannot be .|is missing)`));
        expect(error.help).toMatch(/^(it takes|give it) ./);
        expect(error.render()).not.toMatch(raw);
      }
      const misspelled = name.length < 3 ? `${name}${name}` : name[0] + name.slice(2);
      const error = await refused(() => given({ ...right, [misspelled]: true }));
      expect(error).toMatchObject({ code, message: expect.stringContaining(`there is no option "${misspelled}"`) });
      if (name.length > 3) expect(error.help).toMatch(new RegExp(`^did you mean ${name}\\?`));
      expect(error.help).toContain(name);
    }
    if (merges === true) return;
    const error = await refused(() => given("fast" as never));
    expect(error.code).toBe(code);
    expect(error.message).toContain('its options cannot be "fast"');
  });
});

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Functions and methods that take no options: a new one is put here, or among the cases with all its options. */
const withoutOptions = words(`
  abs acceptWeights acos adaptiveAvgPool adaptiveMaxPool add and application apply argmax argmin asin atan atan2
  auditFile auditRecording bayerPlanes beginsAsArchive bitCast bitwiseAnd bitwiseLeftShift bitwiseNot bitwiseOr
  bitwiseRightShift bitwiseXor bounded broadcastTo bufferBounded byteLength ceil changedEntries channels
  checkWorld clamp Compilation.code compareRuns compressedImage concat cond constant cos cosh count cummax cummin decodePicture det
  definitionsOf describeFinding describeFindings disagreement div einsum equal erf exp expectType explain expm1 feedFrom fixed flatten
  flip floor floorDivide fromHalves fromSmallFloats full fullTypeName gather globalAvgPool globalLpPool globalMaxPool graphOf greater greaterEqual
  graphText hashOf headerStamp image indexAdd indexCopy indexReduce indexSelect iota isFinite isInf isNaN kernelsOf kernelText
  latest layerNorm layOut layoutOf less lessEqual linear loadTensors log log1p log2 logSoftmax matmul matmulInteger maximum
  measureMachine messageDecoder messageReader messageTypes messageWriter methodsOf minimum mul neg newArray not
  notEqual ones openArtifact openLog openTransport or outputPlan parseEvents permute pow printLayers printPlan programName publishedMessages
  readArchive readArtifact readRecording relu remainder requireTransport reshape results rmsNorm roll round rsqrt runByClock sameTypeName sampleEvery save saveTensors
  scan scatter scatterAdd scatterND scatterReduce schemaDefinitions schemaText shortTypeName showTensorType sigmoid
  sign silu simplified sin sinh size slice softmax split sqrt squeeze stack stamp state staticShape sub sym tan tanh texts
  targetsOf tensorType tile timeWindow toHalves toSmallFloats toMaximum transpose tril triu trunc truncate unsqueeze watchdog where withIndices writeArchive zeros
  linalg.cond linalg.det linalg.geqrf linalg.householderProduct linalg.inv linalg.invEx linalg.lu linalg.luFactor linalg.luUnpack
  linalg.eig linalg.eigvals linalg.matrixExp linalg.matrixPower linalg.slogdet linalg.svdvals
  app.closing app.counter app.on app.service app.summary app.world Definitions.closure
  Definitions.has Definitions.of Definitions.ownPartsOf Definitions.schemaText Definitions.textsOf Definitions.with
  Definitions.withParsed DropCounter.add DropCounter.reset Federation.begin Federation.check Federation.conclude
  Federation.end Federation.fail Federation.feedUntil Federation.fillAhead Federation.grant Federation.handOutRest
  Federation.admitWaiting Federation.nextClock Federation.sendUntil Federation.setEpoch Federation.takeSent Federation.setParameter Federation.settle Federation.sleep Federation.take Federation.takeMessages InProcessNetwork.addPublisher
  InProcessNetwork.addSubscriber InProcessNetwork.graph InProcessNetwork.join InProcessNetwork.leave InProcessNetwork.remove
  InProcessNetwork.send Graph.toString Graph.verify Interpreter.reset Interpreter.run LoopInterpreter.step
  IsochronError.render Program.kernelTimes Program.method Program.newInputs Program.newOutputs Program.reset Program.restore
  Parameters.carries Parameters.initial Parameters.message Parameters.offered Program.run Program.snapshot RandomGenerator.bits Program.stepTimes RecordingWriter.add RecordingWriter.addSent RecordingWriter.begin
  RecordingWriter.discard RecordingWriter.finish RecordingWriter.flush RecordingWriter.follow RecordingWriter.save TransportLink.callEnd Transforms.carries Transforms.channelOf Transforms.receive Transforms.takesAlone TransportLink.close TransportLink.nextClock TransportLink.open TransportLink.put TransportLink.sayClock TransportLink.send TransportLink.sendOfWorld TransportLink.sendUntil TransportLink.wake
`);

/** Take what other functions made, where nothing may be slow or nobody but tools calls them: TypeScript alone guards them. */
const inner = words(`
  acceptWeights beginsAsArchive byteLength changedEntries graphText hashOf kernelText newArray printLayers readArchive showTensorType
  staticShape writeArchive messageReader messageTypes messageWriter printPlan schemaDefinitions auditRecording compareRuns
  describeFinding describeFindings createLiveExecutive createVirtualExecutive programName expectType feedFrom messageDecoder parseEvents replay
  disagreement publishedMessages
`);

type Function = (...given: unknown[]) => unknown;
const isClass = (value: object): boolean => /^class\b/.test(String(value));

/** What a class's objects can be asked to do, its bases' methods included. */
function methodsOf(made: { readonly prototype: object }): string[] {
  const names = new Set<string>();
  for (let at = made.prototype; at !== Object.prototype && at !== Error.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (name !== "constructor" && typeof value === "function") names.add(name);
  }
  return [...names];
}

/** All that the package's doors export to be called. */
const exported = new Map<string, Function>();
const methods = new Set<string>();
for (const door of [
  isochron,
  functional,
  importing,
  inspection,
  testing,
  messages,
  simulation,
  { ApplicationBuilder },
]) {
  for (const [name, value] of Object.entries(door as { readonly [name: string]: unknown })) {
    if (typeof value !== "function") continue;
    if (!isClass(value)) exported.set(name, value as Function);
    else {
      const prefix = name === "Tensor" ? "" : name === "ApplicationBuilder" ? "app." : `${name}.`;
      for (const method of methodsOf(value as never)) methods.add(`${prefix}${method}`);
    }
  }
}

for (const [name, value] of Object.entries(isochron.linalg)) exported.set(`linalg.${name}`, value as Function);

describe("all that the package exports", () => {
  it("takes options that are tested here, or none", () => {
    const known = new Set([...withoutOptions, ...[...declaredOptions.keys()].flatMap((name) => name.split(", "))]);
    expect([...exported.keys(), ...methods].filter((name) => !known.has(name))).toEqual([]);
    const there = new Set([...exported.keys(), ...methods]);
    expect(withoutOptions.filter((name) => !there.has(name) || declaredOptions.has(name))).toEqual([]);
  });

  it("answers nonsense with an error of its own, never with one of JavaScript", async () => {
    // The text is no path at which anything could be written.
    const nonsense: readonly unknown[] = [undefined, "no/such/folder", {}];
    const raws: string[] = [];
    // `measureMachine` takes half a second, whatever it is given.
    const asked = [...exported].filter(([name]) => !inner.includes(name) && name !== "measureMachine");
    for (const [name, called] of asked) {
      for (const first of nonsense) {
        for (const other of [undefined, {}]) {
          const note = (error: unknown) => {
            if (error instanceof IsochronError && !raw.test(error.render())) return;
            raws.push(`${name}(${JSON.stringify(first)}, ${JSON.stringify(other)}, …): ${String(error)}`);
          };
          let result: unknown;
          const call = ({ x }: { readonly x: isochron.Tensor<"f32"> }) => {
            try {
              result = called(first, other, other, other);
            } catch (error) {
              note(error);
            }
            return { y: x.add(1) };
          };
          isochron.trace(call, { x: isochron.tensorType("f32", [2, 3]) }, { name: "nonsense" });
          if (result instanceof Promise) await result.catch(note);
        }
      }
    }
    expect(raws).toEqual([]);
  });
});
