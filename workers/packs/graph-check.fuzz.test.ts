/** Damaged and hostile graphs: refused with one sentence, or as harmless as what the builder writes. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../errors.ts';
import { damageBytes, type Random, random } from '../testing/fuzz.ts';
import { checkGraph } from './graph-check.ts';
import { GRAPH_LIMITS, isGraphOp } from './graph-ops.ts';
import { loadManifest } from './manifest-load.ts';
import { fields, message, text } from './wire.ts';

const CASES = process.env.LONG ? 10_000 : 400;
/** Far more than a graph takes on a busy machine, far less than a loop that never ends. */
const SLOW_MS = 20_000;
const FOLDER = new URL('../../public/packs/small/', import.meta.url);
const manifest = loadManifest(readFileSync(new URL('manifest.json', FOLDER)));
const graphs = Object.values(manifest.graphs).flatMap((spec) =>
  spec.variants.map(({ file, mode }) => ({
    spec,
    file,
    mode,
    bytes: new Uint8Array(readFileSync(new URL(file, FOLDER))),
  })),
);

const varint = (value: number): number[] => (value > 127 ? [(value & 127) | 128, ...varint(value >>> 7)] : [value]);
const field = (number: number, bytes: readonly number[]): number[] => [
  ...varint(number * 8 + 2),
  ...varint(bytes.length),
  ...bytes,
];
const ascii = (word: string) => [...new TextEncoder().encode(word)];

/** Things that ONNX allows and packs do not hold, put behind what is there. */
const HOSTILE: Readonly<Record<string, readonly number[]>> = {
  'a function': field(25, field(1, ascii('f'))),
  metadata: field(14, field(1, ascii('k'))),
  'a training graph': field(20, []),
  'a second graph': field(7, []),
  'operators of another domain': field(8, [...field(1, ascii('ai.onnx.ml')), 16, 1]),
  'a loop': field(7, field(1, [...field(2, ascii('y')), ...field(4, ascii('Loop'))])),
  'a number that never ends': [8, ...Array<number>(40).fill(0xff)],
  'a length beyond the end': [58, 0xff, 0xff, 0xff, 0xff, 0x07],
  'a length of 2^63': [58, ...Array<number>(9).fill(0xff), 0x7f],
};

/** The graph's own message replaced by the same with `more` in it. */
function into(bytes: Uint8Array, more: readonly number[]): Uint8Array {
  const out: number[] = [];
  for (const each of fields(bytes)) {
    if (each.number === 7) out.push(...field(7, [...message(each), ...more]));
    else if (each.kind === 'int') out.push(...varint(each.number * 8), ...varint(each.value));
    else if (each.kind === 'bytes') out.push(...field(each.number, [...each.value]));
  }
  return Uint8Array.from(out);
}

function outcomeOf(which: (typeof graphs)[number], bytes: Uint8Array, what: string): string {
  const start = performance.now();
  try {
    checkGraph(which.file, bytes, which.spec, which.mode);
    expect(bytes.byteLength, what).toBeLessThanOrEqual(GRAPH_LIMITS.bytes);
    for (const outer of fields(bytes)) {
      if (outer.number !== 7) continue;
      for (const node of fields(message(outer))) if (node.number === 1) expectAllowed(message(node), what);
    }
    return 'accepted';
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    expect(error.code, what).toBe('pack-damaged');
    expect(error.message, what).toMatch(/^The graph .+\.$/s);
    return error.message
      .replace(/^.*: /s, '')
      .replace(/[\d.,]+|\b\w+:\w+/g, 'n')
      .slice(0, 40);
  } finally {
    expect(performance.now() - start, what).toBeLessThan(SLOW_MS);
  }
}

function expectAllowed(node: Uint8Array, what: string): void {
  let op = '';
  let domain = '';
  for (const each of fields(node)) {
    if (each.number === 4) op = text(each, 100);
    if (each.number === 7) domain = text(each, 100);
  }
  expect(isGraphOp(domain, op), `${what}: ${domain} ${op}`).toBe(true);
}

