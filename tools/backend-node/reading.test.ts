/** Reading the photo as a part of a job: its own stage, each weight once for both prompts, let go before sampling, cancelled inside. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobSize, Tensor } from '../../workers/pipeline/backend.ts';
import type { JobOptions } from '../../workers/pipeline/job.ts';
import { encoderOf } from '../../workers/pipeline/qwen/choices.ts';
import { restorePhoto } from '../../workers/pipeline/restore.ts';
import type { Progress } from '../../workers/protocol.ts';
import { planMemory, planReading } from '../../workers/runtime/memory-plan.ts';
import { makeConformancePack } from '../conformance/make.ts';
import { NodeBackend, type NodeEngine, openEngine } from './backend.ts';
import { loadOrt } from './ort.ts';
import { PackFolder } from './pack-folder.ts';

let folder: string;
let engine: NodeEngine;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reading-'));
  await makeConformancePack(folder);
  engine = await openEngine(folder, 'wasm', 1);
});
afterAll(async () => {
  await engine.backend.dispose();
  await rm(folder, { recursive: true, force: true });
});

const [width, height] = [64, 48];
const photo = { width, height, rgb: Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 53) % 256) };
const job: JobOptions = { task: 'rain', seed: 3, steps: 2 };

/** A backend that writes down what is asked of it, and counts tensors that are alive. */
class Watched extends NodeBackend {
  readonly log: string[] = [];
  readonly live = new Set<Tensor>();

  async prepare(size: JobSize): Promise<number> {
    this.log.push(size.reads ? 'prepare to read' : 'prepare');
    return 1;
  }
  prefetch(instance: string): void {
    this.log.push(`prefetch ${instance}`);
  }
  override release(instance: string): void {
    this.log.push(`release ${instance}`);
    super.release(instance);
  }
  override upload(...args: Parameters<NodeBackend['upload']>): Tensor {
    return this.#count(super.upload(...args));
  }
  override join(...args: Parameters<NodeBackend['join']>): Tensor {
    return this.#count(super.join(...args));
  }
  override async run(...args: Parameters<NodeBackend['run']>): Promise<Record<string, Tensor>> {
    this.log.push(args[0]);
    const outputs = await super.run(...args);
    return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, this.#count(tensor)]));
  }

  #count(tensor: Tensor): Tensor {
    const dispose = tensor.dispose.bind(tensor);
    this.live.add(tensor);
    tensor.dispose = () => {
      if (!this.live.delete(tensor)) throw new Error('disposed twice');
      dispose();
    };
    return tensor;
  }
}

async function watched(): Promise<{ backend: Watched; engine: NodeEngine }> {
  const pack = await PackFolder.open(folder);
  const backend = new Watched(await loadOrt('wasm', 1), 'wasm', pack);
  return { backend, engine: { ...engine, backend } };
}

describe('a job of a pack that reads photos', () => {
  it('runs every block of the text encoder once, for both prompts, and lets each go before sampling', async () => {
    const { backend, engine: own } = await watched();
    await restorePhoto(own, photo, job);
    const { log } = backend;
    const read = ['vision.patch', 'vision.0', 'vision.1', 'vision.merger', 'text.0', 'text.1', 'text.norm'];
    expect(log.filter((line) => /^(vision|text)\./.test(line))).toEqual(read);
    expect(log.filter((line) => /^release (vision|text)\./.test(line))).toEqual(read.map((id) => `release ${id}`));
    expect(log[0]).toBe('prepare to read');
    const begins = log.indexOf('prepare');
    expect(log.indexOf('release text.norm')).toBeLessThan(begins);
    expect(log.indexOf('connector')).toBeGreaterThan(begins);
    // The weights of the next block come while one runs.
    expect(log.indexOf('prefetch text.1')).toBe(log.indexOf('text.0') - 1);
    expect(backend.live.size).toBe(0);
    await backend.dispose();
  });

  it('tells it as a stage of its own, with as many calls as were planned', async () => {
    const seen: Progress[] = [];
    const result = await restorePhoto(engine, photo, { ...job, events: { progress: (p) => seen.push({ ...p }) } });
    const stages = [...new Set(seen.map(({ stage }) => stage))];
    expect(stages).toEqual(['read', 'conditioning', 'encode', 'denoise', 'decode']);
    expect(seen.filter(({ stage }) => stage === 'read')).toHaveLength(8);
    seen.reduce((before, { fraction }) => {
      expect(fraction).toBeGreaterThanOrEqual(before);
      return fraction;
    }, 0);
    expect(seen.at(-1)?.fraction).toBe(1);
    expect(result.milliseconds.read).toBeGreaterThan(0);
  });

  it.each([1, 4, 7])('stops inside of it, after call %i, and leaves no tensor behind', async (calls) => {
    const { backend, engine: own } = await watched();
    const abort = new AbortController();
    let told = 0;
    const progress = () => {
      told += 1;
      if (told === calls) abort.abort();
    };
    const running = restorePhoto(own, photo, { ...job, signal: abort.signal, events: { progress } });
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    expect(told).toBe(calls);
    expect(backend.log).not.toContain('connector');
    expect(backend.live.size).toBe(0);
    await backend.dispose();
  });

  it('does not read where nothing is sampled', async () => {
    const { backend, engine: own } = await watched();
    await restorePhoto(own, photo, { ...job, ditOff: true });
    expect(backend.log.some((line) => line.startsWith('text.'))).toBe(false);
    await backend.dispose();
  });
});

describe('memory while reading', () => {
  it('streams every block of the text encoder, and counts none of it for the transformer', () => {
    const { manifest } = engine;
    const plan = planReading(manifest, 'f32');
    if (!plan) throw new Error('no plan');
    expect([...plan.weights.streamed]).toEqual(['vision.0', 'vision.1', 'text.0', 'text.1']);
    expect([plan.weights.resident.size, plan.weights.residentBytes]).toEqual([0, 0]);
    const { activationBytes, otherBytes, weights: parts, totalBytes } = plan;
    expect(totalBytes).toBe(activationBytes + otherBytes + parts.slotBytes + parts.stagingBytes);
    // A layer behind the prefix's 224 keys: 12 groups of the image, what closes it, the longest words, two closed prompts;
    // 12 tensors of 32 and 4 of the MLP's 64 columns, scores of 2 heads.
    const encoder = encoderOf(manifest);
    const words = Object.values(encoder?.prompts ?? {}).flatMap(({ en, zh }) => [en.length, zh.length]);
    const tokens = 12 + (encoder?.closeImage.length ?? 0) + Math.max(...words) + 2 * (encoder?.closePrompt.length ?? 0);
    expect(activationBytes).toBe(4 * (tokens * (12 * 32 + 4 * 64) + 2 * 2 * tokens * (tokens + 224)));
    const size = { width: 64, height: 64, steps: 2 };
    const { weights } = planMemory(manifest, 'f32', size, 3e9);
    expect([...weights.resident, ...weights.streamed].some((id) => /^(vision|text)\./.test(id))).toBe(false);
  });
});
