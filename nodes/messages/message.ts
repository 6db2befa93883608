// What topics carry: messages described as the tensors that an application sees.
import { z } from "zod";
import { type Arithmetic, bytesOf, didYouMean, IsochronError, optionsOf } from "../../kernels/index.ts";
import { type Signature, type TensorType, tensorType } from "../../runtime/index.ts";
import { layoutSlot } from "../../scheduler/index.ts";
import { DecodePlanner } from "./decode.ts";
import { Definitions } from "./definitions.ts";
import { EncodePlanner, type PlacedField } from "./encode.ts";
import {
  expectPictureEncoding,
  type ImageDtype,
  type ImageEncoding,
  type PictureEncoding,
  pixelForm,
} from "./encodings.ts";
import { fullTypeName } from "./names.ts";
import { shownPaths } from "./path.ts";
import type { DecodePlan, EncodePlan } from "./plan.ts";
import {
  type CountSelection,
  type FieldSelection,
  type FixedSelection,
  field,
  type InputSelection,
  type StampSelection,
  type TextSelection,
} from "./select.ts";
import { argument, checkSelections, dtypeSchema, pathSchema, sizeSchema, typeSchema } from "./selection-checks.ts";

/** A message's tensors and the plan that fills them. */
export interface ResolvedMessage<F extends Signature = Signature> {
  readonly type: string;
  readonly fields: F;
  readonly plan: DecodePlan;
}

/** An input topic's message as an application describes it; the definitions of its types are the application's. */
export interface InputMessage<F extends Signature = Signature> {
  readonly type: string;
  /** Throws `message/unknown-type`, `message/unknown-field`, `message/unsupported-field` and `message/size`. */
  resolve(definitions?: Definitions): ResolvedMessage<F>;
}

type Selections = { readonly [name: string]: InputSelection };
type TensorOf<S> = S extends StampSelection
  ? TensorType<"i64">
  : S extends FieldSelection<infer D> | CountSelection<infer D>
    ? TensorType<D>
    : never;
type TensorsOf<S extends Selections> = { readonly [K in keyof S]: TensorOf<S[K]> };

/** What a message must hold besides its tensors. */
export interface MessageOptions {
  /** Values that fields must have; a message with another value is refused. */
  readonly expect?: { readonly [path: string]: number | string };
}

const checkMessage = optionsOf<MessageOptions>("message", "message", () => ({
  expect: z
    .record(z.string(), z.union([z.number(), z.string()]))
    .describe("numbers or texts by the fields' paths")
    .optional(),
}));

/**
 * A message of any type as tensors.
 *
 * `message("sensor_msgs/msg/Imu", { rate: field("angular_velocity.z"), time: stamp() })`
 */
export function message<const S extends Selections>(
  type: string,
  selections: S,
  options: MessageOptions = {},
): InputMessage<TensorsOf<S>> {
  argument("message", "type", typeSchema, type);
  const what = `message("${type}")`;
  checkSelections(what, selections);
  checkMessage(options, what);
  const { expect = {} } = options;
  return describe(type, selections, (planner) => {
    for (const [path, value] of Object.entries(expect)) planner.expect(path, value);
  });
}

interface NumberSelection {
  readonly field: string;
  readonly dtype: Arithmetic;
}
const checkNumber = optionsOf<NumberSelection>("message", "numbers", () => ({ field: pathSchema, dtype: dtypeSchema }));

function checkNumbers(what: string, selection: unknown): void {
  argument(
    what,
    "selection",
    z.looseObject({}).describe('an object: { NAME: { field: PATH, dtype: "f32" } }'),
    selection,
  );
  for (const [name, each] of Object.entries(selection as object)) checkNumber(each, `${what}, ${name}`);
}

/** Numbers of a message as scalar tensors: `{ rate: { field: "angular_velocity.z", dtype: "f32" } }`. */
export function numbers<const S extends { readonly [name: string]: NumberSelection }>(
  type: string,
  selection: S,
): InputMessage<{ readonly [K in keyof S]: TensorType<S[K]["dtype"]> }> {
  argument("numbers", "type", typeSchema, type);
  checkNumbers(`numbers("${type}")`, selection);
  const selections = Object.fromEntries(
    Object.entries(selection).map(([name, { field: path, dtype }]) => [name, field(path, { dtype })]),
  );
  return message(type, selections) as unknown as InputMessage<{ readonly [K in keyof S]: TensorType<S[K]["dtype"]> }>;
}

type Size = readonly [height: number, width: number];

const pixels = (encoding: ImageEncoding, [height, width]: Size): TensorType => {
  const { dtype, channels, rows = 1 } = pixelForm(encoding);
  return tensorType(dtype, channels === 1 ? [height * rows, width] : [height, width, channels]);
};

/**
 * A sensor_msgs/msg/Image of fixed size and encoding as one tensor `data`, [height, width] or [height, width, channels];
 * `more` selects further fields. Rows may be padded; numbers of more than a byte may be big-endian.
 *
 * A Bayer mosaic is [height, width] as the sensor has it (`bayerPlanes` takes it apart), nv12 and nv21 are
 * `[1.5 · height, width]`: luma, and below it the rows of colour. Throws `message/encoding`, `message/size`.
 */
