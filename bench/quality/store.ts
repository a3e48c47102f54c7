/** Measured numbers, a line each in a file of the cache, so that a run that was stopped goes on. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

export const scores = z.strictObject({
  /** dB */
  psnr: z.number(),
  ssim: z.number(),
  /** Distance of ResNet-50 features. */
  resnet: z.number(),
  gmsd: z.number(),
});
export type Scores = z.infer<typeof scores>;

/** What the pack proposed for a picture. */
const proposal = z.strictObject({ top: z.string(), sure: z.number() });
/** What it made of a clean one: dB to itself. */
const cleanResult = z.strictObject({ ...proposal.shape, psnr: z.number() });

export interface AutoStores {
  readonly proposals: Store<z.infer<typeof proposal>>;
  readonly clean: Store<z.infer<typeof cleanResult>>;
}

export class Store<T> {
  readonly #file: string;
  readonly #schema: z.ZodType<T>;
  readonly #known = new Map<string, T>();

  /** @param file of JSON lines `[key, value]`; a last line that was cut off is ignored */
  constructor(file: string, schema: z.ZodType<T>) {
    this.#file = file;
    this.#schema = schema;
    if (!existsSync(file)) return;
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const parsed = z.tuple([z.string(), schema]).safeParse(parse(line));
      if (parsed.success) this.#known.set(parsed.data[0], parsed.data[1]);
    }
  }

  get(key: string): T | undefined {
    return this.#known.get(key);
  }

  async once(key: string, measure: () => Promise<T>): Promise<T> {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const value = this.#schema.parse(await measure());
    appendFileSync(this.#file, `${JSON.stringify([key, value])}\n`);
    this.#known.set(key, value);
    return value;
  }
}

export const scoreStore = (file: string) => new Store(file, scores);
export const levelStore = (file: string) => new Store(file, z.number());

/** @param file of a kind, `proposals` or `clean-auto` */
export function autoStores(file: (kind: string) => string): AutoStores {
  return { proposals: new Store(file('proposals'), proposal), clean: new Store(file('clean-auto'), cleanResult) };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
