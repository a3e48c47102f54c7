/** The whole conversion at a fiftieth of RealRestorer's size: from nowhere, from files, killed and gone on with. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Manifest } from '../../workers/packs/manifest.ts';
import { loadManifest } from '../../workers/packs/manifest-load.ts';
import { writeSafetensors } from '../conformance/safetensors-write.ts';
import { buildFrom, type PackOptions } from './build.ts';
import { partsOf } from './bundle.ts';
import { explain } from './failures.ts';
import { JOURNAL, Journal } from './journal.ts';
import { bytesByGroup } from './layout.ts';
import { checkRoom, clear, inspect } from './out-folder.ts';
import { TaskRunner } from './task.ts';
import { VirtualCheckpoint, writeVirtual } from './virtual.ts';
import { FIFTIETH_CONFIG } from './virtual-config.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

interface Run {
  readonly code: number | null;
  readonly text: string;
}

/** Loaded before the program: kills its own process once it has appended so many lines, all of them to the journal. */
const killerAfter = (lines: number) =>
  `data:text/javascript,${encodeURIComponent(`
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const append = fs.appendFileSync;
    let lines = 0;
    fs.appendFileSync = (...args) => {
      append(...args);
      if (++lines === ${lines}) process.kill(process.pid, 'SIGKILL');
    };
    syncBuiltinESMExports();`)}`;

/** `npm run pack` in a process of its own, which is killed after `killAfter` finished jobs. */
function pack(args: readonly string[], killAfter?: number): Promise<Run> {
  const killer = killAfter === undefined ? [] : ['--import', killerAfter(killAfter)];
  const command = ['--import', TSX, ...killer, MAIN, ...args];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (data: Buffer) => {
    text += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    text += data.toString();
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, text }));
  });
}

const hashes = ({ files }: Manifest) => Object.fromEntries(Object.entries(files).map(([name, f]) => [name, f.sha256]));

async function manifestOf(folder: string): Promise<Manifest> {
  return loadManifest(await readFile(join(folder, 'manifest.json')));
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convert-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a fiftieth of RealRestorer', () => {
  const bundle = () => join(folder, 'bundle');
  let whole: Manifest;

  beforeAll(async () => {
    await writeVirtual(bundle(), FIFTIETH_CONFIG, 200e6);
    // So that no run has to fit the map for previews with the VAE.
    await copyFile(await previewFile(folder), join(bundle(), 'preview.safetensors'));
    const source = new VirtualCheckpoint(FIFTIETH_CONFIG);
    const options: PackOptions = {
      checkpoint: bundle(),
      out: join(folder, 'virtual'),
      bits: 4,
      name: 'fiftieth',
      version: '1',
      title: 'x',
      licence: 'x',
      source: 'x',
      licenceText: 'x',
      shardBytes: 32 << 20,
      threads: 2,
    };
    const before = process.memoryUsage.rss();
    whole = (await buildFrom({ config: FIFTIETH_CONFIG, source, has: partsOf(source) }, options)).manifest;
    expect(process.resourceUsage().maxRSS * 1024 - before).toBeLessThan(1e9);
  }, 300_000);

  it('is a valid pack of the parts that its shapes say', async () => {
    expect(await manifestOf(join(folder, 'virtual'))).toEqual(whole);
    expect((await readdir(join(folder, 'virtual'))).sort()).toEqual(
      [...Object.keys(whole.files), 'LICENSE.txt', 'manifest.json'].sort(),
    );
    for (const [name, { bytes, sha256 }] of Object.entries(whole.files)) {
      const data = await readFile(join(folder, 'virtual', name));
      expect([name, data.length, createHash('sha256').update(data).digest('hex')]).toEqual([name, bytes, sha256]);
    }
    const shards = Object.entries(whole.files).filter(([name]) => name.endsWith('.bin'));
    const parts = bytesByGroup(new Map(shards.map(([name, { bytes }]) => [name, bytes])));
    // Matrices of D = 1024 at 4.5 bits: a double block has 24 D², a single one 12 D²; biases and norms add 0.2 %.
    const core = (3 * 24 + 6 * 12) * 1024 ** 2 * 0.5625;
    expect((parts.dit ?? 0) / core).toBeGreaterThan(1);
    expect((parts.dit ?? 0) / core).toBeLessThan(1.01);
  });

  it('gives the same from sharded files after a SIGKILL as in one go, and makes again what a disk lost', async () => {
    expect((await readdir(join(bundle(), 'transformer'))).filter((name) => name.endsWith('.safetensors')).length).toBe(
      3,
    );
    const out = join(folder, 'killed');
    const args = ['--checkpoint', bundle(), '--out', out, '--shard-mib', '32', '--name', 'fiftieth', '--threads', '2'];
    const done = 150;
    const killed = await pack(args, done);
    expect(killed.code).toBe(null);
    expect(existsSync(join(out, 'manifest.json'))).toBe(false);
    // A header, the jobs, and nothing behind the last line.
    expect((await readFile(join(out, JOURNAL), 'utf8')).split('\n').length).toBe(1 + done + 1);

    // What a power cut may do: a torn last line, and bytes of a finished job that never reached the disk.
    const journal = await readFile(join(out, JOURNAL), 'utf8');
    await writeFile(join(out, JOURNAL), `${journal}12`);
    // The first jobs fill this one.
    const shard = await open(join(out, 'prologue-0.bin'), 'r+');
    const { bytesRead, buffer } = await shard.read(new Uint8Array(1 << 20), 0, 1 << 20, 0);
    const at = buffer.subarray(0, bytesRead).findIndex((byte) => byte !== 0);
    expect(at).toBeGreaterThanOrEqual(0);
    await shard.write(Uint8Array.of((buffer[at] ?? 0) ^ 1), 0, 1, at);
    await shard.close();

    const resumed = await pack(args);
    expect(resumed.text).toMatch(`Going on with the interrupted build in ${out}: ${done} of`);
    expect(resumed.text).toMatch(/1 jobs left other bytes than they wrote: making them again/);
    expect(resumed.text).toMatch(/no text part yet/);
    expect(resumed.code).toBe(0);
    expect(hashes(await manifestOf(out))).toEqual(hashes(whole));
    expect(existsSync(join(out, JOURNAL))).toBe(false);
  }, 300_000);

  it('plans without writing', async () => {
    const out = join(folder, 'dry');
    const { text, code } = await pack(['--checkpoint', bundle(), '--out', out, '--dry-run', '--shard-mib', '32']);
    expect(code).toBe(0);
    expect(text).toMatch(/^reads \S*diffusion_pytorch_model\S*\.safetensors: \d+\.\d MB$/m);
    expect(text).toMatch(/parts: dit, vae/);
    expect(text).toMatch(/dit: 8\d\.\d MB/);
    expect(text).toMatch(/time: about .* with \d+ threads\nnothing was written/);
    expect(existsSync(out)).toBe(false);
  });
});