export function image<E extends ImageEncoding, const S extends Selections = Record<never, never>>(
  encoding: E,
  size: Size,
  more: S = {} as S,
): InputMessage<{ readonly data: TensorType<ImageDtype<E>> } & TensorsOf<S>> {
  const { dtype, channels, rows = 1 } = pixelForm(encoding);
  argument("image", "size", sizeSchema, size);
  checkSelections("image", more);
  const [height, width] = size;
  if (rows !== 1 && (height % 2 !== 0 || width % 2 !== 0)) {
    throw new IsochronError("message/size", `an image of ${width}×${height} has no half as many rows of colour`, {
      help: `${encoding} takes an even height and width`,
    });
  }
  const word = bytesOf(dtype);
  const row = width * channels * word;
  return describe(
    "sensor_msgs/msg/Image",
    more,
    (planner, offset) => {
      planner.expect("height", height);
      planner.expect("width", width);
      planner.expect("encoding", encoding);
      const bigEndian = planner.keep("is_bigendian");
      const step = planner.keep("step");
      const all = height * rows;
      planner.bytes("data", (path) => ({ op: "rows", height: all, row, word, step, bigEndian, offset, path }));
    },
    pixels(encoding, size),
  ) as InputMessage<{ readonly data: TensorType<ImageDtype<E>> } & TensorsOf<S>>;
}

/**
 * A sensor_msgs/msg/CompressedImage of fixed size as one tensor `data`; `more` selects further fields.
 *
 * It is a JPEG or a PNG; for `mono16` and `16UC1` a PNG of 16 bits or `compressedDepth`, for `32FC1` the distances of
 * `compressedDepth` in metres, NaN where there is none. Throws `message/encoding`.
 */
export function compressedImage<E extends PictureEncoding, const S extends Selections = Record<never, never>>(
  encoding: E,
  size: Size,
  more: S = {} as S,
): InputMessage<{ readonly data: TensorType<ImageDtype<E>> } & TensorsOf<S>> {
  expectPictureEncoding(encoding);
  argument("compressedImage", "size", sizeSchema, size);
  checkSelections("compressedImage", more);
  const [height, width] = size;
  return describe(
    "sensor_msgs/msg/CompressedImage",
    more,
    (planner, offset) => {
      // Depth that was quantised looks like depth that was not; its format tells.
      if (encoding === "mono16" || encoding === "16UC1") planner.never("format", "32FC1");
      if (encoding === "32FC1") planner.never("format", "16UC1");
      planner.bytes("data", (path) => ({ op: "picture", encoding, height, width, offset, path }));
    },
    pixels(encoding, size),
  ) as InputMessage<{ readonly data: TensorType<ImageDtype<E>> } & TensorsOf<S>>;
}

/** A message of selections, and of a tensor `data` before them if there is one, which `own` fills at its offset. */
function describe<S extends Selections>(
  type: string,
  selections: S,
  own: (planner: DecodePlanner, offset: number) => void,
  data?: TensorType,
): InputMessage<TensorsOf<S>> {
  const resolve = (definitions: Definitions = Definitions.common): ResolvedMessage<TensorsOf<S>> => {
    const planner = new DecodePlanner(type, definitions);
    const measured = Object.entries(selections).map(([name, selection]) => {
      if (selection.kind === "fields") {
        const extent = planner.measure(selection);
        const put = (offset: number) => planner.select(extent, selection.dtype, offset);
        return { name, dtype: selection.dtype, shape: extent.shape, put };
      }
      const dtype: Arithmetic = selection.kind === "stamp" ? "i64" : selection.dtype;
      const put = (offset: number) =>
        selection.kind === "stamp"
          ? planner.time(selection.path, offset)
          : planner.count(selection.path, selection.dtype, offset);
      return { name, dtype, shape: [], put };
    });
    const first = data ? [{ name: "data", dtype: data.dtype, shape: data.shape as number[], put: () => {} }] : [];
    const all = [...first, ...measured];
    if (new Set(all.map(({ name }) => name)).size < all.length) {
      throw new IsochronError("message/name", 'two tensors are named "data"', {
        help: "an image's pixels are its tensor data; give the other another name",
      });
    }
    const { slotBytes, fields: placed } = layoutSlot(
      all.map(({ name, dtype, shape }) => ({
        name,
        dtype,
        shape: [...shape],
        bytes: shape.reduce((a, b) => a * b, bytesOf(dtype)),
      })),
    );
    all.forEach(({ put }, at) => {
      put(placed[at]!.offset);
    });
    own(planner, 0);
    const types = Object.fromEntries(all.map(({ name, dtype, shape }) => [name, tensorType(dtype, shape)]));
    return { type: fullTypeName(type), fields: types as TensorsOf<S>, plan: planner.plan(slotBytes) };
  };
  return { type: fullTypeName(type), resolve };
}

/** What of a message an output fills: a field's path, or several for its elements, the texts that it chooses, or a sequence that it counts. */
export type OutputTarget = string | FieldSelection | TextSelection | CountSelection;

