/** LZW and PackBits as in TIFF 6.0 (sections 13 and 9). Pure. */

/** @throws RangeError for codes that can't be @returns as much as fits into `length` */
export function unpackLzw(packed: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  /** Where the text of each code ends in `out`, and how long it is: every text was put out before. */
  const ends = new Int32Array(4097);
  const sizes = new Int32Array(4097);
  let [at, held, bits, width, next] = [0, 0, 0, 9, 258];
  let before = -1;
  let from = 0;
  for (;;) {
    while (bits < width) {
      if (from >= packed.length) return out.subarray(0, at);
      held = ((held << 8) | (packed[from++] as number)) & 0xffffff;
      bits += 8;
    }
    const code = (held >> (bits - width)) & ((1 << width) - 1);
    bits -= width;
    if (code === 257) return out.subarray(0, at);
    if (code === 256) {
      [width, next, before] = [9, 258, -1];
      continue;
    }
    if (code > next || (code === next && before < 0)) throw new RangeError(`LZW code ${code}`);
    const start = at;
    if (code < 256) {
      if (at < length) out[at] = code;
      at++;
    } else {
      // The newest code's text is the one before it and its first byte, which is being put out now.
      const size = code < next ? (sizes[code] as number) : at - before + 1;
      const source = code < next ? (ends[code] as number) - size : before;
      for (let i = 0; i < size && at < length; i++, at++) out[at] = out[source + i] as number;
    }
    if (before >= 0 && next < 4096) {
      ends[next] = start + 1;
      sizes[next] = start + 1 - before;
      next++;
    }
    before = start;
    if (at >= length) return out;
    // TIFF changes the width one code early.
    if (next + 1 >= 1 << width && width < 12) width++;
  }
}

export function unpackBits(packed: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let at = 0;
  for (let from = 0; from + 1 < packed.length && at < length; ) {
    const head = packed[from++] as number;
    if (head < 128) {
      const part = packed.subarray(from, Math.min(from + head + 1, from + length - at));
      out.set(part, at);
      at += part.length;
      from += head + 1;
    } else if (head > 128) {
      const end = Math.min(length, at + 257 - head);
      out.fill(packed[from++] as number, at, end);
      at = end;
    }
  }
  return out.subarray(0, at);
}
