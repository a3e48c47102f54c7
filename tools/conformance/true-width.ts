/** PyTorch's outputs for the blocks of `block-pack.ts` at RealRestorer's width (tools/pack/fixtures/true_width.py). */
import { fileURLToPath } from 'node:url';
import { Checkpoint } from '../pack/safetensors.ts';
import type { Block } from './block-calls.ts';

const FOLDERS = ['true-width', 'true-width-qwen'].map((name) =>
  fileURLToPath(new URL(`../pack/fixtures/${name}`, import.meta.url)),
);

/** Expected outputs of a block by name. */
export async function readTrueWidth(block: Block): Promise<Record<string, Float32Array>> {
  const file = await Checkpoint.open(FOLDERS);
  try {
    switch (block) {
      case 'double.0':
        return { img: await file.read('double.img'), txt: await file.read('double.txt') };
      case 'single.0':
        return { img: await file.read('single.img'), txt: await file.read('single.txt') };
      case 'vision.0':
      case 'text.0':
        return { x: await file.read(`${block.slice(0, -2)}.x`) };
      case 'last.0': {
        // The target's tokens come first.
        const img = await file.read('single.img');
        return { img: img.subarray(0, img.length / 2) };
      }
    }
  } finally {
    await file.close();
  }
}
