/** The command line of `npm run pack`. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PARTS, type Part } from '../../workers/packs/manifest.ts';
import type { PackOptions } from './build.ts';
import type { Bundle, Overrides } from './bundle.ts';
import { namingFor } from './defaults.ts';
import { type Bits, KEEP8, type Keep8 } from './emitter.ts';
import { PROMPT_KINDS } from './plan.ts';
import { defaultThreads } from './pool.ts';

export const USAGE = `npm run pack -- --checkpoint <folder> --out <folder> [options]
  --bits 4|8|16|32        bits of the transformer's matrices (default: 4)
  --keep8 LIST            of ${KEEP8.join(',')}: these stay at 8 bits in a 4-bit pack
  --include LIST          of ${PARTS.join(',')}: parts of the pack (default: what the folder has)
  --no-bake               with --include dit,vae: don't bake states of a neutral image either; such a pack doesn't run
  --prompts tasks|any     prompts that the pack takes (default tasks; any needs 1.1 GB more and the bundle's tokenizer.json)
  --model-version V       v1.0 or v1.1, against what the tensors tell
  --reference-id 0|1      RoPE id of the reference tokens (default: 0 for v1.0, 1 for v1.1)
  --ep wasm|cpu           what runs the language model while building: wasm gives the same bytes everywhere (default); cpu needs
                          onnxruntime-node (npm install --no-save onnxruntime-node) and is several times faster
  --dry-run               prints parts, shards, disk and time, and writes nothing
  --threads N             threads that convert (default: as many as there are cores, at most 12)
  --shard-mib N           MiB a shard (default: 512, or 16 for the small family)
  --name NAME             name of the pack
  --pack-version TEXT     version that the manifest says (default: 1)
  --title TEXT            title that people see
  --licence ID            licence of the weights
  --licence-file FILE     text for LICENSE.txt
  --source TEXT           where the weights come from`;

const OPTIONS = {
  checkpoint: { type: 'string' },
  out: { type: 'string' },
  bits: { type: 'string' },
  keep8: { type: 'string' },
  include: { type: 'string' },
  'no-bake': { type: 'boolean', default: false },
  prompts: { type: 'string' },
  ep: { type: 'string' },
  'model-version': { type: 'string' },
  'reference-id': { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
  threads: { type: 'string' },
  'shard-mib': { type: 'string' },
  name: { type: 'string' },
  'pack-version': { type: 'string', default: '1' },
  title: { type: 'string' },
  licence: { type: 'string' },
  'licence-file': { type: 'string' },
  source: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

/** One of the allowed values, or undefined where the option is absent. */
function oneOf<T extends string | number>(
  name: string,
  text: string | undefined,
  allowed: readonly T[],
): T | undefined {
  if (text === undefined) return undefined;
  const found = allowed.find((value) => String(value) === text);
  if (found === undefined) throw new Error(`--${name} ${text}: ${allowed.join(' or ')}`);
  return found;
}

function listOf<T extends string>(name: string, text: string | undefined, allowed: readonly T[]): T[] | undefined {
  if (text === undefined) return undefined;
  const asked = text.split(',').map((item) => item.trim());
  for (const item of asked) oneOf(name, item, allowed);
  return allowed.filter((value) => asked.includes(value));
}

function integer(name: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most)
    throw new Error(`--${name} ${text}: ${least} to ${most}`);
  return value;
}

export interface Arguments {
  readonly checkpoint: string;
  readonly overrides: Overrides;
  readonly dryRun: boolean;
  readonly threads: number;
  /** The options of the build, once the bundle is known that defaults depend on. */
  options(bundle: Bundle): PackOptions;
}

/** @throws Error with what is wrong, or with the usage when the folders are missing or help is asked for */
export function readArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const { checkpoint, out } = values;
  if (values.help || checkpoint === undefined || out === undefined) throw new Error(USAGE);
  const asked: Bits | undefined = oneOf('bits', values.bits, [4, 8, 16, 32] as const);
  const keep8: Keep8[] | undefined = listOf('keep8', values.keep8, KEEP8);
  if (keep8 !== undefined && asked !== undefined && asked !== 4) throw new Error('--keep8 is for --bits 4');
  const include: Part[] | undefined = listOf('include', values.include, PARTS);
  const prompts = oneOf('prompts', values.prompts, PROMPT_KINDS);
  const provider = oneOf('ep', values.ep, ['wasm', 'cpu'] as const);
  const mib = integer('shard-mib', values['shard-mib'], 1, 2047);
  const threads = integer('threads', values.threads, 1, 256) ?? defaultThreads();
  const overrides: Overrides = {
    version: oneOf('model-version', values['model-version'], ['v1.0', 'v1.1'] as const),
    referenceId: oneOf('reference-id', values['reference-id'], [0, 1] as const),
  };
  return {
    checkpoint,
    overrides,
    dryRun: values['dry-run'],
    threads,
    options: (bundle) => {
      const small = bundle.config.family === 'restoration-small';
      const bits = asked ?? 4;
      const baked = bundle.has.includes('text') && include?.includes('text') === false && !values['no-bake'];
      const naming = namingFor(bundle, bits, baked);
      const licence = values.licence ?? naming.licence;
      const source = values.source ?? naming.source;
      const file = values['licence-file'];
      const text =
        file !== undefined ? readFileSync(file, 'utf8') : licence === naming.licence ? naming.licenceText : '';
      return {
        checkpoint,
        out,
        bits,
        ...(keep8 && { keep8 }),
        ...(include && { include }),
        ...(prompts && { prompts }),
        ...(provider && { provider }),
        bake: !values['no-bake'],
        overrides,
        name: values.name ?? naming.name,
        version: values['pack-version'],
        title: values.title ?? naming.title,
        licence,
        source,
        licenceText: `Weights: ${source}\nLicence: ${licence}\n${text === '' ? '' : `\n${text}`}`,
        shardBytes: (mib ?? (small ? 16 : 512)) * 1024 * 1024,
        threads,
      };
    },
  };
}
