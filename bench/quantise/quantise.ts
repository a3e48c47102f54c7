/** How near graphs with 4-bit and 8-bit weights stay to float32, by type of block. */
import { parseArgs } from 'node:util';
import { BLOCK_TYPES, compareFormats, FORMATS, quantisedConfig } from '../../tools/conformance/quantised.ts';

/**
 * `--hidden 1024` (a multiple of 128). Cosine and relative error of the worst output of each type, and the bytes of the
 * type's weights. Needs about 1.5 GB of disk and 2 GB of memory at 1024.
 */
export async function benchQuantise(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: { hidden: { type: 'string', default: '1024' } } });
  const hidden = Number(values.hidden);
  if (!(hidden > 0) || hidden % 128 !== 0) throw new Error(`--hidden ${values.hidden}: a multiple of 128`);
  const report = await compareFormats(quantisedConfig(hidden), FORMATS, (line) => console.error(`done: ${line}`));
  const rows = report.map(({ format, type, cosine, error, bytes }) => ({
    format,
    type,
    cosine: Number(cosine.toFixed(5)),
    error: Number(error.toPrecision(3)),
    bytes,
  }));
  const names = FORMATS.map(({ name }) => name);
  console.error(`\ncosine (relative error) | ${names.join(' | ')}`);
  for (const type of BLOCK_TYPES) {
    const cells = rows.filter((row) => row.type === type).map((row) => `${row.cosine} (${row.error})`);
    console.error(`${type} | ${cells.join(' | ')}`);
  }
  return { hidden, rows };
}