/** Anywhere in the file: field numbers, lengths and names are all over it. */
function damaged(bytes: Uint8Array, draw: Random): Uint8Array {
  const from = draw.below(bytes.length);
  const tail = damageBytes(bytes.subarray(from), draw, bytes.length - from);
  const out = new Uint8Array(from + tail.length);
  out.set(bytes.subarray(0, from));
  out.set(tail, from);
  return out;
}

describe('checkGraph on hostile graphs', () => {
  it(`refuses or is right on ${CASES} seeded cases`, () => {
    const outcomes = new Map<string, number>();
    for (let seed = 0; seed < CASES; seed++) {
      const draw = random(seed);
      const which = draw.pick(graphs);
      const outcome = outcomeOf(which, damaged(which.bytes, draw), `seed ${seed}, ${which.file}`);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    // Much of a graph is names of nodes and numbers of attributes, which may be anything.
    expect(outcomes.size).toBeGreaterThan(20);
    expect(outcomes.get('accepted') ?? 0).toBeLessThan(CASES / 2);
  });

  it.each(Object.entries(HOSTILE))('refuses %s', (what, more) => {
    for (const which of graphs) {
      expect(outcomeOf(which, Uint8Array.from([...which.bytes, ...more]), what), what).not.toBe('accepted');
    }
  });

  const node = (op: string, input: string, output: string, more: number[] = []) =>
    field(1, [...field(1, ascii(input)), ...field(2, ascii(output)), ...field(4, ascii(op)), ...more]);
  it.each<[string, RegExp, number[]]>([
    ['an operator that reads files', /operator/, node('Loop', '', 'x')],
    ['a value that is made later', /before it is made/, node('Add', 'later', 'x')],
    ['a value that is made twice', /made twice/, [...node('Exp', '', 'twice'), ...node('Exp', '', 'twice')]],
    [
      'an attribute with a graph',
      /attribute/,
      node('Exp', '', 'x', field(5, [...field(1, ascii('g')), ...field(6, [])])),
    ],
    [
      'an attribute with a tensor',
      /attribute/,
      node('Exp', '', 'x', field(5, [...field(1, ascii('t')), ...field(5, [])])),
    ],
    ['weights in another file', /constant/, field(5, [...field(8, ascii('w')), ...field(13, [])])],
    [
      'a constant of a petabyte',
      /cut off/,
      field(5, [8, ...varint(2 ** 30), 8, ...varint(2 ** 20), 16, 1, ...field(8, ascii('w'))]),
    ],
    ['a sparse constant', /field 15/, field(15, [])],
    [
      'an output that nothing makes',
      /never made|outputs/,
      field(12, [...field(1, ascii('z')), ...field(2, field(1, [8, 1]))]),
    ],
    [
      'too many nodes',
      /too many nodes/,
      Array.from({ length: GRAPH_LIMITS.nodes }, (_, i) => node('Exp', '', `e${i}`)).flat(),
    ],
  ])('refuses %s', (what, pattern, more) => {
    const which = graphs.find(({ file }) => file === 'embed.onnx');
    if (!which) throw new Error('no such graph');
    expect(() => checkGraph(which.file, into(which.bytes, more), which.spec, which.mode), what).toThrow(pattern);
    // What it is made from is fine, so what was put in is what is refused.
    checkGraph(which.file, into(which.bytes, []), which.spec, which.mode);
  });

  it('takes all graphs of the folder, and a graph file is none of other bytes', () => {
    expect(readdirSync(FOLDER).filter((name) => name.endsWith('.onnx')).length).toBe(
      new Set(graphs.map(({ file }) => file)).size,
    );
    for (const which of graphs) expect(outcomeOf(which, new Uint8Array(), 'empty')).not.toBe('accepted');
  });
});
