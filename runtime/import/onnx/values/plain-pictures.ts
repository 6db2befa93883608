// Pictures that are stored as they are: BMP, PNM and TIFF without compression, in three colours or grey of 8 bits.
import { modelError, unsupported } from "../import-error.ts";

/** Rows from the top, red, green and blue of each pixel. */
export interface Pixels {
  readonly height: number;
  readonly width: number;
  readonly rgb: Uint8Array;
}

/** The most pixels that are decoded. */
const mostPixels = 2 ** 28;

/** Pixels of which `at` says where in the file each colour is. Throws `import/model` where the file ends before. */
function pixelsOf(
  bytes: Uint8Array,
  height: number,
  width: number,
  at: (y: number, x: number, colour: number) => number,
): Pixels {
  if (!(height > 0 && width > 0 && height * width <= mostPixels))
    throw modelError(`a picture has ${height} rows of ${width}`);
  // No pixel is less than a byte: memory is taken for those that there are.
  if (height * width > bytes.length) throw modelError("a picture is cut short");
  const rgb = new Uint8Array(height * width * 3);
  for (let y = 0, place = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let colour = 0; colour < 3; colour++, place++) {
        const value = bytes[at(y, x, colour)];
        if (value === undefined) throw modelError("a picture is cut short");
        rgb[place] = value;
      }
  return { height, width, rgb };
}

/** A number of a header. Throws `import/model` where the file ends before. */
function numberAt(bytes: Uint8Array, at: number, size: 2 | 4, isLittle = true): number {
  if (!(at >= 0 && at + size <= bytes.length)) throw modelError("a picture is cut short");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return size === 2 ? view.getUint16(at, isLittle) : view.getUint32(at, isLittle);
}

/** BMP: rows from the bottom unless the height is negative, each of a multiple of 4 bytes, blue first. */
function bitmap(bytes: Uint8Array): Pixels {
  const [start, width] = [numberAt(bytes, 10, 4), numberAt(bytes, 18, 4)];
  const rows = numberAt(bytes, 22, 4) | 0;
  const [bits, compression] = [numberAt(bytes, 28, 2), numberAt(bytes, 30, 4)];
  if ((bits !== 24 && bits !== 32) || compression !== 0)
    throw unsupported(`a BMP of ${bits} bits and compression ${compression}`);
  const height = Math.abs(rows);
  const step = Math.ceil((width * bits) / 32) * 4;
  return pixelsOf(bytes, height, width, (y, x, colour) => {
    return start + (rows > 0 ? height - 1 - y : y) * step + x * (bits / 8) + 2 - colour;
  });
}

/** PNM: three numbers as text, with comments between, and one blank before the pixels. */
function anyMap(bytes: Uint8Array): Pixels {
  const header = new TextDecoder("latin1").decode(bytes.subarray(0, 4096));
  const between = "(?:\\s|#[^\\n]*\\n)+";
  const found = new RegExp(`^P([56])${between}(\\d+)${between}(\\d+)${between}(\\d+)\\s`).exec(header);
  if (!found) throw unsupported("a PNM that is neither P5 nor P6");
  const [whole, kind, width, height, most] = found;
  if (Number(most) !== 255) throw unsupported(`a PNM of numbers up to ${most}`);
  const colours = kind === "6" ? 3 : 1;
  return pixelsOf(bytes, Number(height), Number(width), (y, x, colour) => {
    return whole.length + (y * Number(width) + x) * colours + (colours === 3 ? colour : 0);
  });
}

/** TIFF: entries of 12 bytes say how large it is and where its strips of rows lie. */
function tagged(bytes: Uint8Array): Pixels {
  const isLittle = bytes[0] === 0x49;
  const number = (at: number, size: 2 | 4) => numberAt(bytes, at, size, isLittle);
  const directory = number(4, 4);
  const entries = new Map<number, number[]>();
  for (let each = 0; each < number(directory, 2); each++) {
    const at = directory + 2 + each * 12;
    const type = number(at + 2, 2);
    const size = type === 3 ? 2 : 4;
    if (type !== 3 && type !== 4) continue;
    const count = number(at + 4, 4);
    const start = count * size <= 4 ? at + 8 : number(at + 8, 4);
    if (start + count * size > bytes.length) throw modelError("a picture is cut short");
    entries.set(
      number(at, 2),
      Array.from({ length: count }, (_, index) => number(start + index * size, size)),
    );
  }
  const one = (tag: number, otherwise: number): number => entries.get(tag)?.[0] ?? otherwise;
  const [width, height] = [one(256, 0), one(257, 0)];
  const samples = one(277, 1);
  const isPlain = one(259, 1) === 1 && one(284, 1) === 1 && (entries.get(258) ?? [1]).every((bits) => bits === 8);
  const isKnown = (one(262, 0) === 2 && samples >= 3) || one(262, 0) === 1;
  if (!isPlain || !isKnown) throw unsupported("a TIFF that is compressed, or not grey or RGB of 8 bits");
  const [strips, rows] = [entries.get(273) ?? [], one(278, height)];
  return pixelsOf(bytes, height, width, (y, x, colour) => {
    const start = strips[Math.floor(y / rows)] ?? Number.NaN;
    return start + ((y % rows) * width + x) * samples + (one(262, 0) === 2 ? colour : 0);
  });
}

/** The pixels of a file of one of these formats; undefined for others. */
export function plainPicture(bytes: Uint8Array): Pixels | undefined {
  const first = new TextDecoder("latin1").decode(bytes.subarray(0, 4));
  if (first.startsWith("BM")) return bitmap(bytes);
  if (/^P[1-7]\s/.test(first)) return anyMap(bytes);
  return first === "II*\0" || first === "MM\0*" ? tagged(bytes) : undefined;
}
