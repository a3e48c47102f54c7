import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { TASK_IDS, type TaskId } from '../../workers/packs/manifest.ts';

export const USAGE = `npm run bench -- quality --data PHOTOS [options]

  --data DIR      folder of the photos, with val/ inside; only for the first run, which makes the pictures
  --photos N      how many of the 41 photos, spread over the set (default: all)
  --tasks LIST    of ${TASK_IDS.join(',')} (default: all)
  --steps LIST    step counts beside the default one (default: 1,2,4,8)
  --step-photos N how many of the photos these are measured on (default: all)
  --pack DIR      folder of the pack (default: the embedded one)
  --cpu           onnxruntime-node in place of onnxruntime-web, where it is installed
  --threads N     threads (default: 2)
  --maxim         runs MAXIM as well; else its results are those in maxim-results.json
  --fixtures      the seven photos inside MAXIM's packages as well
  --bits          packs of 4, 8, 16 and 32 bits from training/state, compared
  --bits-photos N on how many of the photos (default: 8)
  --checks        seed, tiles against the whole, seams of a 12 MP photo
  --auto          only which task is proposed, in minutes
  --cost          time and memory of a 512 × 512 px photo, and MAXIM's
  --report        writes an HTML page into the cache, --report-file FILE elsewhere
  --still FILE    writes a picture of that page with CC0 photos only (WebP)
  --python FILE   Python with bench/quality/requirements.txt (default: python3)
  --cache DIR     packages, pictures and results (default: a folder in ${tmpdir()})

Everything that was measured stays in the cache, by the hash of the pack: a run that was stopped goes on.
`;

const DEFINITION = {
  data: { type: 'string' },
  photos: { type: 'string' },
  tasks: { type: 'string' },
  steps: { type: 'string', default: '1,2,4,8' },
  'step-photos': { type: 'string' },
  pack: { type: 'string' },
  cpu: { type: 'boolean', default: false },
  threads: { type: 'string', default: '2' },
  maxim: { type: 'boolean', default: false },
  fixtures: { type: 'boolean', default: false },
  bits: { type: 'boolean', default: false },
  'bits-photos': { type: 'string', default: '8' },
  checks: { type: 'boolean', default: false },
  auto: { type: 'boolean', default: false },
  cost: { type: 'boolean', default: false },
  report: { type: 'boolean', default: false },
  'report-file': { type: 'string' },
  still: { type: 'string' },
  python: { type: 'string', default: 'python3' },
  cache: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

export interface Options {
  readonly data: string | undefined;
  readonly photos: number;
  readonly tasks: readonly TaskId[];
  readonly steps: readonly number[];
  readonly stepPhotos: number;
  readonly pack: string;
  readonly provider: 'wasm' | 'cpu';
  readonly threads: number;
  readonly maxim: boolean;
  readonly fixtures: boolean;
  readonly bits: boolean;
  readonly bitsPhotos: number;
  readonly checks: boolean;
  readonly auto: boolean;
  readonly cost: boolean;
  readonly report: string | undefined;
  readonly still: string | undefined;
  readonly python: string;
  readonly cache: string;
}

/** @throws Error with what is wrong, or the usage where help is asked for */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({ args: [...args], options: DEFINITION });
  if (values.help) throw new Error(USAGE);
  const number = (name: string, text: string, most: number) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1 || value > most) throw new Error(`--${name} ${text}: 1 to ${most}`);
    return value;
  };
  const all = (text: string | undefined, name: string) =>
    text === undefined ? Number.POSITIVE_INFINITY : number(name, text, 41);
  const cache = values.cache ?? join(tmpdir(), 'photo-restorer-quality');
  const tasks = (values.tasks?.split(',') ?? TASK_IDS).map((id) => {
    const task = TASK_IDS.find((known) => known === id);
    if (!task) throw new Error(`--tasks ${id}: of ${TASK_IDS.join(', ')}`);
    return task;
  });
  return {
    data: values.data,
    photos: all(values.photos, 'photos'),
    tasks,
    steps: values.steps === '' ? [] : values.steps.split(',').map((text) => number('steps', text, 100)),
    stepPhotos: all(values['step-photos'], 'step-photos'),
    pack: values.pack ?? fileURLToPath(new URL('../../public/packs/small', import.meta.url)),
    provider: values.cpu ? 'cpu' : 'wasm',
    threads: number('threads', values.threads, 64),
    maxim: values.maxim,
    fixtures: values.fixtures,
    bits: values.bits,
    bitsPhotos: number('bits-photos', values['bits-photos'], 41),
    checks: values.checks,
    auto: values.auto,
    cost: values.cost,
    report: values['report-file'] ?? (values.report ? join(cache, 'report.html') : undefined),
    still: values.still,
    python: values.python,
    cache,
  };
}
