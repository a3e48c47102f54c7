/** Restores pictures of the frozen set with a pack and measures them; every number is measured once. */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type NodeEngine, openEngine } from '../../tools/backend-node/backend.ts';
import { loadOrt } from '../../tools/backend-node/ort.ts';
import type { TaskId } from '../../workers/packs/manifest.ts';
import type { Photo } from '../../workers/pipeline/photo.ts';
import { restorePhoto } from '../../workers/pipeline/restore.ts';
import { gmsd } from './metrics/gmsd.ts';
import { psnr } from './metrics/psnr.ts';
import { ResNetDistance } from './metrics/resnet.ts';
import { ssim } from './metrics/ssim.ts';
import type { Options } from './options.ts';
import { type AutoStores, autoStores, levelStore, type Scores, type Store, scoreStore } from './store.ts';
import type { Workshop } from './workshop.ts';

/** Of every job here; another one gives other noise and much the same numbers. */
export const SEED = 42;

export interface How {
  readonly steps?: number;
  readonly ditOff?: boolean;
  /** Side of a tile, px. */
  readonly tile?: number;
}

/** Scores pictures against the clean photo. */
export class Judge {
  readonly #workshop: Workshop;
  readonly #resnet: ResNetDistance;
  readonly #inputs: Store<Scores>;

  private constructor(workshop: Workshop, resnet: ResNetDistance) {
    this.#workshop = workshop;
    this.#resnet = resnet;
    this.#inputs = scoreStore(resultsFile(workshop, 'input'));
  }

  static async open(workshop: Workshop, { provider, threads }: Options): Promise<Judge> {
    const ort = await loadOrt(provider, threads);
    return new Judge(workshop, await ResNetDistance.open(ort, provider, workshop.path('resnet50.onnx')));
  }

  async scores(picture: Photo, photo: string): Promise<Scores> {
    const clean = await this.#workshop.picture('clean', photo);
    return {
      psnr: psnr(picture, clean),
      ssim: ssim(picture, clean),
      resnet: await this.#resnet.of(picture, clean, photo),
      gmsd: gmsd(picture, clean),
    };
  }

  input(task: TaskId, photo: string): Promise<Scores> {
    const measure = async () => this.scores(await this.#workshop.picture(task, photo), photo);
    return this.#inputs.once(`${task}/${photo}`, measure);
  }
}

/** A pack under test. */
export class Contestant {
  readonly engine: NodeEngine;
  readonly #workshop: Workshop;
  readonly #judge: Judge;
  readonly #scores: Store<Scores>;
  readonly #levels: Store<number>;
  readonly autoStores: AutoStores;

  private constructor(engine: NodeEngine, workshop: Workshop, judge: Judge, name: string) {
    this.engine = engine;
    this.#workshop = workshop;
    this.#judge = judge;
    this.#scores = scoreStore(resultsFile(workshop, `${name}-scores`));
    this.#levels = levelStore(resultsFile(workshop, `${name}-clean`));
    this.autoStores = autoStores((kind) => resultsFile(workshop, `${name}-${kind}`));
  }

  static async open(folder: string, options: Options, workshop: Workshop, judge: Judge): Promise<Contestant> {
    const engine = await openEngine(folder, options.provider, options.threads);
    const name = `${(await packHash(folder)).slice(0, 12)}-${options.provider}`;
    return new Contestant(engine, workshop, judge, name);
  }

  get defaultSteps(): number {
    return this.engine.manifest.steps.default;
  }

  async restore(picture: Photo, task: TaskId, how: How = {}): Promise<Photo> {
    return restorePhoto(this.engine, picture, { task, seed: SEED, ...how });
  }

  scores(task: TaskId, photo: string, how: How = {}): Promise<Scores> {
    const kind = how.ditOff ? 'dit-off' : `${how.steps ?? this.defaultSteps} steps`;
    return this.#scores.once(`${kind}/${task}/${photo}`, async () =>
      this.#judge.scores(await this.restore(await this.#workshop.picture(task, photo), task, how), photo),
    );
  }

  /** dB between a clean photo and what the task makes of it. */
  cleanThrough(task: TaskId, photo: string): Promise<number> {
    return this.#levels.once(`${task}/${photo}`, async () => {
      const clean = await this.#workshop.picture('clean', photo);
      return psnr(await this.restore(clean, task), clean);
    });
  }
}

/** SHA-256 of the manifest, which holds those of all files. */
export async function packHash(folder: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(join(folder, 'manifest.json')))
    .digest('hex');
}

function resultsFile(workshop: Workshop, name: string): string {
  const folder = workshop.path(`results-${workshop.hash.slice(0, 12)}`);
  mkdirSync(folder, { recursive: true });
  return join(folder, `${name}.jsonl`);
}
