// ONNX's control flow: choices and loops over subgraphs, which become regions of the graph where the values decide.
import { cond, scan, whileLoop } from "../../../capture/control-flow.ts";
import { isTensor } from "../../../capture/methods/symbolic.ts";
import { Recorder, recording } from "../../../capture/recorder.ts";
import { constant, full, stack, type Tensor } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { type Call, constantOf, type Definitions } from "../call.ts";
import type { GraphProto } from "../format/onnx_pb.ts";
import { RunTimeOperand, unsupported } from "../import-error.ts";
import { type Imported, kindOf, type Parts, partsOf } from "../imported.ts";
import { elementsOf } from "../known-values.ts";
import { partCount } from "../limits.ts";
import { axisOf, withAxisAt } from "./axes.ts";

/** A tensor of what a region may read of outside. */
const mostRebuilt = 64;

/** What subgraphs read of outside: values that regions are given, and how a region finds all of it by its names. */
interface Captured {
  readonly given: readonly Tensor[];
  named(given: readonly Tensor[]): Map<string, Imported>;
}

/** Small constants are made again inside, where shapes may depend on them; everything else is an operand. */
function capturedBy(call: Call, ...graphs: readonly GraphProto[]): Captured {
  const all = [...call.surroundings.captured(...graphs)];
  const passed = all.flatMap(([name, value]) => {
    if (!isTensor(value)) return [];
    const isSmall = countOf(value.shape) <= mostRebuilt;
    return isSmall && elementsOf(value) ? [] : [[name, value] as const];
  });
  const rebuilt = all.filter(([name]) => !passed.some(([each]) => each === name));
  const constants = rebuilt.map(
    ([name, value]) => [name, value, isTensor(value) ? elementsOf(value) : undefined] as const,
  );
  return {
    given: passed.map(([, value]) => value),
    named: (given) =>
      new Map<string, Imported>([
        ...passed.map(([name], at) => [name, given[at]!] as const),
        ...constants.map(([name, value, known]) => [name, known ? constantOf(known) : value] as const),
      ]),
  };
}

/** What a subgraph gives, all of it tensors. */
function tensorsOf(results: readonly Imported[]): Tensor[] {
  return results.map((each) => {
    if (isTensor(each)) return each;
    throw unsupported(`a subgraph gives ${kindOf(each)}, and which is known only while the model runs`);
  });
}

/** A flag, where it is known. */
function known(flag: Tensor | undefined): boolean | undefined {
  const found = flag && countOf(flag.shape) === 1 ? elementsOf(flag) : undefined;
  return found ? Number(found.data[0]) !== 0 : undefined;
}

function choice(call: Call): readonly (Imported | undefined)[] {
  const condition = call.tensor(0);
  const [yes, no] = [call.graph("then_branch"), call.graph("else_branch")];
  const decided = known(condition);
  if (decided !== undefined) return call.surroundings.inline(decided ? yes : no, []);
  const captured = capturedBy(call, yes, no);
  const structures: string[] = [];
  let parts: readonly Parts[] = [];
  const branch =
    (graph: GraphProto) =>
    (...given: readonly Tensor[]) => {
      parts = call.surroundings.region(graph, [], captured.named(given)).map(partsOf);
      structures.push(parts.map(({ structure }) => structure).join());
      const tensors = parts.flatMap((each) => each.tensors);
      // A choice gives something, also between values without tensors.
      return tensors.length > 0 ? tensors : [constant(0, "bool") as Tensor];
    };
  const differ = () => structures.length === 2 && structures[0] !== structures[1];
  let chosen: readonly Tensor[] = [];
  try {
    chosen = cond(condition.reshape([]) as Tensor<"bool">, branch(yes), branch(no), ...captured.given);
  } catch (error) {
    if (!differ()) throw error;
  }
  if (differ()) throw call.surroundings.unknown("operand 0", condition, "what the branches give");
  const tensors = chosen.values();
  return parts.map(({ rebuilt }) => rebuilt(() => tensors.next().value as Tensor));
}

/** The most turns of a loop that the values end. */
const mostTurns = 2 ** 31 - 1;
/** Turns that are made one after the other in the graph, where a region cannot hold what they carry. */
const mostUnrolled = 1024;

