import { describe, expect, it } from 'vitest';
import { readArguments } from './arguments.ts';
import type { Bundle } from './bundle.ts';
import { VirtualCheckpoint } from './virtual.ts';
import { FIFTIETH_CONFIG } from './virtual-config.ts';

const FOLDERS = ['--checkpoint', 'a', '--out', 'b'];
const bundle: Bundle = {
  config: FIFTIETH_CONFIG,
  source: new VirtualCheckpoint(FIFTIETH_CONFIG),
  has: ['dit', 'vae'],
  notes: [],
  className: 'RealRestorerPipeline',
};

describe('readArguments', () => {
  it('gives a RealRestorer bundle its defaults', () => {
    const args = readArguments(FOLDERS);
    expect([args.dryRun, args.overrides]).toEqual([false, { version: undefined, referenceId: undefined }]);
    const options = args.options(bundle);
    expect(options).toMatchObject({ bits: 4, name: 'realrestorer', shardBytes: 512 << 20, version: '1' });
    expect(options.include).toBeUndefined();
    expect(options.licenceText).toMatch(/^Weights: RealRestorer.*\nLicence: Contradictory/);
  });

  it('takes lists in any order, and what people have settled about the licence', () => {
    const more = [
      '--include',
      'vae,dit',
      '--keep8',
      'modulation, down',
      '--model-version',
      'v1.1',
      '--reference-id',
      '0',
    ];
    const args = readArguments([...FOLDERS, ...more, '--licence', 'Apache-2.0', '--shard-mib', '64', '--threads', '3']);
    expect(args.overrides).toEqual({ version: 'v1.1', referenceId: 0 });
    const options = args.options(bundle);
    expect(options).toMatchObject({
      include: ['dit', 'vae'],
      keep8: ['down', 'modulation'],
      shardBytes: 64 << 20,
      threads: 3,
    });
    expect([options.licence, options.licenceText]).toEqual([
      'Apache-2.0',
      'Weights: RealRestorer/RealRestorer on Hugging Face, converted\nLicence: Apache-2.0\n',
    ]);
  });

  it('names a pack with baked states otherwise than one that reads photos', () => {
    const whole: Bundle = { ...bundle, has: ['dit', 'vae', 'text'] };
    const nameOf = (...more: string[]) => readArguments([...FOLDERS, ...more]).options(whole).name;
    expect(nameOf()).toBe('realrestorer');
    expect(nameOf('--include', 'dit,vae')).toBe('realrestorer-baked');
    expect(nameOf('--include', 'dit,vae', '--no-bake')).toBe('realrestorer');
    expect(nameOf('--include', 'dit,vae', '--name', 'mine')).toBe('mine');
  });

  it.each([
    [['--checkpoint', 'a'], /npm run pack -- --checkpoint <folder>/],
    [[...FOLDERS, '--bits', '5'], /--bits 5: 4 or 8 or 16 or 32/],
    [[...FOLDERS, '--include', 'vae,lora'], /--include lora: dit or vae or text/],
    [[...FOLDERS, '--keep8', 'core'], /--keep8 core: down or modulation or connector/],
    [[...FOLDERS, '--bits', '8', '--keep8', 'down'], /--keep8 is for --bits 4/],
    [[...FOLDERS, '--shard-mib', '0'], /--shard-mib 0: 1 to 2047/],
    [[...FOLDERS, '--threads', 'x'], /--threads x: 1 to 256/],
    [[...FOLDERS, '--reference-id', '2'], /--reference-id 2: 0 or 1/],
    [[...FOLDERS, '--turbo'], /turbo/],
  ])('refuses %j', (args, message) => {
    expect(() => readArguments(args)).toThrow(message);
  });
});