describe('the folder of a pack', () => {
  it('with files of other people is refused and left alone', async () => {
    const out = join(folder, 'foreign');
    await mkdir(out);
    await writeFile(join(out, 'manifest.json'), '{"name":"an app"}');
    await writeFile(join(out, 'thesis.doc'), 'x');
    expect(() => inspect(out)).toThrow(/not a pack's: manifest\.json, thesis\.doc\. Choose an empty folder/);
    const run = await pack(['--checkpoint', join(folder, 'bundle'), '--out', out]);
    expect([run.code, (await readdir(out)).length]).toEqual([1, 2]);
  });

  it('of an interrupted build is cleared, but not with a stranger in it', async () => {
    const out = join(folder, 'begun');
    await mkdir(out);
    Journal.begin(out, 'a', ['dit-0.bin', 'LICENSE.txt']);
    await writeFile(join(out, 'dit-0.bin'), 'x');
    expect(inspect(out)).toMatchObject({ interrupted: 'a', finished: false });
    await writeFile(join(out, 'notes.txt'), 'x');
    expect(() => inspect(out)).toThrow(/notes\.txt/);
    await rm(join(out, 'notes.txt'));
    await writeFile(join(out, 'MODEL_CARD.md'), 'Written by people.');
    clear(out, inspect(out));
    expect(await readdir(out)).toEqual(['MODEL_CARD.md']);
  });

  it('on a disk that is too small is refused before anything is written', () => {
    expect(() => checkRoom(join(folder, 'not', 'there'), 1e18, [])).toThrow(
      /are missing\. Make room or choose another/,
    );
    expect(() => checkRoom(folder, 1000, [])).not.toThrow();
  });
});

describe('a disk that fails', () => {
  it('is explained when it is full', async () => {
    // Every write to /dev/full fails with ENOSPC, as on a full disk.
    if (!existsSync('/dev/full')) return;
    const out = join(folder, 'full');
    await mkdir(out);
    await symlink('/dev/full', join(out, 'dit-0.bin'));
    const drawn = { seed: 1, mean: 0, deviation: 1 };
    const job = {
      place: { dtype: 'F32', shape: [4], from: { drawn } },
      width: 1,
      start: 0,
      count: 4,
      outputs: [
        { id: 'w', writes: [{ shard: 'dit-0.bin', offset: 0, bytes: 16 }], stored: 'f32', transpose: false, plus: 0 },
      ],
    } as const;
    const runner = new TaskRunner(out);
    let failure: unknown;
    try {
      runner.run({ kind: 'make', job });
    } catch (error) {
      failure = error;
    }
    runner.close();
    expect(explain(failure, out).message).toMatch(
      /The disk of .* is full\. Make room\. Then run the same command again: it goes on/,
    );
  });

  it.each([
    ['EIO', /failed to read or write/],
    ['EFBIG', /--shard-mib/],
    ['EROFS', /permissions/],
  ])('is explained for %s', (code, message) => {
    expect(explain(Object.assign(new Error('x'), { code }), '/out').message).toMatch(message);
  });
});

/** A map for previews, in a folder of its own. */
async function previewFile(folder: string): Promise<string> {
  const path = join(folder, 'preview.safetensors');
  await writeSafetensors(path, [
    { name: 'weight', shape: [12, 16, 1, 1], data: new Float32Array(192).fill(0.1) },
    { name: 'bias', shape: [12], data: new Float32Array(12) },
  ]);
  return path;
}