/** A loop turn by turn, where each turn's end is known before the next; undefined where it is not. */
function unrolled(call: Call, body: GraphProto, turns: number): readonly (Imported | undefined)[] | undefined {
  let carried: Imported[] = call.inputs.slice(2).map((_, at) => call.value(2 + at));
  const count = carried.length;
  const goesOn = alwaysGoes(body);
  const kept: Tensor[][] = body.output.slice(1 + count).map(() => []);
  for (let turn = 0; turn < turns; turn++) {
    const index = constant(turn, "i64") as Tensor;
    const [going, ...results] = call.surroundings.inline(body, [index, constant(1, "bool") as Tensor, ...carried]);
    const goes = goesOn || turn === turns - 1 || (isTensor(going) ? known(going) : undefined);
    if (goes === undefined) return undefined;
    carried = results.slice(0, count);
    tensorsOf(results.slice(count)).forEach((each, at) => void kept[at]!.push(each));
    if (!goes) break;
  }
  return [...carried, ...kept.map((each) => (each.length > 0 ? stack(each, 0) : undefined))];
}

function loop(call: Call): readonly (Imported | undefined)[] {
  const body = call.graph("body");
  const limit = call.optional(0);
  const limitKnown = limit && elementsOf(limit);
  const turns = limitKnown ? Number(limitKnown.data[0]) : undefined;
  const start = call.optional(1);
  const startKnown = start ? known(start) : true;
  const initial = call.inputs.slice(2).map((_, at) => call.value(2 + at));
  const keeps = body.output.length - 1 - initial.length;
  const areTensors = initial.every(isTensor);
  const isShort = turns !== undefined && turns <= mostUnrolled && startKnown !== undefined;
  const found = isShort || startKnown === false ? unrolled(call, body, startKnown ? turns! : 0) : undefined;
  if (found) return found;
  if (!areTensors) requireTurns(call, limit, start, "carries a sequence");
  const bound = call.surroundings.bound(call.outputs[initial.length]);
  // What is kept of each turn needs memory for all of them.
  if (keeps > 0 && limit && turns === undefined && bound === undefined)
    throw call.surroundings.unknown("operand 0", limit);
  const atMost = Math.min(turns ?? mostTurns, bound ?? mostTurns);
  if (keeps > 0 && atMost === mostTurns)
    throw unsupported(
      "a loop keeps something of each turn, and only the values decide how many there are",
      `give the most: model.graph({ bounds: { "${call.outputs[initial.length]}": 100 } })`,
    );
  const turnsOf = { atMost, keeps, limit: turns === undefined ? limit?.reshape([]) : undefined };
  try {
    return loopOf(call, body, tensorsOf(initial), turnsOf);
  } catch (error) {
    // What is cut or made in a turn by its number is known where the turns stand one after the other.
    if (error instanceof RunTimeOperand && error.inputs.length === 0)
      requireTurns(call, limit, start, "has shapes that change from turn to turn");
    throw error;
  }
}

/** Asks for what would tell how many turns there are. Throws `import/run-time`, `import/unsupported`. */
function requireTurns(call: Call, limit: Tensor | undefined, start: Tensor | undefined, why: string): void {
  if (limit && !elementsOf(limit)) throw call.surroundings.unknown("operand 0", limit);
  if (start && known(start) === undefined) throw call.surroundings.unknown("operand 1", start);
  throw unsupported(`a loop whose number of turns only the values decide ${why}`);
}

interface Turns {
  readonly atMost: number;
  /** How many results are kept of each turn. */
  readonly keeps: number;
  /** How many there are at most, where that is known only at run time. */
  readonly limit: Tensor | undefined;
}

/** A loop that ends when the values say so; what it keeps of each turn is as long as there were turns. */
function loopOf(call: Call, body: GraphProto, initial: readonly Tensor[], { atMost, keeps, limit }: Turns): Tensor[] {
  const captured = capturedBy(call, body);
  const start = call.optional(1);
  const turn = constant(0, "i64") as Tensor;
  const first = start ? start.reshape([]) : (constant(1, "bool") as Tensor);
  // Traced once for the types of what it keeps, where nothing reads what that makes.
  const types = recording(new Recorder(), () =>
    tensorsOf(call.surroundings.inline(body, [turn, first, ...initial])).slice(1 + initial.length),
  );
  const kept = types.map(({ dtype, shape }) => full(dtype, [atMost, ...shape], 0));
  const outside = [...(limit ? [limit] : []), ...captured.given];
  const own = 2 + outside.length;
  const left = whileLoop(
    (all: readonly Tensor[]) => {
      const [index, going] = all as readonly [Tensor, Tensor<"bool">];
      if (limit) return going.and(index.less(all[2]!));
      return keeps > 0 || atMost < mostTurns ? going.and(index.less(atMost)) : going;
    },
    (all: readonly Tensor[]) => {
      const named = captured.named(all.slice(own - captured.given.length, own));
      const carried = all.slice(own, own + initial.length);
      const [goes, ...results] = tensorsOf(call.surroundings.region(body, [all[0]!, all[1]!, ...carried], named));
      const row = all[0]!.reshape([1]);
      const filled = all
        .slice(own + initial.length)
        .map((each, at) => each.indexCopy(0, row, results[initial.length + at]!.unsqueeze(0)));
      return [all[0]!.add(1), goes!.reshape([]), ...all.slice(2, own), ...results.slice(0, initial.length), ...filled];
    },
    [turn, first, ...outside, ...initial, ...kept] as readonly Tensor[],
    { atMost },
  );
  const turns = left[0] as Tensor<"i64">;
  const carried = left.slice(own, own + initial.length);
  return [...carried, ...left.slice(own + initial.length).map((each) => each.truncate(turns))];
}

