import { readFile } from 'node:fs/promises';
import type { InferenceSession } from 'onnxruntime-web';
import type { OrtModule } from '../../../tools/backend-node/ort.ts';
import { mustMatch, type Picture } from './image.ts';

interface Feature {
  readonly channels: number;
  /** `[channels, pixels]` */
  readonly data: Float32Array;
}

/**
 * Distance of ResNet-50 features, 0 for the same picture. At every place of the stages 2, 3 and 4 the features are scaled to
 * length 1; the squared distances are averaged over the places, then over the stages. As LPIPS without its learned weights
 * (Zhang et al. 2018), so at most 2 for features that are never negative.
 */
export class ResNetDistance {
  readonly #ort: OrtModule;
  readonly #session: InferenceSession;
  /** Of the clean photos, by name. */
  readonly #known = new Map<string, readonly Feature[]>();

  private constructor(ort: OrtModule, session: InferenceSession) {
    this.#ort = ort;
    this.#session = session;
  }

  /** @param file as bench/quality/resnet.py writes it */
  static async open(ort: OrtModule, provider: string, file: string): Promise<ResNetDistance> {
    const options = { executionProviders: [provider], logSeverityLevel: 3 } as const;
    return new ResNetDistance(ort, await ort.InferenceSession.create(await readFile(file), options));
  }

  /** @param name of the clean photo, whose features are kept */
  async of(picture: Picture, clean: Picture, name: string): Promise<number> {
    mustMatch(picture, clean);
    const known = this.#known.get(name) ?? (await this.#features(clean));
    this.#known.set(name, known);
    const stages = (await this.#features(picture)).map((feature, i) => distance(feature, known[i] ?? feature));
    return stages.reduce((sum, value) => sum + value, 0) / stages.length;
  }

  async #features({ width, height, rgb }: Picture): Promise<Feature[]> {
    const photo = new this.#ort.Tensor('float32', Float32Array.from(rgb), [1, height, width, 3]);
    const outputs = await this.#session.run({ photo });
    return ['stage2', 'stage3', 'stage4'].map((stage) => {
      const tensor = outputs[stage];
      if (!(tensor?.data instanceof Float32Array)) throw new Error(`no ${stage}`);
      return { channels: tensor.dims[1] ?? 0, data: tensor.data };
    });
  }
}

function distance(a: Feature, b: Feature): number {
  const places = a.data.length / a.channels;
  const sums = { aa: new Float64Array(places), bb: new Float64Array(places), ab: new Float64Array(places) };
  for (let channel = 0, i = 0; channel < a.channels; channel++) {
    for (let place = 0; place < places; place++, i++) {
      const [left, right] = [a.data[i] as number, b.data[i] as number];
      sums.aa[place] = (sums.aa[place] as number) + left * left;
      sums.bb[place] = (sums.bb[place] as number) + right * right;
      sums.ab[place] = (sums.ab[place] as number) + left * right;
    }
  }
  // |a/|a| - b/|b||² = 2 - 2 cos
  let total = 0;
  for (let place = 0; place < places; place++) {
    const lengths = Math.sqrt((sums.aa[place] as number) * (sums.bb[place] as number));
    total += 2 - (2 * (sums.ab[place] as number)) / Math.max(lengths, 1e-10);
  }
  return total / places;
}
