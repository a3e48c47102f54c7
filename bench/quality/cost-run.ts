/**
 * One measurement in a process of its own, so that its wasm heap is its own: `tsx cost-run.ts ours PACK PICTURE THREADS` or
 * `tsx cost-run.ts maxim MODEL PICTURE THREADS`. onnxruntime-web, wasm. Prints one line of JSON.
 */
import { readFile } from 'node:fs/promises';
import { openEngine } from '../../tools/backend-node/backend.ts';
import { loadOrt } from '../../tools/backend-node/ort.ts';
import { readPhoto } from '../../tools/restore/files.ts';
import type { Photo } from '../../workers/pipeline/photo.ts';
import { restorePhoto } from '../../workers/pipeline/restore.ts';
import { watchHeap } from '../../workers/runtime/ort.ts';
import { SEED } from './measure.ts';

const [kind, model = '', picture = '', threads = '2'] = process.argv.slice(2);
const heapBytes = watchHeap();
const photo = await readPhoto(picture);
const run = kind === 'ours' ? await openOurs() : await openMaxim(photo);
const milliseconds: number[] = [];
// The first run also prepares weights; MAXIM takes so long that one has to do.
for (let i = 0; i < (kind === 'ours' ? 3 : 1); i++) {
  const start = performance.now();
  await run();
  milliseconds.push(performance.now() - start);
}
console.log(JSON.stringify({ milliseconds, heapBytes: heapBytes(), rssBytes: process.resourceUsage().maxRSS * 1024 }));
process.exit(0);

async function openOurs() {
  const engine = await openEngine(model, 'wasm', Number(threads));
  return () => restorePhoto(engine, photo, { task: 'rain', seed: SEED });
}

async function openMaxim({ width, height, rgb }: Photo) {
  const ort = await loadOrt('wasm', Number(threads));
  const options = { executionProviders: ['wasm'], logSeverityLevel: 3 } as const;
  const session = await ort.InferenceSession.create(await readFile(model), options);
  const values = Float32Array.from(rgb, (level) => level / 255);
  return () => session.run({ photo: new ort.Tensor('float32', values, [1, height, width, 3]) });
}
