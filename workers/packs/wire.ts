/**
 * Reads protobuf's wire format, strictly: every read is inside its message, lengths are checked before they are used, and
 * the reader of a message decides on every field (what nobody knows is refused by the caller).
 */
export class WireError extends Error {}

/** One field: its number, and its value as a number (varint, fixed32 as float) or as a view of its bytes. */
export type Field =
  | { readonly number: number; readonly kind: 'int'; readonly value: number }
  | { readonly number: number; readonly kind: 'float'; readonly value: number }
  | { readonly number: number; readonly kind: 'bytes'; readonly value: Uint8Array };

/** @throws WireError */
export function* fields(bytes: Uint8Array): Generator<Field> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 10; shift++) {
      const byte = bytes[at];
      if (byte === undefined) throw new WireError('ends inside a number');
      at += 1;
      // Negative numbers take ten bytes; what does not fit is not written by the builder.
      value += (byte & 127) * 2 ** (7 * shift);
      if (byte < 128) {
        if (shift === 9) return Number(BigInt.asIntN(64, big(at)));
        if (!Number.isSafeInteger(value)) throw new WireError('a number is too large');
        return value;
      }
    }
    throw new WireError('a number does not end');
  };
  /** The ten bytes before `end`, exactly. */
  const big = (end: number): bigint => {
    let value = 0n;
    for (let i = 0; i < 10; i++) value |= BigInt((bytes[end - 10 + i] ?? 0) & 127) << BigInt(7 * i);
    return value;
  };
  while (at < bytes.byteLength) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    if (number < 1 || number > 1000) throw new WireError(`field ${number}`);
    switch (tag % 8) {
      case 0:
        yield { number, kind: 'int', value: varint() };
        break;
      case 2: {
        const length = varint();
        if (length < 0 || length > bytes.byteLength - at) throw new WireError('a field ends after its message');
        const value = bytes.subarray(at, at + length);
        at += length;
        yield { number, kind: 'bytes', value };
        break;
      }
      case 5:
        if (bytes.byteLength - at < 4) throw new WireError('ends inside a number');
        yield { number, kind: 'float', value: view.getFloat32(at, true) };
        at += 4;
        break;
      default:
        throw new WireError(`wire type ${tag % 8}`);
    }
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws WireError for a text that is longer than `limit` bytes or not UTF-8 */
export function text(field: Field, limit: number): string {
  if (field.kind !== 'bytes' || field.value.byteLength > limit) throw new WireError('a text that is none, or too long');
  try {
    return utf8.decode(field.value);
  } catch {
    throw new WireError('a text is not UTF-8');
  }
}

export function int(field: Field): number {
  if (field.kind !== 'int') throw new WireError('a number was expected');
  return field.value;
}

export function message(field: Field): Uint8Array {
  if (field.kind !== 'bytes') throw new WireError('a message was expected');
  return field.value;
}
