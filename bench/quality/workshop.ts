/** What the bench needs beside the repository, made once and kept in the cache: pictures, feature extractor, MAXIM. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readPhoto } from '../../tools/restore/files.ts';
import type { Photo } from '../../workers/pipeline/photo.ts';
import type { Options } from './options.ts';
import { hashOf, type Recipe } from './set.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export class Workshop {
  readonly #options: Options;
  readonly recipe: Recipe;
  readonly hash: string;

  constructor(options: Options, recipe: Recipe) {
    this.#options = options;
    this.recipe = recipe;
    this.hash = hashOf(recipe);
  }

  /** A place in the cache. */
  path(...parts: string[]): string {
    return join(this.#options.cache, ...parts);
  }

  get #set(): string {
    return this.path(`set-${this.hash.slice(0, 12)}`);
  }

  /** Makes what is missing. @throws Error when Python or the photos are missing, or a picture is not the recipe's */
  async prepare(): Promise<void> {
    await mkdir(this.#options.cache, { recursive: true });
    const { data } = this.#options;
    if (!existsSync(join(this.#set, 'set.json'))) {
      if (!data) throw new Error('Name the folder of the photos with --data: the pictures are not made yet.');
      await this.python('set.make', '--photos', join(data, 'val'), '--out', this.#set);
    }
    if (!existsSync(this.path('resnet50.onnx'))) await this.python('resnet', '--cache', this.#options.cache);
    const made = JSON.parse(await readFile(join(this.#set, 'set.json'), 'utf8')) as { hash: string; wrong: string[] };
    if (made.hash !== this.hash || made.wrong.length > 0) {
      throw new Error(`${this.#set} does not hold the pictures of the recipe: ${made.wrong.length} differ.`);
    }
  }

  /** Runs MAXIM where pictures are missing; takes hours on two cores. */
  async maxim(): Promise<void> {
    const { cache, threads } = this.#options;
    await this.python('maxim.run', '--set', this.#set, '--cache', cache, '--threads', String(threads));
  }

  /** @param kind a task, or `clean` */
  picture(kind: string, photo: string): Promise<Photo> {
    return readPhoto(join(this.#set, kind, `${photo}.png`));
  }

  /** What MAXIM made of a picture, null where it was not run. */
  async maximPicture(task: string, photo: string): Promise<Photo | null> {
    const file = this.path('maxim', this.hash, task, `${photo}.png`);
    return existsSync(file) ? readPhoto(file) : null;
  }

  /** A module of bench/quality. */
  python(module: string, ...args: string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const command = ['-W', 'ignore', '-m', `bench.quality.${module}`, ...args];
      const child = spawn(this.#options.python, command, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
      child.once('error', reject);
      child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${module} ended with ${code}`))));
    });
  }
}
