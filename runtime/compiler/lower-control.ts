// Lowers choices, loops and scans to branches and loops of a step, and says where what they carry lies.
import { bytesOf, IsochronError } from "../../kernels/index.ts";
import { boundFault, faultOf, type Graph, match, type Node, type Value } from "../graph/graph.ts";
import { countOf, staticShape, type TensorType } from "../graph/tensor-type.ts";
import { controlOperators } from "../operators/index.ts";
import { type Home, type Memory, type Scratch, tensorMemory } from "./memory.ts";
import { isWhole, type Place, wholeOf } from "./placement.ts";
import type { Carried, LoopStep, Moving, Step, Turns } from "./step-tree.ts";

/** What control flow is lowered with. */
export interface ControlLowering {
  /** Where a value lies in memory. */
  placeOf(value: Value): Place;
  /** The number that all elements of a constant are. */
  numberOf(value: Value): number | bigint | undefined;
  /** The output or state that a value is to be computed into. */
  homeOf(value: Value): Memory | undefined;
  /** Writes a value to a piece of memory, before what is being lowered. */
  copy(value: Value, memory: Memory): void;
  /** The steps of a region that reads at these places and leaves its outputs in this memory. */
  region(graph: Graph, inputs: readonly Place[], outputs: readonly (Memory | undefined)[]): readonly Step[];
  /** The code of a fault with this text. */
  fault(text: string): number;
}

/** A node of control flow as a part of a step, and where its results lie. */
export interface LoweredControl {
  readonly step: Step;
  readonly places: readonly Place[];
}

const scratchFor = (name: string, type: TensorType): Memory => tensorMemory({ kind: "scratch" }, name, type);
const nameOf = (value: Value, other: string): string => value.hint ?? other;

export function lowerControl(node: Node, lowering: ControlLowering): LoweredControl {
  const { cond, whileLoop, forLoop, scan, limit } = controlOperators;
  const limited = match(node, limit);
  if (limited) {
    const { atMost, dimension, fault } = limited.attributes;
    const count = lowering.placeOf(node.inputs[0]!);
    return {
      step: { kind: "check", count, atMost, fault: lowering.fault(boundFault(dimension, atMost, fault)) },
      places: [count],
    };
  }
  const [first, second] = node.regions as readonly [Graph, Graph];
  if (match(node, cond)) return lowerChoice(node, first, second, lowering);
  const loop = new LoopLowering(node, lowering);
  const repeated = match(node, whileLoop);
  if (repeated) return loop.whileLoop(first, second, repeated.attributes.atMost);
  const counted = match(node, forLoop);
  if (counted) return loop.forLoop(first, counted.attributes.atMost);
  const scanned = match(node, scan);
  if (scanned) return loop.scan(first, scanned.attributes.carried);
  throw new IsochronError("compile/internal", `${node.operator.name} has regions that nothing runs`);
}

/** Both branches compute into the same memory. */
function lowerChoice(node: Node, then: Graph, otherwise: Graph, lowering: ControlLowering): LoweredControl {
  const [predicate, ...inputs] = node.inputs.map((value) => lowering.placeOf(value)) as [Place, ...Place[]];
  const results = node.outputs.map((value) => lowering.homeOf(value) ?? scratchFor(nameOf(value, "cond"), value.type));
  return {
    step: {
      kind: "branch",
      predicate,
      whenTrue: lowering.region(then, inputs, results),
      whenFalse: lowering.region(otherwise, inputs, results),
    },
    places: results.map(wholeOf),
  };
}

/** A loop while it is lowered: its table of pointers, and what is carried and moved through it. */
class LoopLowering {
  readonly #node: Node;
  readonly #lowering: ControlLowering;
  readonly #table: Scratch = { kind: "scratch" };
  readonly #index = scratchFor("turn", { dtype: "i64", shape: [] });
  readonly #carried: Carried[] = [];
  readonly #moving: Moving[] = [];
  #slots = 0;

  constructor(node: Node, lowering: ControlLowering) {
    this.#node = node;
    this.#lowering = lowering;
  }

  whileLoop(condition: Graph, body: Graph, atMost: number): LoweredControl {
    const carried = this.#node.inputs.map((value, at) => this.#carry(value, body, at, at));
    const inputs = carried.map(({ input }) => input);
    const predicate = scratchFor("condition", { dtype: "bool", shape: [] });
    const turns: Turns = {
      kind: "while",
      condition: this.#lowering.region(condition, inputs, [predicate]),
      predicate: wholeOf(predicate),
    };
    const steps = this.#lowering.region(
      body,
      inputs,
      carried.map(({ output }) => output),
    );
    const fault = this.#lowering.fault(faultOf(this.#node));
    return { step: this.#finish(turns, atMost, fault, steps), places: inputs };
  }

