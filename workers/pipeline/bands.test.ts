import { describe, expect, it } from 'vitest';
import { EngineError } from '../errors.ts';
import { sampleManifest } from '../packs/manifest.sample.ts';
import { checkBands } from '../packs/manifest-bands.ts';
import { random } from '../testing/fuzz.ts';
import { type BandedGraph, cutOf, isBanded, maskOf, mergeStatistics, planBands } from './bands.ts';

function sample(name: 'half' | 'fold'): BandedGraph {
  const graph = sampleManifest().graphs[name];
  if (!isBanded(graph)) throw new Error(`the sample has no bands in ${name}`);
  return graph;
}

const half = sample('half');
const fold = sample('fold');
/** 10 rows of 6 outputs. */
const fed = { x: [1, 4, 20, 12], norm: [1, 2, 1, 2] };
const rowsOf = (spans: readonly { rows: number }[]) => spans.map(({ rows }) => rows);

/** An input, output or inner tensor with so many rows of `x`. */
const bytesFor = (rows: number) => 4 * 4 * 12 * (2 * rows + 1);

describe('planBands', () => {
  it('takes everything at once where the budget allows, and one row where it allows nothing', () => {
    expect(planBands('half', half, fed, Number.POSITIVE_INFINITY).bands).toEqual([{ start: 0, rows: 10 }]);
    expect(rowsOf(planBands('half', half, fed, 1).bands)).toEqual(Array(10).fill(1));
  });

  it('keeps the largest tensor within the budget, with bands about equally high', () => {
    expect(rowsOf(planBands('half', half, fed, bytesFor(4)).bands)).toEqual([4, 4, 2]);
    expect(rowsOf(planBands('half', half, fed, bytesFor(4) - 1).bands)).toEqual([3, 3, 3, 1]);
    // 8 rows would fit; two times 5 are more even.
    expect(rowsOf(planBands('half', half, fed, bytesFor(8)).bands)).toEqual([5, 5]);
  });

  it('keeps to multiples of what the graph can make', () => {
    const graph = structuredClone(half);
    Object.assign(graph.inputs[0] ?? {}, { shape: [1, 4, 'r/2+2', 'w'] });
    graph.inputs.splice(1, 1);
    const bands = rowsOf(planBands('up', graph, { ...fed, x: [1, 4, 5, 6] }, 1).bands);
    expect(bands).toEqual([2, 2, 2, 2, 2]);
  });

  it('says what comes out over the whole tile, and one row of statistics a band', () => {
    const plan = planBands('half', half, fed, bytesFor(4));
    expect(plan.outputs).toEqual({ x: [1, 4, 10, 6], statistics: [1, 2, 3, 2] });
  });

  it('cuts folded inputs by themselves, and both so that what is inside fits', () => {
    const shapes = { q: [1, 16, 8, 4], k: [1, 4, 16, 8] };
    const plan = planBands('fold', fold, shapes, 4 * 8 * 4 * 4);
    expect(rowsOf(plan.folds)).toEqual([4, 4, 4, 4]);
    // Scores of 4 rows of keys: 4 · 8 · 8 · 4 bytes a row of queries.
    expect(rowsOf(plan.bands)).toEqual(Array(16).fill(1));
  });

  it('refuses rows that do not fit together', () => {
    expect(() => planBands('half', half, { ...fed, x: [1, 4, 21, 12] }, 1)).toThrow(/fit together/);
    expect(() => planBands('half', half, { norm: [1, 2, 1, 2] }, 1)).toThrow(/no tensor for x/);
    expect(() => planBands('half', half, { ...fed, x: [1, 5, 20, 12] }, 1)).toThrow(/declared/);
  });
});

describe('cutOf and maskOf', () => {
  it('gives the rows of a band with its halo, and which of them lie outside', () => {
    const x = half.inputs[0];
    if (!x) throw new Error('no x');
    expect(cutOf(half, x, { start: 0, rows: 4 }, 20)).toEqual({ start: 0, rows: 8, before: 1, after: 0 });
    expect(cutOf(half, x, { start: 4, rows: 4 }, 20)).toEqual({ start: 7, rows: 9, before: 0, after: 0 });
    const first = cutOf(half, x, { start: 0, rows: 10 }, 19);
    expect([...maskOf(first)]).toEqual([0, ...Array(19).fill(1), 0]);
  });
});

