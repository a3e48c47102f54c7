/** Settings of a job that the pack has values for already: graph inputs, so no other pack is needed to change them. */
import { EngineError } from '../errors.ts';
import type { Manifest } from '../packs/manifest.ts';
import { encoderOf, LANGUAGES, type ReadOptions, SEEN } from './qwen/choices.ts';

/** The VAE's encoder gives a distribution of latents: its mean, or numbers drawn from it (realrestorer.md E.2, J.7). */
export const POSTERIORS = ['mean', 'sample'] as const;
export type Posterior = (typeof POSTERIORS)[number];

export interface SwitchOptions extends ReadOptions {
  /** RoPE id of the reference tokens on axis 0 (realrestorer.md J.1). For packs whose reference is tokens. */
  readonly referenceId?: number;
  /** Value that the guidance embedder is given. For packs that have that embedder. */
  readonly guidanceEmbed?: number;
  /** Scale of classifier-free guidance; 1 is off: only the conditional branch runs. For packs with guidance. */
  readonly guidanceScale?: number;
  /**
   * First-block caching (`block-cache.ts`): the blocks behind the first are left out while its change differs by less than this
   * share from the last computed one. 0 and absent: off, every step is computed.
   */
  readonly firstBlockCache?: number;
  /**
   * From this timestep downwards the branch without prompt is no longer run, and its last difference to the other one counts on.
   * 0 and absent: off. For packs with guidance.
   */
  readonly skipUncond?: number;
  /** What the reference latents are; the mean where absent. For packs whose encoder gives `deviation`. */
  readonly posterior?: Posterior;
}

/** What a setting may be; as text, words for a sentence. */
export class Range {
  readonly #words: string;
  readonly holds: (value: number) => boolean;
  constructor(words: string, holds: (value: number) => boolean) {
    this.#words = words;
    this.holds = holds;
  }
  toString(): string {
    return this.#words;
  }
}

export const REFERENCE_IDS = new Range('0 or 1', (value) => value === 0 || value === 1);
export const GUIDANCE_EMBED = new Range('a number from 0 to 100', (value) => value >= 0 && value <= 100);
export const CACHE_SHARE = new Range('a number from 0 to 1', (value) => value >= 0 && value <= 1);
export const GUIDANCE_SCALE = new Range('a number from 1 to 20', (value) => value >= 1 && value <= 20);

/**
 * The manifest with a job's settings in place of the pack's.
 *
 * @throws EngineError 'internal' with a sentence, for a value out of range or a setting that the pack does not have
 */
export function withSwitches(manifest: Manifest, options: SwitchOptions): Manifest {
  const { referenceId, guidanceEmbed, guidanceScale, firstBlockCache, skipUncond } = options;
  let { family } = manifest;
  const switches = { ...manifest.switches };
  if (referenceId !== undefined) {
    check('reference id', switches.reference.kind === 'tokens', REFERENCE_IDS, referenceId);
    switches.reference = { kind: 'tokens', axis0: referenceId };
  }
  if (guidanceEmbed !== undefined) {
    check('guidance embedding', family.guidanceEmbed !== null, GUIDANCE_EMBED, guidanceEmbed);
    family = { ...family, guidanceEmbed };
  }
  if (guidanceScale !== undefined) {
    const { guidance } = switches;
    check('guidance scale', guidance.kind === 'cfg', GUIDANCE_SCALE, guidanceScale);
    if (guidanceScale === 1) switches.guidance = { kind: 'none' };
    else if (guidance.kind === 'cfg') switches.guidance = { ...guidance, scale: guidanceScale };
  }
  if (firstBlockCache !== undefined) check('first-block cache', true, CACHE_SHARE, firstBlockCache);
  if (skipUncond !== undefined) {
    check('branch without prompt', manifest.switches.guidance.kind === 'cfg', CACHE_SHARE, skipUncond);
  }
  checkReading(manifest, options);
  const { posterior } = options;
  if (posterior !== undefined) {
    known('spread of latents', posterior === 'mean' || hasPosterior(manifest));
    oneOf('posterior', POSTERIORS, posterior);
  }
  return { ...manifest, family, switches };
}

/** Whether the VAE's encoder says how far its latents may be off. */
export function hasPosterior({ vae, instances, graphs }: Manifest): boolean {
  const graph = graphs[instances[vae.encode.at(-1) ?? '']?.graph ?? ''];
  return graph?.outputs.some(({ name }) => name === 'deviation') ?? false;
}

function checkReading(manifest: Manifest, { promptLanguage, promptIds, seen }: ReadOptions): void {
  if (promptLanguage === undefined && promptIds === undefined && seen === undefined) return;
  known('text encoder', encoderOf(manifest) !== null);
  if (promptLanguage !== undefined) oneOf('language of the prompt', LANGUAGES, promptLanguage);
  if (seen !== undefined) oneOf('image for the text encoder', SEEN, seen);
}

function oneOf<T extends string>(what: string, allowed: readonly T[], value: T): void {
  if (allowed.includes(value)) return;
  throw new EngineError('internal', `The ${what} must be ${allowed.join(' or ')}, not ${value}.`);
}

function known(what: string, there: boolean): void {
  if (there) return;
  throw new EngineError('internal', `This pack has no ${what}. Leave that setting out, or take another pack.`);
}

function check(what: string, there: boolean, range: Range, value: number): void {
  known(what, there);
  if (!range.holds(value)) throw new EngineError('internal', `The ${what} must be ${range}, not ${value}.`);
}