  forLoop(body: Graph, atMost: number): LoweredControl {
    const [count, ...values] = this.#node.inputs as [Value, ...Value[]];
    const carried = values.map((value, at) => this.#carry(value, body, at + 1, at));
    const inputs = carried.map(({ input }) => input);
    const steps = this.#lowering.region(
      body,
      [wholeOf(this.#index), ...inputs],
      carried.map(({ output }) => output),
    );
    const known = this.#lowering.numberOf(count);
    const times = known === undefined ? this.#lowering.placeOf(count) : Number(known);
    const canFault = typeof times !== "number" || times > atMost;
    const fault = canFault ? this.#lowering.fault(faultOf(this.#node)) : 0;
    return { step: this.#finish({ kind: "times", times }, atMost, fault, steps), places: inputs };
  }

  scan(body: Graph, count: number): LoweredControl {
    const { inputs: operands, outputs: results } = this.#node;
    const carried = operands.slice(0, count).map((value, at) => this.#carry(value, body, at, at));
    const elements = operands
      .slice(count)
      .map((value, at) => this.#move(this.#whole(value), body.inputs[count + at]!.value.type));
    const stacked = results.slice(count).map((value) => ({
      value,
      memory: this.#lowering.homeOf(value) ?? scratchFor(nameOf(value, "scan"), value.type),
    }));
    const rows = stacked.map(({ memory }, at) => this.#move(wholeOf(memory), body.outputs[count + at]!.value.type));
    const steps = this.#lowering.region(
      body,
      [...carried.map(({ input }) => input), ...elements.map(wholeOf)],
      [...carried.map(({ output }) => output), ...rows],
    );
    const [times] = staticShape(operands[count]!.type.shape) as [number];
    return {
      step: this.#finish({ kind: "times", times }, times, 0, steps),
      places: [...carried.map(({ input }) => input), ...stacked.map(({ memory }) => wholeOf(memory))],
    };
  }

  #finish(turns: Turns, atMost: number, fault: number, body: readonly Step[]): LoopStep {
    const table: Memory = { ...scratchFor("slots", { dtype: "u64", shape: [this.#slots] }), home: this.#table };
    const { operator } = this.#node;
    const hints = this.#node.outputs.flatMap(({ hint }) => (hint === undefined ? [] : [`%${hint}`]));
    const label = [operator.name, ...hints].join(" ");
    const [carried, moving, index] = [this.#carried, this.#moving, this.#index];
    return { kind: "loop", label, table, carried, moving, index, turns, atMost, fault, body };
  }

  #slot(name: string, type: TensorType, reaches: readonly Home[], align?: number): Memory {
    const memory = tensorMemory({ kind: "slot", table: this.#table, index: this.#slots++, reaches }, name, type);
    return align === undefined || align >= 64 ? memory : { ...memory, align };
  }

  /** Where a turn finds what is carried, and where it leaves it; what the body passes on as it is needs no memory of its own. */
  #carry(value: Value, body: Graph, from: number, to: number): { readonly input: Place; readonly output?: Memory } {
    if (body.outputs[to]!.value === body.inputs[from]!.value) return { input: this.#lowering.placeOf(value) };
    const { type } = value;
    const name = nameOf(this.#node.outputs[to]!, "carried");
    const buffers = [scratchFor(name, type), scratchFor(name, type)] as const;
    const place = this.#lowering.placeOf(value);
    const initial = isWhole(place) ? place : wholeOf(buffers[1]);
    if (!isWhole(place)) this.#lowering.copy(value, buffers[1]);
    const homes = buffers.map(({ home }) => home);
    const input = this.#slot(name, type, [...homes, initial.memory.home]);
    const output = this.#slot(name, type, homes);
    this.#carried.push({ from: slotOf(input), to: slotOf(output), initial, buffers });
    return { input: wholeOf(input), output };
  }

  /** The elements of a tensor, one with each turn. */
  #move(start: Place, element: TensorType): Memory {
    const bytes = countOf(staticShape(element.shape)) * bytesOf(element.dtype);
    const align = bytes % 64 === 0 ? 64 : bytesOf(element.dtype);
    const memory = this.#slot(start.memory.name, element, [start.memory.home], align);
    this.#moving.push({ slot: slotOf(memory), start, bytes });
    return memory;
  }

  /** Where a value lies in one piece. */
  #whole(value: Value): Place {
    const place = this.#lowering.placeOf(value);
    if (isWhole(place)) return place;
    const memory = scratchFor(nameOf(value, "sequence"), value.type);
    this.#lowering.copy(value, memory);
    return wholeOf(memory);
  }
}

function slotOf({ home }: Memory): number {
  if (home.kind === "slot") return home.index;
  throw new IsochronError("compile/internal", "what is carried lies at no slot");
}
