/** ITU T.81, annex K: quantisation K.1 and K.2, Huffman codes K.3 to K.6. Pure. */

export const ZIGZAG = Uint8Array.from([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47,
  55, 62, 63,
]);

const LUMA = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];
const CHROMA = [
  17,
  18,
  24,
  47,
  99,
  99,
  99,
  99,
  18,
  21,
  26,
  66,
  99,
  99,
  99,
  99,
  24,
  26,
  56,
  99,
  99,
  99,
  99,
  99,
  47,
  66,
  99,
  99,
  99,
  99,
  99,
  99,
  ...new Array<number>(32).fill(99),
];

/** libjpeg's scaling of the tables. @param quality 1 to 100 @returns row by row */
export function quantTables(quality: number): [Uint8Array, Uint8Array] {
  const scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  const scaled = (table: readonly number[]) =>
    Uint8Array.from(table, (value) => Math.min(255, Math.max(1, Math.floor((value * scale + 50) / 100))));
  return [scaled(LUMA), scaled(CHROMA)];
}

export interface Huffman {
  /** Codes of each length, 1 to 16. */
  readonly counts: readonly number[];
  readonly values: readonly number[];
}

const hex = (text: string): number[] => text.match(/../g)?.map((pair) => Number.parseInt(pair, 16)) ?? [];
const DC_VALUES = hex('000102030405060708090a0b');

/** DC and AC of luminance, DC and AC of chrominance. */
export const HUFFMAN: readonly { readonly dc: Huffman; readonly ac: Huffman }[] = [
  {
    dc: { counts: hex('00010501010101010100000000000000'), values: DC_VALUES },
    ac: {
      counts: hex('0002010303020403050504040000017d'),
      values: hex(
        '01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a' +
          '434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8' +
          'a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa',
      ),
    },
  },
  {
    dc: { counts: hex('00030101010101010101010000000000'), values: DC_VALUES },
    ac: {
      counts: hex('00020102040403040705040400010277'),
      values: hex(
        '0001020311040521310612415107617113223281081442' +
          '91a1b1c109233352f0156272d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758595a6364656667' +
          '68696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9ca' +
          'd2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa',
      ),
    },
  },
];

/** Code and length by value (T.81, C.2). */
export function huffmanCodes({ counts, values }: Huffman): { code: Uint16Array; size: Uint8Array } {
  const code = new Uint16Array(256);
  const size = new Uint8Array(256);
  let [next, at] = [0, 0];
  counts.forEach((count, i) => {
    for (let k = 0; k < count; k++, at++, next++) {
      code[values[at] as number] = next;
      size[values[at] as number] = i + 1;
    }
    next <<= 1;
  });
  return { code, size };
}
