/** What a pack is called, and what is said about its licence, when the command doesn't say. */
import { existsSync, readFileSync } from 'node:fs';
import type { Bundle } from './bundle.ts';
import type { Bits } from './emitter.ts';

export interface Naming {
  readonly name: string;
  readonly title: string;
  readonly licence: string;
  readonly source: string;
  /** Text of LICENSE.txt, below its first lines. */
  readonly licenceText: string;
}

const REALRESTORER_LICENCE = `The licence of RealRestorer's weights is contradictory. Its page on Hugging Face is tagged Apache-2.0; the text of the model
card, and an earlier README of its authors, limit the model to non-commercial academic research. Nobody has cleared this up.
Whoever made this pack from a copy of the weights has to settle with the authors what may be done with it, before passing it
on or using it commercially.

What the weights are built on: Step1X-Edit (Apache-2.0), the FLUX.1 autoencoder as Step1X-Edit ships it (Apache-2.0), and
conditioning by Qwen2.5-VL-7B-Instruct (Apache-2.0).
`;

const UNKNOWN_LICENCE = 'Nothing in the checkpoint says under which licence its weights are.\n';

function ownLicence(): string {
  const own = new URL('../../LICENSE', import.meta.url);
  return existsSync(own) ? readFileSync(own, 'utf8') : 'https://www.apache.org/licenses/LICENSE-2.0\n';
}

/**
 * @param baked the language model's states are baked: another pack than the one that reads photos, under another name, so
 *   that neither takes the other's place where packs are kept
 */
export function namingFor(bundle: Pick<Bundle, 'config' | 'className'>, bits: Bits, baked = false): Naming {
  const naming = ownNaming(bundle, bits);
  return baked ? { ...naming, name: `${naming.name}-baked`, title: `${naming.title}, approximation` } : naming;
}

function ownNaming({ config, className }: Pick<Bundle, 'config' | 'className'>, bits: Bits): Naming {
  if (config.family === 'restoration-small') {
    return {
      name: 'small',
      title: 'Small restoration model',
      licence: 'Apache-2.0',
      source: 'Trained by this project; see training/README.md.',
      licenceText: ownLicence(),
    };
  }
  if (/realrestorer/i.test(className ?? '')) {
    return {
      name: 'realrestorer',
      title: `RealRestorer, ${bits} bits`,
      licence: 'Contradictory: tagged Apache-2.0, described as non-commercial research only',
      source: 'RealRestorer/RealRestorer on Hugging Face, converted',
      licenceText: REALRESTORER_LICENCE,
    };
  }
  return {
    name: 'step1x-edit',
    title: `Step1X-Edit family, ${bits} bits`,
    licence: 'Not stated by the checkpoint',
    source: 'A checkpoint of the Step1X-Edit family, converted',
    licenceText: UNKNOWN_LICENCE,
  };
}
