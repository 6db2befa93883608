// Elements of lists: found by the names beside them, and as many in an output's list as there are.
import { MessageReader, MessageWriter } from "@foxglove/rosmsg2-serialization";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { bytesOf, callNative, loadRuntime } from "../../kernels/index.ts";
import { layoutSlot } from "../../scheduler/index.ts";
import { Definitions, definitionsOf } from "./definitions.ts";
import { count, field, fields, fixed, message, type OutputMapping, outputPlan, texts } from "./index.ts";

const native = z
  .object({
    decodeMessage: z.custom<(plan: string, bytes: Uint8Array) => Buffer>((value) => typeof value === "function"),
    encodeMessage: z.custom<(plan: string, slot: Uint8Array, timeNs: number) => Buffer>(
      (value) => typeof value === "function",
    ),
  })
  .parse(loadRuntime());

const wire = (type: string, value: object): Uint8Array =>
  new MessageWriter(definitionsOf(type, Definitions.common)).writeMessage(value);

type Read = Parameters<typeof message>[1];

/** The f32 numbers that selections of a message come to. */
function decoded(type: string, selections: Read, value: object): number[] {
  const { plan } = message(type, selections).resolve();
  const slot = callNative(() => native.decodeMessage(JSON.stringify(plan), wire(type, value)));
  return [...new Float32Array(Uint8Array.from(slot).buffer)];
}

const joints = "sensor_msgs/msg/JointState";
const state = (name: string[], position: number[], velocity: number[] = []) => ({ name, position, velocity });

describe("elements by name", () => {
  const wanted = { joints: fields(["position[name=hip]", "position[name=left knee/pitch]", "velocity[name=hip]"]) };

  it("are found in whatever order a message has them", () => {
    const order = ["toe", "left knee/pitch", "hip"];
    expect(decoded(joints, wanted, state(order, [1, 2, 3], [4, 5, 6])).slice(0, 3)).toEqual([3, 2, 6]);
    const other = ["hip", "left knee/pitch"];
    expect(decoded(joints, wanted, state(other, [1, 2], [3, 4])).slice(0, 3)).toEqual([1, 2, 3]);
  });

  it("are a fault of a message in which one is missing, is there twice, or has no place beside its name", () => {
    const faulty = (value: object, code: string, text: string) =>
      expect(() => decoded(joints, wanted, value)).toThrow(
        expect.objectContaining({ code, message: expect.stringContaining(text) }),
      );
    faulty(state(["hip"], [1], [1]), "codec/name", 'JointState.name has no "left knee/pitch"');
    faulty(state(["hip", "hip", "left knee/pitch"], [1, 2, 3], [1, 2, 3]), "codec/name", 'more than one "hip"');
    faulty(state(["hip", "left knee/pitch"], [1, 2]), "codec/length", "velocity has 0 elements");
  });

  it("are found beside what a list is in, and in lists of anything", () => {
    const many = "sensor_msgs/msg/MultiDOFJointState";
    const transforms = [1, 2].map((x) => ({ translation: { x, y: 0, z: 10 * x }, rotation: {} }));
    const value = { joint_names: ["a", "b"], transforms, twist: [], wrench: [] };
    const ofB = fields(["transforms[joint_names=b].translation.x", "transforms[joint_names=b].translation.z"]);
    expect(decoded(many, { ofB }, value).slice(0, 2)).toEqual([2, 20]);
    const planned = "trajectory_msgs/msg/JointTrajectory";
    const points = [{ positions: [1, 2] }, { positions: [3, 4] }];
    const last = { last: field("points[1].positions[joint_names=b]") };
    expect(decoded(planned, last, { joint_names: ["b", "a"], points })[0]).toBe(3);
  });

  it("are refused where no list of strings can name them", () => {
    const refused = (type: string, path: string | string[], why: string) => {
      const error = { code: expect.stringMatching(/^message\/(unknown|unsupported)-field$/) };
      expect(() => message(type, { x: fields([path].flat()) }).resolve()).toThrow(expect.objectContaining(error));
      expect(() => message(type, { x: fields([path].flat()) }).resolve()).toThrow(why);
    };
    const many = "sensor_msgs/msg/MultiDOFJointState";
    const several = (key: string) => `transforms[${key}].translation.x`;
    refused(many, [several("joint_names=a"), several("0")], "transforms is");
    refused(joints, "position[names=hip]", 'no field "position[names=hip]"');
    refused(joints, "position[effort=hip]", 'no field "position[effort=hip]"');
    refused(joints, "position[name=]", 'no field "position[name=]"');
    refused("sensor_msgs/msg/PointCloud", "points[channels=x].x", 'no field "points[channels=x].x"');
  });
});

