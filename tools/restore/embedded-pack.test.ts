/**
 * What the embedded pack does to demo photos, which no training has seen, against their clean originals. The margins
 * are far below what was measured at export (training/README.md), so that only a broken pack or pipeline falls under them.
 */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Pixels, psnr } from '../../e2e/support/pixels.ts';
import { TASK_IDS, type TaskId } from '../../workers/packs/manifest.ts';
import { proposeTask } from '../../workers/pipeline/auto.ts';
import type { Photo } from '../../workers/pipeline/photo.ts';
import { restorePhoto } from '../../workers/pipeline/restore.ts';
import { type NodeEngine, openEngine } from '../backend-node/backend.ts';
import { readPhoto } from './files.ts';

/** Side of the middle of each photo that is restored: enough for a job of a second on each. */
const SIDE = 320;

function middle({ width, height, rgb }: Photo): Photo {
  const [left, top] = [Math.floor((width - SIDE) / 2), Math.floor((height - SIDE) / 2)];
  const out = new Uint8Array(3 * SIDE * SIDE);
  for (let y = 0; y < SIDE; y++) {
    const from = 3 * ((top + y) * width + left);
    out.set(rgb.subarray(from, from + 3 * SIDE), 3 * SIDE * y);
  }
  return { width: SIDE, height: SIDE, rgb: out };
}

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/** Least gain in dB over the damaged photo. */
const cases: [TaskId, number][] = [
  ['noise', 1],
  ['compression', 0.05],
  ['haze', 2],
  ['low-light', 3],
];

describe('the embedded pack', () => {
  let engine: NodeEngine;
  const lost: Partial<Record<TaskId, number>> = {};

  beforeAll(async () => {
    engine = await openEngine(path('public/packs/small'), 'wasm', 2);
  });
  afterAll(() => engine.backend.dispose());

  it.each(cases)(
    'brings %s nearer to the clean photo by at least %d dB',
    async (task, least) => {
      const photo = middle(await readPhoto(path(`public/demo/${task}.jpg`)));
      const { rgb: data, ...size } = middle(await readPhoto(path(`e2e/fixtures/${task}-clean.jpg`)));
      const clean: Pixels = { ...size, data };
      const toClean = ({ width, height, rgb }: Photo) => psnr({ width, height, data: rgb }, clean);
      const before = toClean(photo);
      const after = toClean(await restorePhoto(engine, photo, { task, seed: 1 }));
      const without = toClean(await restorePhoto(engine, photo, { task, seed: 1, ditOff: true }));
      lost[task] = after - without;
      console.log(`${task}: ${before.toFixed(2)} dB -> ${after.toFixed(2)} dB, DiT off ${without.toFixed(2)} dB`);
      expect(after - before).toBeGreaterThan(least);
    },
    180_000,
  );

  it('proposes the task of most demo photos, and calls the clean ones clean', async () => {
    const right: string[] = [];
    for (const task of TASK_IDS) {
      const proposal = await proposeTask(engine, await readPhoto(path(`public/demo/${task}.jpg`)));
      console.log(`${task}: ${proposal?.top} (${proposal?.sure.toFixed(2)})`);
      if (proposal?.top === task) right.push(task);
    }
    // Eight when the pack was made.
    expect(right.length, right.join()).toBeGreaterThanOrEqual(7);
    for (const [task] of cases) {
      const clean = await readPhoto(path(`e2e/fixtures/${task}-clean.jpg`));
      expect((await proposeTask(engine, clean))?.top, task).toBe('clean');
    }
  }, 180_000);

  it('is worse without its DiT on at least two of them', () => {
    const worse = Object.values(lost).filter((decibels) => decibels > 0.2);
    expect(worse.length, JSON.stringify(lost)).toBeGreaterThanOrEqual(2);
  });
});