describe('mergeStatistics', () => {
  it('equals the statistics of everything, also far from zero', () => {
    const draw = random(3);
    const groups = 2;
    const bands = [7, 1, 40].map((count) =>
      Array.from({ length: groups }, (_, g) => Array.from({ length: count }, () => 1e4 * g + draw.below(1000) / 100)),
    );
    const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    const varianceOf = (values: readonly number[]) => meanOf(values.map((value) => (value - meanOf(values)) ** 2));
    const parts = Float32Array.from([
      ...bands.flatMap((b) => b.map(meanOf)),
      ...bands.flatMap((b) => b.map(varianceOf)),
    ]);
    const merged = mergeStatistics(parts, [7, 1, 40], groups, 1e-6);
    for (let g = 0; g < groups; g++) {
      const all = bands.flatMap((band) => band[g] ?? []);
      expect((merged[g] ?? 0) / meanOf(all)).toBeCloseTo(1, 6);
      expect((merged[groups + g] ?? 0) * Math.sqrt(varianceOf(all) + 1e-6)).toBeCloseTo(1, 3);
    }
  });
});

describe('damaged descriptions', () => {
  it('that pass the check make bands that cover every row once, and cuts inside of the inputs', () => {
    const shapes = ['r', 's', 'r+2', 'r*2+1', 'r/2+2', 'r/4', 's*2', 'w', 'w*2', 1, 4];
    let accepted = 0;
    for (let seed = 0; seed < 4000; seed++) {
      const draw = random(seed);
      const graph = structuredClone(draw.pick([half, fold]));
      for (let rounds = 1 + draw.below(3); rounds > 0; rounds--) {
        const port = draw.pick([...graph.inputs, ...graph.outputs]);
        if (draw.below(3) > 0) port.shape[draw.below(4)] = draw.pick(shapes);
        else if (draw.below(2) > 0) graph.bands.above = [{ input: port.name, rows: 1 + draw.below(3) }];
        else graph.bands.scratch = [draw.pick(shapes), draw.pick(shapes)];
      }
      try {
        checkBands('x', graph);
        const sizes = new Map(Object.entries({ r: 16, s: 8, w: 4 }));
        const given = Object.fromEntries(
          graph.inputs.map(({ name, shape }) => [name, shape.map((side) => sizeOf(side, sizes))]),
        );
        const plan = planBands('x', graph, given, 1 + draw.below(5000));
        accepted++;
        for (const spans of [plan.bands, plan.folds]) {
          let next = 0;
          for (const { start, rows } of spans) {
            expect(start, `seed ${seed}`).toBe(next);
            next += rows;
          }
        }
        for (const port of graph.inputs) {
          const at = port.shape.findIndex((side) => String(side).startsWith('r'));
          const height = given[port.name]?.[at];
          if (height === undefined || [graph.bands.mask?.input, 'acc'].includes(port.name)) continue;
          for (const band of plan.bands) {
            const cut = cutOf(graph, port, band, height);
            expect(
              [cut.start, cut.before, cut.after].every((rows) => rows >= 0),
              `seed ${seed}`,
            ).toBe(true);
            expect(cut.rows, `seed ${seed}`).toBeGreaterThan(0);
            expect(cut.start + cut.rows, `seed ${seed}`).toBeLessThanOrEqual(height);
          }
        }
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        expect(error.code, `seed ${seed}: ${error.message}`).toMatch(/pack-damaged|internal/);
      }
    }
    expect(accepted).toBeGreaterThan(200);
  });
});

/** Size of a dimension without its halo: what the whole tile has. */
function sizeOf(side: string | number, sizes: ReadonlyMap<string, number>): number {
  if (typeof side === 'number') return side;
  const [, symbol = '', sign, factor] = /^([a-z])([*/])?(\d)?/.exec(side) ?? [];
  const size = sizes.get(symbol) ?? 1;
  return sign === '*' ? size * Number(factor) : sign === '/' ? size / Number(factor) : size;
}
