/** Damaged manifests: refused with an EngineError, or as sound as the engine takes them to be. */
import { describe, expect, it } from 'vitest';
import { EngineError } from '../errors.ts';
import { damageBytes, type Random, random } from '../testing/fuzz.ts';
import { sampleManifest } from './manifest.sample.ts';
import type { Manifest } from './manifest.ts';
import { loadManifest, MAX_MANIFEST_BYTES } from './manifest-load.ts';
import { storedBytes } from './weights.ts';

const CASES = process.env.LONG ? 10_000 : 300;
/** Far more than any of this takes on a busy machine, far less than a loop that never ends. */
const SLOW_MS = 20_000;
const encode = (text: string) => new TextEncoder().encode(text);

/** JSON texts that take the place of a value. */
const NASTY = [
  ...['null', 'true', '-1', '0', '1', '0.5', '16', '-0', '1e999', '1e308', '2147483648', '9007199254740993'],
  ...['""', '"w"', '"enc"', '"__proto__"', '"constructor"', '"../x"', '".."', '"H/0"', '[]', '{}', '[[]]'],
  ...['{"__proto__":{}}', '{"constructor":{}}', `"${'a'.repeat(200)}"`, `${'['.repeat(2000)}${']'.repeat(2000)}`],
];

type Place = { holder: Record<string, unknown>; key: string };

function places(value: unknown, found: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null) return found;
  const holder = value as Record<string, unknown>;
  for (const key of Object.keys(holder)) {
    found.push({ holder, key });
    places(holder[key], found);
  }
  return found;
}

/** The sample with values replaced, dropped, renamed or taken from elsewhere in it; now and then broken as text. */
function damaged(draw: Random): Uint8Array {
  const manifest: unknown = sampleManifest();
  const texts = new Map<string, string>();
  for (let rounds = 1 + draw.below(3); rounds > 0; rounds--) {
    const all = places(manifest);
    const { holder, key } = draw.pick(all);
    switch (draw.below(7)) {
      case 0:
      case 1: {
        const mark = `\u0000${texts.size}`;
        texts.set(JSON.stringify(mark), draw.pick(NASTY));
        holder[key] = mark;
        break;
      }
      case 2:
        if (Array.isArray(holder)) holder.splice(Number(key), 1);
        else delete holder[key];
        break;
      case 3: {
        const other = draw.pick(all);
        holder[key] = structuredClone(other.holder[other.key]);
        break;
      }
      case 4:
        if (Array.isArray(holder)) holder.reverse();
        else {
          const value = holder[key];
          delete holder[key];
          holder[draw.pick(['x', 'toString', 'enc', `${key}2`])] = value;
        }
        break;
      default: {
        // Numbers that are off by a little pass the schema and must be held against the rest.
        const number = draw.pick(all.filter((place) => typeof place.holder[place.key] === 'number'));
        number.holder[number.key] = Number(number.holder[number.key]) + draw.pick([-64, -16, -1, 1, 16, 64, 512]);
      }
    }
  }
  let text = JSON.stringify(manifest);
  for (const [mark, put] of texts) text = text.replaceAll(mark, put);
  const bytes = encode(text);
  return draw.below(8) === 0 ? damageBytes(bytes, draw, bytes.length) : bytes;
}

const own = <T>(record: Record<string, T>, key: string, what: string): T => {
  const value = Object.hasOwn(record, key) ? record[key] : undefined;
  if (value === undefined) throw new Error(`${what}: ${key} is not there`);
  return value;
};

/** What the engine relies on without looking again. */
function checkSound(manifest: Manifest, what: string): void {
  const { graphs, instances, weights, files, vae, family, tile, steps } = manifest;
  for (const weight of Object.values(weights)) {
    expect(weight.offset + weight.bytes, what).toBeLessThanOrEqual(own(files, weight.shard, what).bytes);
    expect(storedBytes(weight), what).toBe(weight.bytes);
  }
  for (const graph of Object.values(graphs)) for (const { file } of graph.variants) own(files, file, what);
  for (const instance of Object.values(instances)) {
    for (const port of own(graphs, instance.graph, what).weights) {
      expect(own(weights, own(instance.weights, port.name, what), what).shape, what).toEqual(port.shape);
    }
  }
  for (const id of [...vae.encode, ...vae.decode]) own(instances, id, what);
  for (const { bytes, pieces } of Object.values(files)) expect(pieces.length, what).toBe(Math.ceil(bytes / 2 ** 23));
  expect(tile.overlap, what).toBeLessThan(Math.min(tile.gpu, tile.wasm));
  expect((tile.gpu | tile.wasm | tile.overlap) % (family.factor * family.patch), what).toBe(0);
  expect(steps.min <= steps.default && steps.default <= steps.max, what).toBe(true);
}

function outcomeOf(bytes: Uint8Array, what: string): string {
  const start = performance.now();
  try {
    const manifest = loadManifest(bytes);
    checkSound(manifest, what);
    // Written out and read again it is the same.
    const text = JSON.stringify(manifest);
    expect(JSON.stringify(loadManifest(encode(text))), what).toBe(text);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    expect(error.code, what).toBe('pack-damaged');
    expect(error.message.length, what).toBeGreaterThan(0);
    return error.message.replace(/\d+/g, 'n');
  } finally {
    expect(performance.now() - start, what).toBeLessThan(SLOW_MS);
  }
}

describe('loadManifest on damaged manifests', () => {
  it(`refuses or is right on ${CASES} seeded cases`, () => {
    const outcomes = new Map<string, number>();
    for (let seed = 0; seed < CASES; seed++) {
      const outcome = outcomeOf(damaged(random(seed)), `seed ${seed}`);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    // Damage of many kinds, some of it harmless (a title, a hash).
    expect(outcomes.get('accepted')).toBeGreaterThan(0);
    expect(outcomes.size).toBeGreaterThan(30);
  });

  it('refuses what is nested as deep as fits', () => {
    expect(outcomeOf(encode('['.repeat(MAX_MANIFEST_BYTES)), 'nested')).not.toBe('accepted');
    expect(outcomeOf(encode(`{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`), 'nested')).not.toBe('accepted');
  });
});
