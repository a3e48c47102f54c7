import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readArguments, UsageError } from './arguments.ts';
import { listJobs, readPhoto, writePhoto } from './files.ts';
import { progressLine } from './report.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
let folder: string;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'restore-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the command line', () => {
  const read = (...argv: string[]) => readArguments(argv, '/packs/small');

  it('reads everything', () => {
    const argv = ['a.png', 'b', '-o', 'out', '--task', 'rain', '--steps', '2', '--seed', '0', '--tile', '256'];
    expect(read(...argv, '--ep', 'cpu', '--pack', 'p', '--dit-off', '--threads', '2')).toEqual({
      inputs: ['a.png', 'b'],
      output: 'out',
      task: 'rain',
      steps: 2,
      seed: 0,
      tile: 256,
      provider: 'cpu',
      pack: 'p',
      threads: 2,
      ditOff: true,
      rangesInside: false,
    });
    const settings = ['--reference-id', '1', '--guidance-embed', '3.5', '--guidance-scale', '2.5'];
    expect(read('a', '-o', 'b', '--task', 'noise', ...settings)).toMatchObject({
      referenceId: 1,
      guidanceEmbed: 3.5,
      guidanceScale: 2.5,
    });
    expect(read('a', '-o', 'b', '--task', 'noise')).toEqual({
      inputs: ['a'],
      output: 'b',
      task: 'noise',
      seed: 42,
      provider: 'wasm',
      pack: '/packs/small',
      ditOff: false,
      rangesInside: false,
    });
  });

  it('says in a sentence what is wrong', () => {
    expect(() => read('-o', 'b', '--task', 'noise')).toThrow(/at least one photo/);
    expect(() => read('a', '--task', 'noise')).toThrow(/-o/);
    expect(() => read('a', '-o', 'b', '--task', 'nois')).toThrow(/--task must be one of blur/);
    expect(() => read('a', '-o', 'b', '--task', 'noise', '--ep', 'gpu')).toThrow(/--ep/);
    expect(() => read('a', '-o', 'b', '--task', 'noise', '--steps', '1.5')).toThrow(/whole number from 1/);
    expect(() => read('a', '-o', 'b', '--task', 'noise', '--seed', '-1')).toThrow(UsageError);
    const wrong: [string, string, RegExp][] = [
      ['--reference-id', '2', /--reference-id must be 0 or 1, not "2"/],
      ['--guidance-embed', '101', /must be a number from 0 to 100/],
      ['--guidance-scale', '', /must be a number from 1 to 20/],
    ];
    for (const [name, value, sentence] of wrong) {
      expect(() => read('a', '-o', 'b', '--task', 'noise', name, value)).toThrow(sentence);
    }
    expect(() => read('a', '-o', 'b', '--task', 'noise', '--ranges-inside')).toThrow(/--ranges-inside needs --ranges/);
    expect(() => read('a', '--colour')).toThrow(UsageError);
    expect(read('a', '-o', 'b', '--task', 'auto')).toMatchObject({ task: 'auto' });
  });
});

