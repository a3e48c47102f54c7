/** Writes a checkpoint folder of drawn weights for any config that the pack builder understands. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PackConfig, readConfig } from '../pack/config.ts';
import { tensorsOf } from '../pack/tensors.ts';
import { type Draw, draw } from './draw.ts';
import { type NamedTensor, writeSafetensors } from './safetensors-write.ts';

/** Rows behind the valid ones of each prompt are zero, as the language model's output is padded. */
function padStates(config: PackConfig, data: Float32Array): void {
  if (config.family !== 'step1x-edit') return;
  const { tokens, valid } = config.conditioning;
  const width = config.connector.state_dim;
  valid.forEach((rows, prompt) => {
    data.fill(0, (prompt * tokens + rows) * width, (prompt + 1) * tokens * width);
  });
}

/** Writes `config.json` and `model.safetensors`. */
export async function writeCheckpoint(folder: string, config: unknown, values: Draw = draw): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), `${JSON.stringify(config, null, 1)}\n`);
  const parsed = await readConfig(folder);
  const tensors: NamedTensor[] = [...tensorsOf(parsed)].map(([name, shape]) => ({
    name,
    shape,
    data: values(name, shape),
  }));
  for (const { name, data } of tensors) if (name === 'conditioning.states') padStates(parsed, data);
  await writeSafetensors(join(folder, 'model.safetensors'), tensors);
}