interface Tensor {
  readonly dtype: "f32" | "i64" | "u8";
  readonly shape: number[];
  readonly values: readonly number[];
}

/** The message that tensors are shown as. */
function shown(type: string, tensors: Readonly<Record<string, Tensor>>, mapping: OutputMapping): unknown {
  const { slotBytes, fields: rows } = layoutSlot(
    Object.entries(tensors).map(([name, { dtype, shape, values }]) => ({
      ...{ name, dtype, shape },
      bytes: bytesOf(dtype) * values.length,
    })),
  );
  const slot = new Uint8Array(slotBytes);
  for (const { name, offset } of rows) {
    const { dtype, values } = tensors[name]!;
    const numbers = { f32: Float32Array, u8: Uint8Array };
    const array = dtype === "i64" ? BigInt64Array.from(values.map(BigInt)) : numbers[dtype].from(values);
    slot.set(new Uint8Array(array.buffer), offset);
  }
  const plan = outputPlan(type, slotBytes, rows, mapping);
  const bytes = callNative(() => native.encodeMessage(JSON.stringify(plan), slot, 0));
  return new MessageReader(definitionsOf(type, Definitions.common)).readMessage(bytes);
}

const f32 = (...values: number[]): Tensor => ({ dtype: "f32", shape: [values.length], values });
const scalar = (value: number): Tensor => ({ dtype: "i64", shape: [], values: [value] });

describe("elements of outputs", () => {
  it("stand beside their names, in the order in which they are filled", () => {
    const mapping = { targets: fields(["position[name=knee]", "position[name=hip]", "effort[name=hip]"]) };
    expect(shown(joints, { targets: f32(1, 2, 3) }, mapping)).toMatchObject({
      name: ["knee", "hip"],
      position: Float64Array.of(1, 2),
      velocity: new Float64Array(),
      effort: Float64Array.of(0, 3),
    });
  });

  it("stand where names that are fixed have them", () => {
    const names = fixed(["toe", "hip", "knee"]);
    const mapping = { targets: fields(["position[name=knee]", "position[name=hip]"]), name: names };
    expect(shown(joints, { targets: f32(1, 2) }, mapping)).toMatchObject({
      name: ["toe", "hip", "knee"],
      position: Float64Array.of(0, 2, 1),
    });
    expect(() => shown(joints, { targets: f32(1) }, { targets: "position[name=elbow]", name: names })).toThrow(
      'name is fixed without "elbow"',
    );
  });

  const detections = "vision_msgs/msg/Detection2DArray";
  const boxes = (found: string): OutputMapping => ({
    x: "detections[*].bbox.center.position.x",
    class: texts("detections[*].results[0].hypothesis.class_id", ["car", "truck"]),
    ...(found === "xCount" ? {} : { [found]: count("detections") }),
    "detections[*].header.frame_id": fixed("camera"),
  });
  const classes: Tensor = { dtype: "u8", shape: [3], values: [1, 0, 9] };

  it.each(["xCount", "found"])("are as many as the output %s says when the message is made", (found) => {
    const x = f32(7, 8, 9);
    for (const there of [0, 2, 3, 100, -1]) {
      const tensors = { x, class: classes, [found]: scalar(there) };
      const list = [7, 8, 9].slice(0, Math.max(0, there)).map((each, at) => ({
        header: { frame_id: "camera" },
        bbox: { center: { position: { x: each, y: 0 } } },
        results: [{ hypothesis: { class_id: ["truck", "car", ""][at], score: 0 } }],
      }));
      const read = shown(detections, tensors, boxes(found)) as { readonly detections: unknown[] };
      expect(read.detections).toHaveLength(list.length);
      expect(read).toMatchObject({ detections: list });
    }
  });

  it("are refused where a count is none, or what it counts is no sequence", () => {
    const refused = (tensors: Readonly<Record<string, Tensor>>, mapping: OutputMapping, code: string) =>
      expect(() => shown(detections, tensors, mapping)).toThrow(expect.objectContaining({ code }));
    const x = { x: f32(1), n: scalar(1), m: scalar(1) };
    const path = "detections[*].bbox.center.position.x";
    refused({ x: f32(1), n: f32(1, 2) }, { x: path, n: count("detections") }, "message/size");
    refused(x, { x: path, n: count("detections"), m: count("detections") }, "message/mapped-twice");
    refused(x, { x: path, n: count("header"), m: path }, "message/unsupported-field");
    refused(x, { x: path, n: count("detections[*].results"), m: path }, "message/unsupported-field");
    refused(x, { x: texts(path, ["a"]), n: count("detections"), m: path }, "message/unsupported-field");
  });
});