describe('files', () => {
  it('pairs photos of files and folders with outputs and refuses clashes', async () => {
    await mkdir(at('in/sub'), { recursive: true });
    for (const name of ['b.jpg', 'a.PNG', 'notes.txt', 'a.webp']) await writeFile(at(`in/${name}`), '');
    await writeFile(at('one.jpg'), '');
    expect(await listJobs([at('one.jpg')], at('out.webp'))).toEqual([{ input: at('one.jpg'), output: at('out.webp') }]);
    await expect(listJobs([at('in')], at('out'))).rejects.toThrow(/both become/);
    await rm(at('in/a.webp'));
    expect(await listJobs([at('in'), at('one.jpg')], at('out'))).toEqual([
      { input: at('in/a.PNG'), output: at('out/a.png') },
      { input: at('in/b.jpg'), output: at('out/b.png') },
      { input: at('one.jpg'), output: at('out/one.png') },
    ]);
    await expect(listJobs([at('in')], at('out.png'))).rejects.toThrow(/need a folder/);
    await expect(listJobs([at('none')], at('out'))).rejects.toThrow(/There is no/);
    await expect(listJobs([at('in/sub')], at('out'))).rejects.toThrow(/No photos/);
    await expect(listJobs([at('one.jpg')], at('one.jpg'))).rejects.toThrow(/overwritten/);
  });

  it('turns photos upright, drops transparency on white and gives grey three channels', async () => {
    // 2 × 1: red, green; EXIF 6 turns it clockwise into 1 × 2.
    const raw = { raw: { width: 2, height: 1, channels: 3 } } as const;
    const image = sharp(Uint8Array.of(255, 0, 0, 0, 255, 0), raw);
    await image.withMetadata({ orientation: 6 }).png().toFile(at('turned.png'));
    expect(await readPhoto(at('turned.png'))).toMatchObject({ width: 1, height: 2 });
    expect([...(await readPhoto(at('turned.png'))).rgb]).toEqual([255, 0, 0, 0, 255, 0]);
    const clear = { raw: { width: 1, height: 1, channels: 4 } } as const;
    await sharp(Uint8Array.of(0, 0, 0, 0), clear)
      .png()
      .toFile(at('clear.png'));
    expect([...(await readPhoto(at('clear.png'))).rgb]).toEqual([255, 255, 255]);
    const grey = { raw: { width: 2, height: 1, channels: 1 } } as const;
    await sharp(Uint8Array.of(7, 200), grey).toColourspace('b-w').png().toFile(at('grey.png'));
    expect([...(await readPhoto(at('grey.png'))).rgb]).toEqual([7, 7, 7, 200, 200, 200]);
  });

  it('writes what it was given, and says so when a file is no image', async () => {
    const photo = { width: 2, height: 2, rgb: Uint8Array.from({ length: 12 }, (_, i) => 20 * i) };
    await writePhoto(at('deep/er/x.png'), photo);
    expect([...(await readPhoto(at('deep/er/x.png'))).rgb]).toEqual([...photo.rgb]);
    await writeFile(at('bad.png'), 'not a picture');
    await expect(readPhoto(at('bad.png'))).rejects.toMatchObject({ code: 'not-an-image' });
  });
});

describe('progress', () => {
  it('is one line with what is known', () => {
    const place = { step: 2, steps: 4, tile: 3, tiles: 9 };
    expect(progressLine('a.png', { stage: 'denoise', ...place, fraction: 0.419, secondsLeft: 12.34 })).toBe(
      ' 41%  a.png  denoise  step 2/4  tile 3/9  12.3 s left',
    );
    const start = { step: 0, steps: 4, tile: 0, tiles: 1 };
    expect(progressLine('a.png', { stage: 'encode', ...start, fraction: 0, secondsLeft: null })).toBe(
      '  0%  a.png  encode',
    );
  });
});

interface Ended {
  status: number;
  out: string;
  error: string;
}

function restore(...args: string[]): Promise<Ended> {
  return new Promise((done) => {
    const child = execFile(
      process.execPath,
      ['--import', 'tsx', 'tools/restore/main.ts', ...args],
      { cwd: ROOT },
      (_, out, error) => done({ status: child.exitCode ?? -1, out, error }),
    );
  });
}

describe('the command', () => {
  it('restores a folder, prints a JSON line a photo, and goes on after a broken one', async () => {
    await mkdir(at('photos'));
    const noise = Uint8Array.from({ length: 40 * 24 * 3 }, (_, i) => (i * i * 31) >> 3);
    await writePhoto(at('photos/good.png'), { width: 40, height: 24, rgb: noise });
    await writeFile(at('photos/bad.jpg'), 'nothing');
    const args = ['--task', 'noise', '--steps', '1', '--threads', '1'];
    const { status, out, error } = await restore(at('photos'), '-o', at('done'), ...args);
    expect(status).toBe(1);
    const [bad, good] = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(bad).toMatchObject({ input: at('photos/bad.jpg'), error: 'not-an-image' });
    expect(good).toMatchObject({ output: at('done/good.png'), task: 'noise', ep: 'wasm', steps: 1, tiles: 1 });
    expect(Object.keys(good.ms)).toEqual(expect.arrayContaining(['conditioning', 'encode', 'denoise', 'decode']));
    expect(good.peakRss).toBeGreaterThan(50e6);
    expect(error).toContain('100%');
    expect(await readPhoto(at('done/good.png'))).toMatchObject({ width: 40, height: 24 });
  });

  it('ends with status 2 and the usage when the command line is wrong', async () => {
    const { status, error } = await restore('x.png', '-o', 'y.png', '--task', 'magic');
    expect(status).toBe(2);
    expect(error).toContain('--task must be one of');
    expect(error).toContain('npm run restore');
  });
});
