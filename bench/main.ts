/**
 * Measurements, each a command: `npm run bench -- main`, `-- convert`, `-- vae`, `-- quality`, `-- quantise`,
 * `-- store`, `-- full-size`, `-- stream`, `-- caching`,
 * `-- device`, `-- text`, `-- sizes`, `-- queue`.
 * Every bench prints what it does to stderr and one JSON line, its result, last to stdout.
 */
import { benchCaching } from './caching/caching.ts';
import { benchConvert } from './convert/convert.ts';
import { benchFullSize } from './full-size/full-size.ts';
import { benchMain } from './main/app.ts';
import { benchQuality } from './quality/quality.ts';
import { benchQuantise } from './quantise/quantise.ts';
import { benchQueue } from './queue/queue.ts';
import { benchSizes } from './sizes/sizes.ts';
import { benchStore } from './store/store.ts';
import { benchDevice } from './stream/device.ts';
import { benchStream } from './stream/stream.ts';
import { benchText } from './text/text.ts';
import { benchVae } from './vae/vae.ts';

const BENCHES: Record<string, (args: string[]) => Promise<unknown>> = {
  main: benchMain,
  caching: benchCaching,
  convert: benchConvert,
  device: benchDevice,
  'full-size': benchFullSize,
  vae: benchVae,
  quality: benchQuality,
  quantise: benchQuantise,
  text: benchText,
  store: benchStore,
  sizes: benchSizes,
  queue: benchQueue,
  stream: benchStream,
};

const [name = '', ...args] = process.argv.slice(2);
const bench = BENCHES[name];
if (!bench) {
  console.error(`Usage: npm run bench -- <${Object.keys(BENCHES).join('|')}> [options]`);
  process.exit(2);
}
const result = (await bench(args)) as object;
// The line of the quality bench has a form of its own, which others read.
console.log(JSON.stringify(bench === benchQuality ? result : { bench: name, ...machine(), ...result }));

function machine(): { date: string; node: string } {
  return { date: new Date().toISOString().slice(0, 10), node: process.version };
}