/**
 * Which fields outputs fill, by the outputs' names, and by fields' paths, which are constant or the time of publication.
 *
 * `{ angle: "drive.steering_angle", left: fields(["left.intercept", "left.slope"]), "header.frame_id": fixed("map") }`
 *
 * A tensor that fills a sequence's elements, `{ x: "detections[*].bbox.center.position.x", found: count("detections") }`, fills
 * as many as there are: what counts them is known, whether it is among the outputs shown or not, unless one is named for it. An element by
 * its name, `{ knee: "position[name=left_knee]" }`, stands where the list `name` has it: in that of a `fixed` one, or in the
 * order in which they are filled.
 */
export type OutputMapping<Output extends string = never> = AnyMapping & { readonly [K in Output]?: OutputTarget };
type AnyMapping = { readonly [name: string]: OutputTarget | FixedSelection | StampSelection | undefined };

/** Fields of well-known messages by the names that controllers give their outputs. */
const usualPlaces: { readonly [type: string]: { readonly [output: string]: string } } = {
  "ackermann_msgs/msg/AckermannDriveStamped": {
    steeringAngle: "drive.steering_angle",
    speed: "drive.speed",
    acceleration: "drive.acceleration",
  },
};

/**
 * The plan that shows outputs as a message.
 *
 * An output that `mapping` does not name fills the field of its name, in camel case or snake case, or the usual place of a
 * well-known type. All else has its definition's initial value, but for the header's stamp, the time of publication.
 */
export function outputPlan(
  type: string,
  slotBytes: number,
  outputs: readonly PlacedField[],
  mapping: OutputMapping = {},
  definitions: Definitions = Definitions.common,
): EncodePlan {
  const planner = new EncodePlanner(type, definitions);
  const usual = usualPlaces[fullTypeName(type)] ?? {};
  // Names of elements that are fixed are known before one is filled.
  for (const [path, target] of Object.entries(mapping)) {
    if (target === undefined || outputs.some(({ name }) => name === path)) continue;
    if (isFilled(target)) {
      const known = outputs.map(({ name }) => name).join(", ");
      throw new IsochronError("message/unknown-output", `there is no output "${path}" for ${fullTypeName(type)}`, {
        help: `the outputs shown are ${known}; a field that always has one value is "${path}": fixed(VALUE)`,
      });
    }
    if (target.kind === "stamp") planner.stamp(path);
    else planner.fix(path, target.value);
  }
  const paths = new Map<string, string>();
  const counts: PlacedField[] = [];
  for (const output of outputs) {
    const { name } = output;
    const snake = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
    const own = [name, snake].find((each) => planner.has(each));
    const target = mapping[name] ?? usual[name] ?? own;
    if (target === undefined && outputs.some((each) => `${each.name}Count` === name)) {
      counts.push(output);
      continue;
    }
    if (target === undefined && outputs.some((each) => countsIt(each, output))) continue;
    if (target === undefined) throw noPlace(name, fullTypeName(type), planner.paths);
    if (!isFilled(target)) throw notATarget(name, fullTypeName(type));
    if (typeof target === "string") planner.spread(field(target), output);
    else if (target.kind === "fields") planner.spread(target, output);
    else if (target.kind === "texts") planner.choose(target, output);
    else planner.count(target.path, output);
    if (typeof target === "string" || target.kind !== "count") {
      paths.set(name, pathOf(target));
      planner.countBy(output, pathsOf(target));
    }
  }
  for (const output of counts) {
    const path = paths.get(output.name.replace(/Count$/, ""));
    const sequence = path === undefined ? undefined : planner.sequenceOf(path);
    if (sequence === undefined) throw noPlace(output.name, fullTypeName(type), planner.paths);
    planner.count(sequence, output);
  }
  planner.countRest();
  return planner.plan(slotBytes);
}

/** Whether an output fills it, rather than a value that is known. */
const isFilled = (target: NonNullable<OutputMapping[string]>): target is OutputTarget =>
  typeof target === "string" || (target.kind !== "fixed" && target.kind !== "stamp");

const pathsOf = (target: Exclude<OutputTarget, CountSelection>): readonly string[] =>
  typeof target === "string" ? [target] : target.kind === "fields" ? target.paths : [target.path];

const pathOf = (target: Exclude<OutputTarget, CountSelection>): string => pathsOf(target)[0]!;

/** Whether an output says how many elements another has. */
const countsIt = ({ counts = [] }: PlacedField, { offset }: PlacedField): boolean =>
  counts.some((each) => each?.offset === offset);

const noPlace = (name: string, type: string, paths: readonly string[]): IsochronError =>
  new IsochronError("message/unknown-field", `${type} has no field for the output "${name}"`, {
    help:
      paths.length === 0
        ? "it has no fields: leave the output out"
        : didYouMean(
            name,
            paths,
            `name the field that it fills: { ${name}: "PATH" }; its fields are ${shownPaths(paths)}`,
          ),
  });

const notATarget = (name: string, type: string): IsochronError =>
  new IsochronError("message/unknown-output", `output "${name}" is given no field of ${type}`, {
    help: `name the field that it fills: { ${name}: "PATH" }`,
  });