/** Whether a loop's body passes its condition on, so that only the number of turns ends it. */
function alwaysGoes(body: GraphProto): boolean {
  const aliases = new Map(
    body.node.filter(({ opType }) => opType === "Identity").map(({ input, output }) => [output[0]!, input[0]!]),
  );
  let name = body.output[0]?.name;
  for (let steps = 0; name !== undefined && aliases.has(name) && steps < body.node.length; steps++)
    name = aliases.get(name);
  return name === body.input[1]?.name;
}

/** A sequence along its first dimension, turned where it is read backwards or along another. */
function alongFirst(x: Tensor, axis: number, backwards: boolean): Tensor {
  const first = withAxisAt(x, axisOf(axis, x.shape.length), 0);
  return backwards ? first.flip([0]) : first;
}

function scanned(call: Call): readonly (Imported | undefined)[] {
  if (call.version < 9) return scannedInBatches(call);
  const body = call.graph("body");
  return scanOf(call, body, call.tensors());
}

function scanOf(call: Call, body: GraphProto, operands: readonly Tensor[]): Tensor[] {
  const count = call.count("num_scan_inputs", operands.length);
  const carriedCount = operands.length - count;
  const outputs = body.output.length - carriedCount;
  const zeros = (length: number): number[] => new Array<number>(length).fill(0);
  const isNew = call.version >= 9;
  const directions = call.ints(isNew ? "scan_input_directions" : "directions", zeros(count));
  const axes = isNew ? call.ints("scan_input_axes", zeros(count)) : zeros(count);
  const outputDirections = isNew ? call.ints("scan_output_directions", zeros(outputs)) : zeros(outputs);
  const outputAxes = isNew ? call.ints("scan_output_axes", zeros(outputs)) : zeros(outputs);
  const sequences = operands.slice(carriedCount).map((x, at) => alongFirst(x, axes[at]!, directions[at] === 1));
  const captured = capturedBy(call, body);
  const own = captured.given.length;
  const [left, kept] = scan(
    (carried: readonly Tensor[], elements: readonly Tensor[]) => {
      const named = captured.named(carried.slice(0, own));
      const results = tensorsOf(call.surroundings.region(body, [...carried.slice(own), ...elements], named));
      return [[...carried.slice(0, own), ...results.slice(0, carriedCount)], results.slice(carriedCount)] as const;
    },
    [...captured.given, ...operands.slice(0, carriedCount)] as readonly Tensor[],
    sequences as readonly Tensor[],
  );
  const turned = (kept as readonly Tensor[]).map((x, at) => {
    const backwards = outputDirections[at] === 1 ? x.flip([0]) : x;
    return withAxisAt(backwards, 0, axisOf(outputAxes[at]!, x.shape.length));
  });
  return [...(left as readonly Tensor[]).slice(own), ...turned];
}

/** Operator set 8: each batch by itself, of the whole length. */
function scannedInBatches(call: Call): readonly (Imported | undefined)[] {
  const body = call.graph("body");
  if (call.has(0)) throw unsupported("a scan of sequences of different lengths");
  const operands = call.inputs.slice(1).map((_, at) => call.tensor(1 + at));
  const batches = partCount(operands[0]!.shape[0]!, "batches");
  const results = Array.from({ length: batches }, (_, batch) =>
    scanOf(
      call,
      body,
      operands.map((x) => x.slice([batch, batch + 1]).squeeze(0)),
    ),
  );
  return results[0]!.map((_, at) =>
    stack(
      results.map((each) => each[at]!),
      0,
    ),
  );
}

export const controlFlow: Definitions = { If: choice, Loop: loop, Scan: scanned };
