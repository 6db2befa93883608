// Writes ONNX models: the few messages of onnx.proto that the peers of the benchmarks need, as protobuf bytes.

/** An initializer of a model. */
export interface Initializer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int8Array | Uint8Array | Int32Array | BigInt64Array;
}

type AttributeValue = number | { readonly float: number } | string | readonly number[];

/** A node of a model; a bare number is an integer attribute. */
export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: { readonly [name: string]: AttributeValue };
}

/** A named tensor at the model's edge. */
export interface Port {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type?: "f32" | "u8" | "i8";
}

/** What a model is made of. */
export interface OnnxModel {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly initializers: readonly Initializer[];
  readonly nodes: readonly OnnxNode[];
}

const elementType = { f32: 1, u8: 2, i8: 3 } as const;

const typeOf = (data: Initializer["data"]): number => {
  if (data instanceof Float32Array) return 1;
  if (data instanceof Uint8Array) return 2;
  if (data instanceof Int8Array) return 3;
  return data instanceof Int32Array ? 6 : 7;
};

function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const integer = (field: number, value: number): Buffer => Buffer.concat([varint(field << 3), varint(value)]);

function run(field: number, content: Uint8Array | string | readonly Buffer[]): Buffer {
  const body = Array.isArray(content) ? Buffer.concat(content) : Buffer.from(content as Uint8Array | string);
  return Buffer.concat([varint((field << 3) | 2), varint(body.length), body]);
}

function float(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), bytes]);
}

const tensorProto = ({ name, shape, data }: Initializer): Buffer[] => [
  ...shape.map((size) => integer(1, size)),
  integer(2, typeOf(data)),
  run(8, name),
  run(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
];

function attributeProto(name: string, value: AttributeValue): Buffer[] {
  if (typeof value === "number") return [run(1, name), integer(3, value), integer(20, 2)];
  if (typeof value === "string") return [run(1, name), run(4, value), integer(20, 3)];
  if ("float" in value) return [run(1, name), float(2, value.float), integer(20, 1)];
  return [run(1, name), ...value.map((each) => integer(8, each)), integer(20, 7)];
}

const nodeProto = ({ op, inputs, outputs, attributes = {} }: OnnxNode): Buffer[] => [
  ...inputs.map((name) => run(1, name)),
  ...outputs.map((name) => run(2, name)),
  run(4, op),
  ...Object.entries(attributes).map(([name, value]) => run(5, attributeProto(name, value))),
];

function portProto({ name, shape, type = "f32" }: Port): Buffer[] {
  const dimensions = shape.map((size) => run(1, [integer(1, size)]));
  return [run(1, name), run(2, [run(1, [integer(1, elementType[type]), run(2, dimensions)])])];
}

/** The bytes of a model of operator set 17. */
export const encodeModel = ({ inputs, outputs, initializers, nodes }: OnnxModel): Buffer =>
  Buffer.concat([
    integer(1, 8),
    run(7, [
      ...nodes.map((node) => run(1, nodeProto(node))),
      run(2, "bench"),
      ...initializers.map((each) => run(5, tensorProto(each))),
      ...inputs.map((each) => run(11, portProto(each))),
      ...outputs.map((each) => run(12, portProto(each))),
    ]),
    run(8, [run(1, ""), integer(2, 17)]),
  ]);
