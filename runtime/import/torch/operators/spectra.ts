// PyTorch's Fourier transforms, and the complex numbers that they give, as pairs.

import { isTensor } from "../../../capture/methods/symbolic.ts";
import { concat, constant, full, stack, type Tensor } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { type Complex, transform } from "../../onnx/operators/fourier.ts";
import { cast, type TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { floatType } from "../promotion.ts";
import { TorchComplex, TorchTensor, type TorchValue } from "../values.ts";
import { given, operator, type TorchOperator, type TorchResult } from "./definition.ts";

type Ranges = readonly (readonly [number, number])[];

const wholes = (x: Tensor, count: number): Ranges => x.shape.slice(0, count).map((size) => [0, size] as const);

/** One part of complex numbers. */
const partOf = (pairs: Tensor, at: 0 | 1): Tensor =>
  pairs.slice(...wholes(pairs, pairs.shape.length - 1), [at, at + 1]).squeeze(-1);

const zerosLike = (x: Tensor): Tensor => full(x.dtype, x.shape, 0);

/** Real and imaginary parts of a tensor, of real numbers the former alone. */
export const partsOf = (value: TorchValue): Complex => {
  if (value instanceof TorchComplex) return { real: partOf(value.pairs, 0), imaginary: partOf(value.pairs, 1) };
  if (!(value instanceof TorchTensor)) throw torchMisfit("a transform takes tensors");
  const x = value.read();
  return { real: cast(x, floatType(x.dtype)), imaginary: undefined };
};

export const complexOf = ({ real, imaginary }: Complex): TorchComplex =>
  new TorchComplex(stack([real, imaginary ?? zerosLike(real)], real.shape.length));

const each = ({ real, imaginary }: Complex, run: (x: Tensor) => Tensor): Complex => ({
  real: run(real),
  imaginary: imaginary && run(imaginary),
});

/** What a transform is divided by, by the name of its norm. */
function factorOf(norm: string, size: number, isForward: boolean): number {
  if (norm === "ortho") return 1 / Math.sqrt(size);
  const divides = norm === "forward" ? isForward : !isForward;
  return divides ? 1 / size : 1;
}

/** The last dimension of another length: cut, or with zeros. */
function resized(x: Tensor, size: number): Tensor {
  const own = x.shape.at(-1)!;
  const lead = x.shape.length - 1;
  if (own === size) return x;
  if (own > size) return x.slice(...wholes(x, lead), [0, size]);
  return concat([x, full(x.dtype, [...x.shape.slice(0, -1), size - own], 0)], lead);
}

/** The transform of a line of numbers, of any batch. */
function lines(x: Complex, sign: 1 | -1): Complex {
  const { shape } = x.real;
  const size = shape.at(-1)!;
  const rows = countOf(shape.slice(0, -1));
  const flat = each(x, (part) => part.reshape([rows, size]));
  return each(transform(flat, sign), (part) => part.reshape(shape));
}

const half = (size: number): number => Math.floor(size / 2) + 1;

/** The numbers that mirror those of one side: X_(n−k) is X_k with the other sign of its imaginary part. */
function mirrored(x: Complex, size: number): Complex {
  const count = half(size);
  const { real, imaginary } = each(x, (part) => resized(part, count));
  const inner = size - count;
  if (inner === 0) return { real, imaginary };
  const axis = real.shape.length - 1;
  const behind = (part: Tensor): Tensor => part.slice(...wholes(part, axis), [1, 1 + inner]).flip([axis]);
  return {
    real: concat([real, behind(real)], axis),
    imaginary: imaginary && concat([imaginary, behind(imaginary).neg()], axis),
  };
}

export type Kind = "fft" | "ifft" | "rfft" | "irfft";

/** A transform along one dimension. */
export function transformed(
  value: TorchValue,
  kind: Kind,
  axis: number,
  given: number | undefined,
  norm: string,
): TorchResult {
  const x = partsOf(value);
  const rank = x.real.shape.length;
  const at = axis < 0 ? axis + rank : axis;
  const moved = each(x, (part) => part.transpose(at, rank - 1));
  const own = moved.real.shape.at(-1)!;
  const size = given ?? (kind === "irfft" ? 2 * (own - 1) : own);
  const isForward = kind === "fft" || kind === "rfft";
  const from = kind === "irfft" ? mirrored(moved, size) : each(moved, (part) => resized(part, size));
  const factor = factorOf(norm, size, isForward);
  const found = each(lines(from, isForward ? -1 : 1), (part) => (factor === 1 ? part : part.mul(factor)));
  const cut = kind === "rfft" ? each(found, (part) => resized(part, half(size))) : found;
  const back = each(cut, (part) => part.transpose(at, rank - 1));
  return kind === "irfft" ? back.real : { value: complexOf(back) };
}

/** A result as what the next transform takes. */
export const operandOf = (result: TorchResult): TorchValue =>
  isTensor(result) ? TorchTensor.of(result) : (result as { readonly value: TorchValue }).value;

const oneDimension = (kind: Kind): readonly TorchOperator[] =>
  ["Tensor", "Complex"].map((type) =>
    operator(`fft_${kind}(${type} self, int? n=None, int dim=-1, str? norm=None) -> Tensor`, (call) =>
      transformed(
        call.value("self"),
        kind,
        call.int("dim"),
        call.has("n") ? call.int("n") : undefined,
        call.text("norm"),
      ),
    ),
  );

const otherWay: { readonly [norm: string]: string } = { ortho: "ortho", forward: "backward" };

/** Transforms of signals whose transforms are real: those of the other direction, of mirrored numbers. */
const hermitian: readonly TorchOperator[] = ["Tensor", "Complex"].flatMap((type) =>
  (["fft_hfft", "fft_ihfft"] as const).map((name) =>
    operator(`${name}(${type} self, int? n=None, int dim=-1, str? norm=None) -> Tensor`, (call) => {
      const mirror = ({ real, imaginary }: Complex): TorchValue => complexOf({ real, imaginary: imaginary?.neg() });
      const isFirst = name === "fft_hfft";
      const self = call.value("self");
      const found = transformed(
        isFirst ? mirror(partsOf(self)) : self,
        isFirst ? "irfft" : "rfft",
        call.int("dim"),
        call.has("n") ? call.int("n") : undefined,
        otherWay[call.text("norm")] ?? "forward",
      );
      return isFirst ? found : given(mirror(partsOf(operandOf(found))));
    }),
  ),
);

/** Transforms along several dimensions, one after the other; real ones begin, or end, with the last. */
const manyDimensions = (name: string, kind: Kind, twoAlone: boolean): readonly TorchOperator[] =>
  ["Tensor", "Complex"].map((type) =>
    operator(
      `${name}(${type} self, int[1]? s=None, int[1]${twoAlone ? " dim=[-2,-1]" : "? dim=None"}, str? norm=None) -> Tensor`,
      (call) => {
        let value = call.value("self");
        const rank = partsOf(value).real.shape.length;
        const sizes = call.has("s") ? call.ints("s") : [];
        const all = call.has("dim")
          ? call.ints("dim").map((axis) => (axis < 0 ? axis + rank : axis))
          : Array.from({ length: sizes.length || rank }, (_, at) => rank - (sizes.length || rank) + at);
        const norm = call.text("norm");
        const plain = kind === "rfft" ? "fft" : kind === "irfft" ? "ifft" : kind;
        const order = all.map((_, at) => at);
        if (kind === "rfft") order.reverse();
        for (const [turn, at] of order.entries()) {
          const isReal = (kind === "rfft" && turn === 0) || (kind === "irfft" && turn === order.length - 1);
          value = operandOf(transformed(value, isReal ? kind : plain, all[at]!, sizes[at], norm));
        }
        return given(value);
      },
    ),
  );

/** A window of a transform's length, ones where none is given. */
function windowOf(call: TorchCall, size: number, dtype: Tensor["dtype"]): Tensor {
  const length = call.has("win_length") ? call.int("win_length") : size;
  const window = call.optional("window") ?? full(dtype, [length], 1);
  const before = Math.floor((size - length) / 2);
  return length === size ? window : window.pad([before], [size - length - before]);
}

/** Frames of a signal, [batch, frames, size]. */
function framed(x: Tensor, size: number, hop: number): Tensor {
  const count = Math.floor((x.shape[1]! - size) / hop) + 1;
  if (count < 1) throw torchMisfit(`stft of ${x.shape[1]} samples in frames of ${size}`);
  const places = Array.from({ length: count * size }, (_, at) => Math.floor(at / size) * hop + (at % size));
  return x.indexSelect(1, constant(places, "i64", [places.length])).reshape([x.shape[0]!, count, size]);
}

const hopOf = (call: TorchCall, size: number): number =>
  call.has("hop_length") ? call.int("hop_length") : Math.floor(size / 4);

/** Spectra of frames, [batch, frequencies, frames]; without a batch as the signal is. */
function shortTime(call: TorchCall): TorchResult {
  if (call.has("align_to_window") && call.flag("align_to_window")) throw unsupportedTorch("stft with align_to_window");
  const self = partsOf(call.value("self"));
  const size = call.int("n_fft");
  const isSingle = self.real.shape.length === 1;
  let x = isSingle ? each(self, (part) => part.unsqueeze(0)) : self;
  if (call.has("center") && call.flag("center")) {
    const around = Math.floor(size / 2);
    const mode = call.text("pad_mode");
    const known = { constant: "constant", reflect: "reflect", replicate: "replicate", circular: "circular" } as const;
    if (!Object.hasOwn(known, mode)) throw unsupportedTorch(`padding of mode "${mode}"`);
    x = each(x, (part) => part.pad([0, around], [0, around], { mode: known[mode as keyof typeof known] }));
  }
  const window = windowOf(call, size, x.real.dtype);
  const frames = each(x, (part) => framed(part, size, hopOf(call, size)).mul(window));
  const isOneSided = call.has("onesided") ? call.flag("onesided") : !x.imaginary;
  if (isOneSided && x.imaginary) throw torchMisfit("stft of complex numbers has two sides");
  const factor = call.flag("normalized") ? 1 / Math.sqrt(size) : 1;
  const spectrum = each(lines(frames, -1), (part) => {
    const scaled = factor === 1 ? part : part.mul(factor);
    const sided = isOneSided ? resized(scaled, half(size)) : scaled;
    const turned = sided.permute([0, 2, 1]);
    return isSingle ? turned.squeeze(0) : turned;
  });
  const complex = complexOf(spectrum);
  return call.flag("return_complex") ? given(complex) : complex.pairs;
}

/** The signal that spectra of frames are of: frames added where they overlap, by the squares of their windows. */
function inverseShortTime(call: TorchCall): TorchResult {
  const x = partsOf(call.value("self"));
  const size = call.int("n_fft");
  const hop = hopOf(call, size);
  const isSingle = x.real.shape.length === 2;
  const moved = each(x, (part) => (isSingle ? part.unsqueeze(0) : part).permute([0, 2, 1]));
  const isOneSided = call.has("onesided") ? call.flag("onesided") : moved.real.shape[2] !== size;
  const factor = (call.flag("normalized") ? Math.sqrt(size) : 1) / size;
  const isComplex = call.flag("return_complex");
  if (isComplex && isOneSided) throw torchMisfit("istft gives complex numbers of spectra with two sides only");
  const frames = each(lines(isOneSided ? mirrored(moved, size) : moved, 1), (part) => part.mul(factor));
  const [batch, count] = frames.real.shape as [number, number];
  const window = windowOf(call, size, frames.real.dtype);
  const length = size + hop * (count - 1);
  const places = constant(
    Array.from({ length: count * size }, (_, at) => Math.floor(at / size) * hop + (at % size)),
    "i64",
    [count * size],
  );
  const added = (values: Tensor, rows: number) =>
    full(values.dtype, [rows, length], 0).indexAdd(1, places, values.reshape([rows, count * size]));
  const squares = added(window.mul(window).broadcastTo([1, count, size]), 1);
  const start = call.flag("center") ? Math.floor(size / 2) : 0;
  const end = call.has("length") ? start + call.int("length") : call.flag("center") ? length - start : length;
  const signal = (part: Tensor): Tensor => {
    const sums = added(part.mul(window), batch);
    const whole = resized(sums.div(squares).slice([0, batch], [start, Math.min(end, length)]), end - start);
    return isSingle ? whole.squeeze(0) : whole;
  };
  return isComplex ? given(complexOf(each(frames, signal))) : signal(frames.real);
}

const pairsOf = (call: TorchCall): Tensor => (call.value("self") as TorchComplex).pairs;

const ofComplex = (name: string, run: (real: Tensor, imaginary: Tensor) => TorchResult): TorchOperator =>
  operator(`${name}(Complex self) -> Tensor`, (call) => run(partOf(pairsOf(call), 0), partOf(pairsOf(call), 1)));

type Two = (a: Complex, b: Complex) => Complex;

/** Arithmetic where one operand is complex at least. */
const binary = (name: string, run: Two): readonly TorchOperator[] =>
  (
    [
      ["Complex", "Complex"],
      ["Complex", "Tensor"],
      ["Tensor", "Complex"],
    ] as const
  ).map(([self, other]) =>
    operator(`${name}.Tensor(${self} self, ${other} other) -> Tensor`, (call) =>
      given(complexOf(run(partsOf(call.value("self")), partsOf(call.value("other"))))),
    ),
  );

export const imaginaryOf = ({ real, imaginary }: Complex): Tensor => imaginary ?? zerosLike(real);

const times: Two = (a, b) => {
  if (!a.imaginary) return each(b, (part) => part.mul(a.real));
  if (!b.imaginary) return each(a, (part) => part.mul(b.real));
  return {
    real: a.real.mul(b.real).sub(a.imaginary.mul(b.imaginary)),
    imaginary: a.real.mul(b.imaginary).add(a.imaginary.mul(b.real)),
  };
};

const through: Two = (a, b) => {
  if (!b.imaginary) return each(a, (part) => part.div(b.real));
  const square = b.real.mul(b.real).add(b.imaginary.mul(b.imaginary));
  return each(times(a, { real: b.real, imaginary: b.imaginary.neg() }), (part) => part.div(square));
};

const hypotenuse = (real: Tensor, imaginary: Tensor): Tensor => real.mul(real).add(imaginary.mul(imaginary)).sqrt();

/** Frequencies of a transform's numbers. */
const frequencies = (name: string, run: (size: number) => readonly number[]): TorchOperator =>
  operator(
    `${name}(int n, float d=1.0, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor`,
    (call) => {
      const size = call.int("n");
      const all = run(size).map((at) => at / (size * call.float("d")));
      return constant(all, call.dtype("dtype", "f32"), [all.length]);
    },
  );

const shifted = (name: string, amount: (size: number) => number): TorchOperator =>
  operator(`${name}(Tensor self, int[1]? dim=None) -> Tensor`, (call) => {
    const x = call.tensor("self");
    const rank = x.shape.length;
    const axes = call.has("dim")
      ? call.ints("dim").map((axis) => (axis < 0 ? axis + rank : axis))
      : x.shape.map((_, at) => at);
    return x.roll(
      axes.map((axis) => amount(x.shape[axis]!)),
      axes,
    );
  });

export const spectra: readonly TorchOperator[] = [
  ...["Tensor", "Complex"].flatMap((type) => [
    operator(
      `stft(${type} self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor`,
      shortTime,
    ),
    operator(
      `stft.center(${type} self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor`,
      shortTime,
    ),
  ]),
  operator(
    "istft(Complex self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor",
    inverseShortTime,
  ),
  ...(["fft", "ifft", "rfft", "irfft"] as const).flatMap((kind) => [
    ...oneDimension(kind),
    ...manyDimensions(`fft_${kind}2`, kind, true),
    ...manyDimensions(`fft_${kind}n`, kind, false),
  ]),
  ...hermitian,
  frequencies("fft_fftfreq", (size) =>
    Array.from({ length: size }, (_, at) => (at < Math.ceil(size / 2) ? at : at - size)),
  ),
  frequencies("fft_rfftfreq", (size) => Array.from({ length: half(size) }, (_, at) => at)),
  shifted("fft_fftshift", (size) => Math.floor(size / 2)),
  shifted("fft_ifftshift", (size) => -Math.floor(size / 2)),
  ofComplex("abs", hypotenuse),
  ofComplex("angle", (real, imaginary) => imaginary.atan2(real)),
  ofComplex("real", (real) => real),
  ofComplex("imag", (_, imaginary) => imaginary),
  ...["conj", "_conj", "resolve_conj"].map((name) =>
    ofComplex(name, (real, imaginary) =>
      given(complexOf({ real, imaginary: name === "resolve_conj" ? imaginary : imaginary.neg() })),
    ),
  ),
  operator("view_as_real(Complex self) -> Tensor", pairsOf),
  operator("view_as_complex(Tensor self) -> Tensor", (call) => given(new TorchComplex(call.tensor("self")))),
  operator("complex(Tensor real, Tensor imag) -> Tensor", (call) =>
    given(complexOf({ real: call.tensor("real"), imaginary: call.tensor("imag") })),
  ),
  operator("polar(Tensor abs, Tensor angle) -> Tensor", (call) => {
    const [size, angle] = [call.tensor("abs"), call.tensor("angle")];
    return given(complexOf({ real: size.mul(angle.cos()), imaginary: size.mul(angle.sin()) }));
  }),
  ...binary("add", (a, b) => ({ real: a.real.add(b.real), imaginary: imaginaryOf(a).add(imaginaryOf(b)) })),
  ...binary("sub", (a, b) => ({ real: a.real.sub(b.real), imaginary: imaginaryOf(a).sub(imaginaryOf(b)) })),
  ...binary("mul", times),
  ...binary("div", through),
];
