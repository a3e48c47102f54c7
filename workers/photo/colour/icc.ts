/** ICC profiles that are a curve a channel and a matrix (ICC.1:2022, F.3), or one grey curve. Others are named as such. Pure. */
import { ascii, type Bytes, viewOf } from '../bytes.ts';

/** From an encoded value to a linear one, both 0 to 1. */
export type Curve = (value: number) => number;

export type Profile =
  /** `matrix`: linear RGB to XYZ (D50), row by row. */
  | { readonly kind: 'rgb'; readonly curves: readonly [Curve, Curve, Curve]; readonly matrix: readonly number[] }
  | { readonly kind: 'grey'; readonly curve: Curve }
  /** Tables, CMYK, Lab: the browser has to convert it. */
  | { readonly kind: 'other' };

const OTHER: Profile = { kind: 'other' };

/** Never throws: what makes no sense is `other`. */
export function readProfile(icc: Bytes): Profile {
  try {
    return parse(icc);
  } catch {
    return OTHER;
  }
}

function parse(icc: Bytes): Profile {
  const view = viewOf(icc);
  const space = ascii(icc, 16, 20);
  const tags = new Map<string, DataView>();
  const count = view.getUint32(128);
  if (count > 200) return OTHER;
  for (let i = 0; i < count; i++) {
    const at = 132 + 12 * i;
    const [offset, length] = [view.getUint32(at + 4), view.getUint32(at + 8)];
    if (offset + length > icc.length) return OTHER;
    tags.set(ascii(icc, at, at + 4), new DataView(icc.buffer, icc.byteOffset + offset, length));
  }
  if (space === 'GRAY') {
    const curve = tags.get('kTRC');
    return curve && !tags.has('A2B0') ? { kind: 'grey', curve: readCurve(curve) } : OTHER;
  }
  if (space !== 'RGB ' || ascii(icc, 20, 24) !== 'XYZ ' || tags.has('A2B0')) return OTHER;
  const [red, green, blue] = ['r', 'g', 'b'].map((name) => {
    const curve = tags.get(`${name}TRC`);
    const column = tags.get(`${name}XYZ`);
    if (!curve || !column) throw new RangeError('no curve or column');
    const fixed = (at: number) => column.getInt32(at) / 65536;
    return { curve: readCurve(curve), column: [fixed(8), fixed(12), fixed(16)] as const };
  });
  if (!red || !green || !blue) return OTHER;
  const matrix = [0, 1, 2].flatMap((row) => [red, green, blue].map(({ column }) => column[row] as number));
  return { kind: 'rgb', curves: [red.curve, green.curve, blue.curve], matrix };
}

/** ICC.1 10.6 and 10.18. */
function readCurve(view: DataView): Curve {
  const type = view.getUint32(0);
  if (type === 0x63757276) {
    const count = view.getUint32(8);
    if (count === 0) return (value) => value;
    if (count === 1) return power(view.getUint16(12) / 256);
    const table = Float64Array.from({ length: count }, (_, i) => view.getUint16(12 + 2 * i) / 65535);
    return (value) => {
      const place = Math.min(1, Math.max(0, value)) * (count - 1);
      const low = Math.min(count - 2, Math.floor(place));
      const [a, b] = [table[low] as number, table[low + 1] as number];
      return a + (b - a) * (place - low);
    };
  }
  if (type !== 0x70617261) throw new RangeError('an unknown kind of curve');
  const kind = view.getUint16(8);
  const [g = 1, a = 1, b = 0, c = 0, d = 0, e = 0, f = 0] = Array.from(
    { length: [1, 3, 4, 5, 7][kind] ?? 0 },
    (_, i) => view.getInt32(12 + 4 * i) / 65536,
  );
  if (!(g > 0)) throw new RangeError('a curve without a power');
  if (kind === 0) return power(g);
  const raised = (x: number) => Math.max(0, a * x + b) ** g;
  if (kind === 1) return (x) => (x >= -b / a ? raised(x) : 0);
  if (kind === 2) return (x) => (x >= -b / a ? raised(x) + c : c);
  if (kind === 3) return (x) => (x >= d ? raised(x) : c * x);
  return (x) => (x >= d ? raised(x) + e : c * x + f);
}

const power = (gamma: number): Curve => {
  if (!(gamma > 0)) throw new RangeError('a power that is not above 0');
  return (value) => Math.max(0, value) ** gamma;
};

/** IEC 61966-2-1. */
export const srgbCurve: Curve = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
export const srgbInverse: Curve = (value) => (value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055);

/** Linear sRGB to XYZ, adapted to D50 as profiles have it (Bradford; ICC's sRGB profile). */
export const SRGB_MATRIX: readonly number[] = [
  0.4360747, 0.3850649, 0.1430804, 0.2225045, 0.7168786, 0.0606169, 0.0139322, 0.0971045, 0.7141733,
];
/** The same for Display P3 (SMPTE EG 432-1 primaries, D65). */
export const P3_MATRIX: readonly number[] = [
  0.515102, 0.291965, 0.157153, 0.241182, 0.692236, 0.066582, -0.001049, 0.041882, 0.784378,
];
