// Measures kernels that compute the same, in turns, within one call of native code.
import { cpus } from "node:os";
import { z } from "zod";
import { callNative, type Kernel, loadRuntime, type Target } from "../../kernels/index.ts";
import { declareKernel, emitModule, targetAttributes } from "../../kernels/loop/emit.ts";
import { newArray, type TypedArray } from "../../runtime/index.ts";

const { runKernel } = z
  .object({
    runKernel: z.custom<(object: Buffer, symbol: string, buffers: readonly Uint8Array[]) => number>(
      (value) => typeof value === "function",
    ),
  })
  .parse(loadRuntime());

/** Ticks of the counter that `rdtsc` reads, about; only what is printed and how long is measured depend on it. */
const ticksPerUs = cpus()[0]?.speed || 2500;

/** Kernels side by side. */
export interface Race {
  /** Runs the kernels named by their places in turns for about `ms`; ticks of one call, one list of rounds per kernel. */
  run(places: readonly number[], ms: number): number[][];
}

const kernelsPerModule = 4;
const shortestTurnUs = 100;

/** Compiles kernels that differ in their schedules only, for this machine. Throws what the compiler throws. */
export async function prepareRace(kernels: readonly Kernel[], target: Target): Promise<Race> {
  const named = kernels.map((kernel, at) => ({ ...kernel, name: `candidate_${at}` }));
  const modules = [{ name: "race", text: raceText(named, target) }];
  for (let at = 0; at < named.length; at += kernelsPerModule)
    modules.push({ name: `candidates ${at}`, text: emitModule(named.slice(at, at + kernelsPerModule), target) });
  const object = await target.backend.compile({ modules, exports: ["race"] });
  // Work areas depend on the schedule: the largest holds them all.
  const arrays = kernels[0]!.buffers.map(({ scalar }, b) =>
    invented(newArray(scalar, Math.max(...kernels.map(({ buffers }) => buffers[b]!.length)))),
  );
  const turns = (places: readonly number[], rounds: number, repeats: number): number[][] => {
    const plan = new BigInt64Array(2 + kernels.length);
    plan[0] = BigInt(rounds);
    plan[1] = BigInt(repeats);
    for (const place of places) plan[2 + place] = 1n;
    const times = new BigInt64Array(rounds * kernels.length);
    const buffers = [...arrays, plan, times].map(
      ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
    );
    callNative(() => runKernel(object, "race", buffers));
    return places.map((place) =>
      Array.from({ length: rounds }, (_, round) => Number(times[round * kernels.length + place]!) / repeats),
    );
  };
  return {
    run(places, ms) {
      const usual = Math.min(...turns(places.slice(0, 1), 3, 1)[0]!) / ticksPerUs;
      const repeats = Math.max(1, Math.round(shortestTurnUs / Math.max(usual, 0.01)));
      const rounds = Math.round((ms * 1e3) / (places.length * usual * repeats));
      return turns(places, Math.min(200, Math.max(9, rounds)), repeats);
    },
  };
}

/** Microseconds that ticks are, about. */
export const microseconds = (ticks: number): number => ticks / ticksPerUs;

/** Fills an array from a fixed sequence: fractions for floats, whole numbers small enough to be indices for others. */
function invented(array: TypedArray): TypedArray {
  let state = 12345;
  const float = array instanceof Float32Array || array instanceof Float64Array;
  const big = array instanceof BigInt64Array || array instanceof BigUint64Array;
  for (let at = 0; at < array.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const value = float ? state / 2 ** 31 - 1 : state >>> 31;
    if (big) (array as BigInt64Array)[at] = BigInt(value);
    else (array as Float64Array)[at] = value;
  }
  return array;
}

/**
 * LLVM IR of `race(buffers…, plan, times)`: for each of plan[0] rounds, every kernel k with plan[2 + k] is called plan[1]
 * times, and the ticks that took are times[round · kernels + k].
 */
function raceText(kernels: readonly Kernel[], target: Target): string {
  const parameters = kernels[0]!.buffers.map((_, at) => `ptr %b${at}`).join(", ");
  const turn = (kernel: Kernel, at: number): string => `
turn${at}:
  %plan${at} = getelementptr i64, ptr %plan, i64 ${2 + at}
  %takes${at} = load i64, ptr %plan${at}
  %part${at} = icmp ne i64 %takes${at}, 0
  br i1 %part${at}, label %start${at}, label %turn${at + 1}
start${at}:
  %from${at} = call i64 @llvm.readcyclecounter()
  br label %call${at}
call${at}:
  %i${at} = phi i64 [ 0, %start${at} ], [ %next${at}, %call${at} ]
  call void @${kernel.name}(${parameters})
  %next${at} = add i64 %i${at}, 1
  %more${at} = icmp ult i64 %next${at}, %repeats
  br i1 %more${at}, label %call${at}, label %end${at}
end${at}:
  %to${at} = call i64 @llvm.readcyclecounter()
  %ticks${at} = sub i64 %to${at}, %from${at}
  %place${at} = add i64 %row, ${at}
  %time${at} = getelementptr i64, ptr %times, i64 %place${at}
  store i64 %ticks${at}, ptr %time${at}
  br label %turn${at + 1}`;
  return `target triple = "${target.backend.triple}"
${kernels.map(declareKernel).join("\n")}
declare i64 @llvm.readcyclecounter()

define void @race(${[parameters, "ptr %plan", "ptr %times"].join(", ")}) #0 {
begin:
  %rounds = load i64, ptr %plan
  %repeatsAt = getelementptr i64, ptr %plan, i64 1
  %repeats = load i64, ptr %repeatsAt
  br label %round
round:
  %r = phi i64 [ 0, %begin ], [ %nextRound, %turn${kernels.length} ]
  %row = mul i64 %r, ${kernels.length}
  br label %turn0${kernels.map(turn).join("")}
turn${kernels.length}:
  %nextRound = add i64 %r, 1
  %again = icmp ult i64 %nextRound, %rounds
  br i1 %again, label %round, label %done
done:
  ret void
}

attributes #0 = { ${targetAttributes(target)} }
`;
}
