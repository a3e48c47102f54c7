/** Small helpers for binary formats. Pure. */

export type Bytes = Uint8Array<ArrayBuffer>;

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** One byte a character; for tags and signatures. */
export const latin = (text: string): Bytes => Uint8Array.from(text, (letter) => letter.charCodeAt(0) & 255);

export function ascii(bytes: Uint8Array, from = 0, to = bytes.length): string {
  let text = '';
  for (let i = from; i < Math.min(to, bytes.length); i++) text += String.fromCharCode(bytes[i] as number);
  return text;
}

export function startsWith(bytes: Uint8Array, magic: string, at = 0): boolean {
  return bytes.length >= at + magic.length && ascii(bytes, at, at + magic.length) === magic;
}

export const utf8 = (text: string): Bytes => new TextEncoder().encode(text) as Bytes;
/** Never throws: what is no UTF-8 becomes replacement characters. */
export const fromUtf8 = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Bytes of a part of a file; fewer at its end. */
export async function readAt(file: Blob, from: number, length: number): Promise<Bytes> {
  return new Uint8Array(await file.slice(from, from + length).arrayBuffer());
}

async function through(bytes: Uint8Array, stream: CompressionStream | DecompressionStream, limit: number) {
  const parts: Uint8Array[] = [];
  let total = 0;
  const reader = new Blob([bytes as Bytes]).stream().pipeThrough(stream).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concat(...parts);
    total += value.length;
    if (total > limit) {
      void reader.cancel().catch(() => undefined);
      throw new RangeError(`unpacks to more than ${limit} bytes`);
    }
    parts.push(value);
  }
}

/** zlib. */
export const deflate = (bytes: Uint8Array): Promise<Bytes> =>
  through(bytes, new CompressionStream('deflate'), Number.POSITIVE_INFINITY);

/**
 * zlib.
 *
 * @throws RangeError above `limit` bytes, TypeError for broken data
 */
export const inflate = (bytes: Uint8Array, limit: number): Promise<Bytes> =>
  through(bytes, new DecompressionStream('deflate'), limit);
