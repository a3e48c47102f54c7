/** Seeded damage for tests that feed parsers what nobody made on purpose. */
export interface Random {
  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number;
  pick<T>(from: readonly T[]): T;
}

/** A linear congruential generator (Numerical Recipes' constants); the same seed gives the same draws. */
export function random(seed: number): Random {
  let state = Math.imul(seed + 1, 2654435761) >>> 0;
  const below = (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  return {
    below,
    pick: <T>(from: readonly T[]) => {
      if (from.length === 0) throw new Error('nothing to pick from');
      return from[below(from.length)] as T;
    },
  };
}

/** Lengths, counts and sizes that parsers stumble over, as big- and little-endian numbers of 2 and 4 bytes. */
const NASTY = [0, 1, 2, 7, 8, 0x7f, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/**
 * A damaged copy: bytes and lengths overwritten, parts repeated, cut out or blanked, the end cut off.
 *
 * @param head damage is done within so many bytes of the start, where headers are
 */
export function damageBytes(bytes: Uint8Array, draw: Random, head = 400): Uint8Array {
  let out = bytes.slice();
  for (let rounds = 1 + draw.below(4); rounds > 0; rounds--) {
    const at = draw.below(Math.min(head, out.length));
    const end = Math.min(out.length, at + 1 + draw.below(64));
    switch (draw.below(6)) {
      case 0:
        out[at] = draw.below(256);
        break;
      case 1: {
        const view = new DataView(out.buffer);
        const value = draw.pick(NASTY);
        const little = draw.below(2) === 1;
        if (at + 4 <= out.length && draw.below(2) === 1) view.setUint32(at, value, little);
        else if (at + 2 <= out.length) view.setUint16(at, value & 0xffff, little);
        break;
      }
      case 2:
        out = join(out.subarray(0, end), out.subarray(at));
        break;
      case 3:
        out = join(out.subarray(0, at), out.subarray(end));
        break;
      case 4:
        out.fill(draw.pick([0, 0xff]), at, end);
        break;
      case 5:
        out = out.slice(0, at);
        break;
    }
    if (out.length === 0) break;
  }
  return out;
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}
