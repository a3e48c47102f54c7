/** Tiles in and out of latent space: the VAE's two chains, and the skip tensors that one hands to the other. */
import { EngineError } from '../errors.ts';
import { type Anchor, holdTo } from './anchor.ts';
import type { Tensor } from './backend.ts';
import type { Calls } from './calls.ts';
import { runChain, waitKind } from './chain.ts';
import { planTag } from './denoise.ts';
import { type Latents, makeLatents } from './latents.ts';
import { noiseLatents } from './noise.ts';
import { cropPixels, type Photo } from './photo.ts';
import { chainInputs, type JobPlan, skipNames } from './plan.ts';
import { TensorScope, withScope } from './scope.ts';
import type { Tile } from './tiles.ts';

/** Apart from the noise that sampling starts from. */
const POSTERIOR_STREAM = 1;

export interface CodecOptions {
  /** float32 `[1, pooledDim]`, where the decoder asks for it. */
  readonly pooled?: Tensor | undefined;
  /** How much of the change is kept, 0 to 1. */
  readonly strength?: number;
  /** Seed of latents that are drawn from the encoder's posterior; null for its mean. */
  readonly drawn?: number | null;
  /** What the tiles' low frequencies are held to. */
  readonly anchor?: Anchor | null;
}

export class TileCodec {
  readonly #calls: Calls;
  readonly #plan: JobPlan;
  readonly #photo: Photo;
  /** float32 `[1, pooledDim]`, where the decoder asks for it. */
  readonly #pooled: Tensor | undefined;
  readonly #strength: number;
  readonly #anchor: Anchor | null;
  /** Seed of what is drawn from the posterior; null for its mean. */
  readonly #drawn: number | null;
  readonly #skips: ReadonlySet<string>;
  readonly #inputs: ReadonlySet<string>;
  readonly #cache = new Map<number, { scope: TensorScope; tensors: Record<string, Tensor> }>();

  constructor(
    calls: Calls,
    plan: JobPlan,
    photo: Photo,
    { pooled, strength = 1, drawn = null, anchor = null }: CodecOptions = {},
  ) {
    this.#drawn = drawn;
    this.#anchor = anchor;
    this.#calls = calls;
    this.#plan = plan;
    this.#photo = photo;
    this.#pooled = pooled;
    this.#strength = strength;
    this.#skips = new Set(skipNames(calls.manifest));
    this.#inputs = chainInputs(calls.manifest, calls.manifest.vae.decode);
    const allowed = calls.manifest.switches.decoderInputs;
    // A last pass sees the photo, whatever the decoder before it does.
    const free = calls.manifest.refine ? ['latents', 'photo'] : ['latents'];
    if (allowed === 'latents' && [...this.#inputs].some((name) => !free.includes(name))) {
      throw new EngineError('pack-damaged', `the decoder wants ${[...this.#inputs].join(', ')}, not latents alone`);
    }
  }

  /** Reference latents of a tile; its skip tensors are kept where the plan has room. */
  async encode(tile: Tile): Promise<Latents> {
    return withScope(async (scope) => {
      const wanted = ['latents', ...(this.#drawn === null ? [] : ['deviation']), ...this.#skips];
      const { latents, deviation, ...skips } = await this.#encode(tile, new Set(wanted), scope);
      if (!latents) throw new EngineError('pack-damaged', 'the encoder makes no latents');
      const [, channels = 0, height = 0, width = 0] = latents.dims;
      const data = await this.#calls.download(latents, waitKind('encode', planTag(this.#plan)));
      if (deviation) await this.#draw(tile, data, deviation, [channels, height, width]);
      if (this.#skips.size > 0 && this.#cache.size < this.#plan.cachedTiles) {
        const own = new TensorScope();
        for (const tensor of Object.values(skips)) scope.move(tensor, own);
        this.#cache.set(tile.index, { scope: own, tensors: skips });
      }
      return makeLatents(channels, height, width, data);
    });
  }

  /** Adds to the mean what is drawn: noise by place, so that overlapping tiles agree. */
  async #draw(tile: Tile, mean: Float32Array, deviation: Tensor, [channels, height, width]: readonly number[]) {
    const spread = await this.#calls.download(deviation, waitKind('encode', planTag(this.#plan)));
    const { factor } = this.#calls.manifest.family;
    const rect = { x: tile.x / factor, y: tile.y / factor, width: width ?? 0, height: height ?? 0 };
    const noise = noiseLatents(this.#drawn ?? 0, channels ?? 0, rect, POSTERIOR_STREAM).data;
    for (let i = 0; i < mean.length; i++) {
      mean[i] = (mean[i] as number) + (spread[i] as number) * (noise[i] as number);
    }
  }

  /** @returns float32 `[3, tile.height, tile.width]`, about [-1,1], not clamped */
  async decode(tile: Tile, latents: Latents): Promise<Float32Array> {
    const { channels, height, width, data } = latents;
    return withScope(async (scope) => {
      const given: Record<string, Tensor> = { ...(await this.#skipsOf(tile, scope)) };
      given.latents = this.#calls.upload(scope, 'float32', [1, channels, height, width], data);
      if (this.#inputs.has('photo')) given.photo = this.#upload(tile, scope);
      if (this.#pooled) given.pooled = this.#pooled;
      const chain = this.#calls.manifest.vae.decode;
      const { restored } = await runChain(this.#calls, chain, given, new Set(['restored']), scope, planTag(this.#plan));
      if (!restored) throw new EngineError('pack-damaged', 'the decoder makes no restored');
      const pixels = await this.#calls.download(restored, waitKind('decode', planTag(this.#plan)));
      if (this.#anchor) holdTo(this.#anchor, pixels, tile);
      return this.#strength < 1 ? blend(cropPixels(this.#photo, tile), pixels, this.#strength) : pixels;
    });
  }

  /** Lets the skip tensors of a tile go. */
  forget(tile: Tile): void {
    this.#cache.get(tile.index)?.scope.close();
    this.#cache.delete(tile.index);
  }

  close(): void {
    for (const { scope } of this.#cache.values()) scope.close();
    this.#cache.clear();
  }

  async #skipsOf(tile: Tile, scope: TensorScope): Promise<Record<string, Tensor>> {
    if (this.#skips.size === 0) return {};
    return this.#cache.get(tile.index)?.tensors ?? this.#encode(tile, this.#skips, scope);
  }

  #upload(tile: Tile, scope: TensorScope): Tensor {
    return this.#calls.upload(scope, 'float32', [1, 3, tile.height, tile.width], cropPixels(this.#photo, tile));
  }

  async #encode(tile: Tile, wanted: ReadonlySet<string>, scope: TensorScope): Promise<Record<string, Tensor>> {
    return withScope(async (inner) => {
      const photo = this.#upload(tile, inner);
      const chain = this.#calls.manifest.vae.encode;
      return runChain(this.#calls, chain, { photo }, wanted, scope, planTag(this.#plan));
    });
  }
}

/** from + strength · (to - from), in the place of `from`. */
function blend(from: Float32Array, to: Float32Array, strength: number): Float32Array {
  for (let i = 0; i < from.length; i++) {
    const value = from[i] as number;
    from[i] = value + strength * ((to[i] as number) - value);
  }
  return from;
}

/** Whether the decoder is told about the task and the photo. */
export function decoderWantsPooled(calls: Calls): boolean {
  const wanted = chainInputs(calls.manifest, calls.manifest.vae.decode).has('pooled');
  if (wanted && calls.manifest.switches.conditioning.kind !== 'table') {
    throw new EngineError('pack-damaged', 'pooled changes from step to step and can not go to the decoder');
  }
  return wanted;
}
