// Outputs that have as many elements as the values say: their lists are as long, whatever of the task's outputs is shown.
import { describe, expect, it } from "vitest";
import { IsochronError } from "../kernels/index.ts";
import { count, field, fields, message, type OutputMapping } from "../nodes/index.ts";
import { concat, stack, tensorType, trace } from "../runtime/index.ts";
import { application } from "./application.ts";
import type { Ports } from "./declared.ts";
import { layOut } from "./lay-out.ts";

const picked = trace(
  ({ x }) => {
    const chosen = x.greater(0);
    const [high, low] = [x.compress(chosen).values, x.less(0)];
    return {
      high,
      twice: high.mul(2),
      low: x.compress(low).values,
      pairs: stack([high, high], 1),
      rows: stack([high, high], 0),
      more: concat([high, x], 0),
      all: x,
    };
  },
  { x: tensorType("f32", [4]) },
  { name: "picked" },
);
const limits = { period: "10ms", budget: "1ms", deadline: "5ms" } as const;

/** The steps that show some outputs of the task as a message. */
function stepsOf(type: string, names: readonly string[], mapping: OutputMapping) {
  const app = application("test", (app) => {
    const x = app.input(
      "/x",
      message("std_msgs/msg/Float32MultiArray", { x: field("data[*]", { count: 4, dtype: "f32" }) }),
    );
    const task = app.task("pick", picked, { inputs: { x }, ...limits });
    const ports = task.outputs as unknown as Ports<Record<string, ReturnType<typeof tensorType>>>;
    app.output("/out", type, Object.fromEntries(names.map((name) => [name, ports[name]!])), mapping);
  });
  return layOut(app).outputs[0]!.plan.steps;
}

const numbers = "std_msgs/msg/Float32MultiArray";
const detections = "vision_msgs/msg/Detection2DArray";
const place = (axis: string) => `detections[*].bbox.center.position.${axis}`;

describe("a list that a task's output fills", () => {
  it("has as many elements as the output, whether what counts it is shown, named or left out", () => {
    const named = stepsOf(numbers, ["high", "highCount"], { high: "data", highCount: count("data") });
    expect(named.at(-1)).toMatchObject({ op: "array", count: 4, counted: { from: "i64" }, prefix: true });
    expect(stepsOf(numbers, ["high", "highCount"], { high: "data" })).toEqual(named);
    expect(stepsOf(numbers, ["high"], { high: "data" })).toEqual(named);
    // Another output of the same dimension has no count of its own.
    const twice = stepsOf(numbers, ["twice"], { twice: "data" });
    expect(twice.at(-1)).toMatchObject({
      op: "array",
      counted: (named.at(-1) as { readonly counted: object }).counted,
    });
    expect(stepsOf(numbers, ["all"], { all: "data" }).at(-1)).not.toHaveProperty("counted");
  });

  it("has one count where several outputs of one dimension fill its elements", () => {
    const left = stepsOf(detections, ["high", "twice"], { high: place("x"), twice: place("y") });
    expect(left.at(-1)).toMatchObject({ op: "list", count: 4, counted: { from: "i64" } });
    const mapping = { high: place("x"), twice: place("y"), highCount: count("detections") };
    expect(stepsOf(detections, ["high", "twice", "highCount"], mapping)).toEqual(left);
  });

  it("takes the count that is named where its elements are counted apart, and is refused without one", () => {
    const mapping = { high: place("x"), low: place("y") };
    expect(() => stepsOf(detections, ["high", "low"], mapping)).toThrow(
      expect.objectContaining({ code: "message/size", message: expect.stringContaining("are counted apart") }),
    );
    const named = { ...mapping, lowCount: count("detections") };
    expect(stepsOf(detections, ["high", "low", "lowCount"], named).at(-1)).toHaveProperty("counted");
  });

  it("is refused where the output's first dimension does not fill it alone", () => {
    const refusal = (names: readonly string[], mapping: OutputMapping): string => {
      try {
        stepsOf("trajectory_msgs/msg/JointTrajectoryPoint", names, mapping);
      } catch (error) {
        if (error instanceof IsochronError) return `${error.code}: ${error.message}`;
        throw error;
      }
      return "taken";
    };
    const refused = (name: string) =>
      `message/unsupported-field: output "${name}" has as many elements as the values say, which `;
    expect(refusal(["pairs"], { pairs: "positions" })).toContain(refused("pairs"));
    expect(refusal(["rows"], { rows: "positions" })).toContain(refused("rows"));
    expect(refusal(["more"], { more: "positions" })).toBe("taken");
    expect(refusal(["high"], { high: fields(["positions[*]", "velocities[*]"], { count: 2 }) })).toContain(
      refused("high"),
    );
  });
});
