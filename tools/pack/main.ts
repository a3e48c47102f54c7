/**
 * npm run pack -- --checkpoint <folder> --out <folder> [--bits 4|8|16|32] [--name small]
 *
 * Builds a pack (docs/pack-format.md) from safetensors and a config.json. Progress goes to stderr.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { buildPack } from './build.ts';

const USAGE = `npm run pack -- --checkpoint <folder> --out <folder> [options]
  --bits 4|8|16|32        bits of the transformer's matrices (default 8)
  --name NAME             name of the pack (default: small)
  --pack-version TEXT     version that the manifest says (default: 1)
  --title TEXT            title that people see
  --licence ID            licence of the weights (default: Apache-2.0)
  --licence-file FILE     text of LICENSE.txt (default: this repository's LICENSE for Apache-2.0)
  --source TEXT           where the weights come from
  --shard-mib N           bytes a shard in MiB (default: 16)`;

const BITS = { 4: 4, 8: 8, 16: 16, 32: 32 } as const;

async function licenceText(licence: string, source: string, file: string | undefined): Promise<string> {
  const head = `Weights: ${source}\nLicence: ${licence}\n`;
  if (file !== undefined) return `${head}\n${await readFile(file, 'utf8')}`;
  const own = new URL('../../LICENSE', import.meta.url);
  if (licence === 'Apache-2.0' && existsSync(own)) return `${head}\n${await readFile(own, 'utf8')}`;
  return licence === 'Apache-2.0' ? `${head}\nhttps://www.apache.org/licenses/LICENSE-2.0\n` : head;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      checkpoint: { type: 'string' },
      out: { type: 'string' },
      bits: { type: 'string', default: '8' },
      name: { type: 'string', default: 'small' },
      'pack-version': { type: 'string', default: '1' },
      title: { type: 'string', default: 'Small restoration model' },
      licence: { type: 'string', default: 'Apache-2.0' },
      'licence-file': { type: 'string' },
      source: { type: 'string', default: 'Trained by this project; see training/README.md.' },
      'shard-mib': { type: 'string', default: '16' },
      help: { type: 'boolean', default: false },
    },
  });
  const { checkpoint, out, licence, source, title, name } = values;
  if (values.help || checkpoint === undefined || out === undefined) throw new Error(USAGE);
  const bits = Object.values(BITS).find((value) => String(value) === values.bits);
  if (bits === undefined) throw new Error(`--bits ${values.bits}: 4, 8, 16 or 32`);
  const mib = Number(values['shard-mib']);
  if (!Number.isInteger(mib) || mib < 1 || mib > 2047) throw new Error(`--shard-mib ${values['shard-mib']}: 1 to 2047`);
  await buildPack(
    {
      checkpoint,
      out,
      bits,
      name,
      title,
      licence,
      source,
      version: values['pack-version'],
      licenceText: await licenceText(licence, source, values['licence-file']),
      shardBytes: mib * 1024 * 1024,
    },
    (line) => console.error(line),
  );
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
