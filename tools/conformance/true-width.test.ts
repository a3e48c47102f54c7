/**
 * One double, one single and one last block of RealRestorer's width (hidden 3072), one vision block and one language layer of
 * Qwen2.5-VL-7B's, at 4 bits, on onnxruntime-web's wasm, against PyTorch (tools/pack/fixtures/true_width*.py). e2e/true-width.spec.ts does it in a browser.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeBackend } from '../backend-node/backend.ts';
import { loadOrt } from '../backend-node/ort.ts';
import { PackFolder } from '../backend-node/pack-folder.ts';
import { relativeError } from '../pack/parity-helpers.ts';
import { BLOCKS, blockFeeds, runBlock, TEXT_BLOCKS } from './block-calls.ts';
import { makeBlockPack, TRUE_WIDTH } from './block-pack.ts';
import { readTrueWidth } from './true-width.ts';

let folder: string;
let pack: PackFolder;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'true-width-'));
  await makeBlockPack(folder, TRUE_WIDTH);
  pack = await PackFolder.open(folder, ['dit']);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each([...BLOCKS, ...TEXT_BLOCKS])('%s at its true width', (block) => {
  it('equals PyTorch to 1e-4 with 4-bit weights', async () => {
    const backend = new NodeBackend(await loadOrt('wasm', 1), 'wasm', pack);
    try {
      const outputs = await runBlock(backend, block, blockFeeds(pack.manifest, block));
      const expected = await readTrueWidth(block);
      expect(Object.keys(outputs).sort()).toEqual(Object.keys(expected).sort());
      for (const [name, values] of Object.entries(expected)) {
        const error = relativeError(outputs[name] ?? [], values);
        expect(error, `${block}.${name}: ${error}`).toBeLessThan(1e-4);
      }
    } finally {
      await backend.dispose();
    }
  });
});
