/** Packs out of folders and ZIPs, good and hostile ones. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobReader, BlobWriter, ZipWriter } from '@zip.js/zip.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PacksManager } from '../../workers/packs/manager.ts';
import { PIECE_BYTES } from '../../workers/packs/manifest.ts';
import { PackStore } from '../../workers/packs/pack-store.ts';
import type { GivenFile, GivenPack } from '../../workers/packs/protocol.ts';
import { StoredFiles } from '../../workers/packs/stored-files.ts';
import { nodeDisk } from './node-disk.ts';
import { noiseBytes, type TestPack, writeTestPack } from './test-pack.ts';

const BIG = 'extra-0.bin';
const big = noiseBytes(2 * PIECE_BYTES + 77, 4);
const id = { name: 'test', version: '1' };

let folder: string;
let home: string;
let pack: TestPack;
let manager: PacksManager;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'import-'));
  pack = writeTestPack(join(folder, 'v1'), 'test', '1', { [BIG]: big });
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  home = mkdtempSync(join(folder, 'home-'));
  manager = new PacksManager(Promise.resolve(nodeDisk(home)));
});
afterEach(() => rmSync(home, { recursive: true }));

type Files = Map<string, Uint8Array<ArrayBuffer>>;

const packFiles = (): Files =>
  new Map(readdirSync(pack.folder).map((name) => [name, new Uint8Array(readFileSync(join(pack.folder, name)))]));

function given(files: Files, prefix = 'some/pack/'): GivenPack {
  const list: GivenFile[] = [...files].map(([name, bytes]) => ({ path: prefix + name, file: new File([bytes], name) }));
  list.push({ path: 'some/notes.txt', file: new File(['not of the pack'], 'notes.txt') });
  return { kind: 'files', label: 'some', files: list };
}

/** Stored as they are unless a level is asked for, or for the one file to be pressed: weights take seconds. */
async function zipOf(
  files: Files,
  options: { level?: number; password?: string; prefix?: string; pressed?: string } = {},
): Promise<File> {
  const { prefix = 'pack/', level = 0, pressed, ...rest } = options;
  const writer = new ZipWriter(new BlobWriter('application/zip'), { useWebWorkers: false, level, ...rest });
  for (const [name, bytes] of files) {
    await writer.add(prefix + name, new BlobReader(new Blob([bytes])), name === pressed ? { level: 6 } : {});
  }
  return new File([await writer.close()], 'pack.zip');
}

async function expectWhole(): Promise<void> {
  const files = await StoredFiles.open(new PackStore(nodeDisk(home)), id);
  const part = await files.range({ shard: BIG, offset: 0, bytes: big.byteLength });
  expect(Buffer.from(part).equals(Buffer.from(big))).toBe(true);
  files.close();
  expect(await manager.verify(id)).toMatchObject({ ok: true, value: { bytes: pack.bytes, broken: [] } });
}

describe('a folder', () => {
  it('is looked at, and taken in', async () => {
    const offer = await manager.inspectGiven(given(packFiles()));
    expect(offer).toMatchObject({ ok: true, value: { id, here: 'no' } });
    expect(await manager.importGiven(given(packFiles()))).toEqual({ ok: true, value: id });
    await expectWhole();
    const listed = await manager.list();
    expect(listed).toMatchObject({ ok: true, value: { packs: [{ origin: { kind: 'folder', label: 'some' } }] } });
    // It has no server to come from again.
    expect(await manager.checkUpdate(id)).toEqual({ ok: true, value: null });
  });

  it('with a damaged file is refused, and goes on from what was good once it is mended', async () => {
    const files = packFiles();
    files.get(BIG)?.fill(7, PIECE_BYTES + 5, PIECE_BYTES + 9);
    expect(await manager.importGiven(given(files))).toMatchObject({
      ok: false,
      code: 'pack-damaged',
      values: { file: BIG },
    });
    expect(await manager.list()).toMatchObject({ ok: true, value: { packs: [{ id, complete: false }] } });
    expect(await manager.repair(id, given(packFiles()))).toEqual({ ok: true, value: id });
    await expectWhole();
  });

  it.each<[string, string, (files: Files) => void]>([
    ['no manifest', 'pack-missing', (files) => files.delete('manifest.json')],
    ['a file missing', 'pack-missing', (files) => files.delete(BIG)],
    ['a file too short', 'pack-damaged', (files) => files.set(BIG, big.slice(0, -1))],
    ['a file too long', 'pack-damaged', (files) => files.set(BIG, new Uint8Array(Buffer.concat([big, Buffer.of(1)])))],
    [
      'a manifest that is too large',
      'pack-damaged',
      (files) => files.set('manifest.json', new Uint8Array(9 * 2 ** 20)),
    ],
  ])('with %s is refused', async (_what, code, change) => {
    const files = packFiles();
    change(files);
    const result = await manager.importGiven(given(files, 'some/pack/'));
    expect(result).toMatchObject({ ok: false, code });
  });

  it('with two packs in it is refused: nobody knows which is meant', async () => {
    const one = given(packFiles(), 'some/one/');
    const two = given(packFiles(), 'some/two/');
    if (one.kind !== 'files' || two.kind !== 'files') throw new Error('unreachable');
    const result = await manager.importGiven({ ...one, files: [...one.files, ...two.files] });
    expect(result).toMatchObject({ ok: false, code: 'pack-damaged' });
  });

  it('with a graph that packs may not hold is refused and leaves nothing', async () => {
    const bad = writeTestPack(join(folder, 'bad'), 'bad', '1', { 'embed.onnx': new Uint8Array(100).fill(8) });
    const files: Files = new Map(
      readdirSync(bad.folder).map((name) => [name, new Uint8Array(readFileSync(join(bad.folder, name)))]),
    );
    const result = await manager.importGiven(given(files));
    expect(result).toMatchObject({
      ok: false,
      code: 'pack-damaged',
      detail: expect.stringMatching(/^The graph embed.onnx/),
    });
    expect(existsSync(join(home, 'packs/bad'))).toBe(false);
  });
});

describe('a ZIP', () => {
  it.each([0, 6])('at level %i is taken in', async (level) => {
    const file = await zipOf(packFiles(), { level });
    expect(await manager.inspectGiven({ kind: 'zip', file })).toMatchObject({ ok: true, value: { id } });
    expect(await manager.importGiven({ kind: 'zip', file })).toEqual({ ok: true, value: id });
    await expectWhole();
  });

  it('that unpacks to more than its manifest says is stopped at once', async () => {
    const files = packFiles();
    // Zeros pack a thousandfold.
    files.set(BIG, new Uint8Array(96 * 2 ** 20));
    const file = await zipOf(files, { level: 6 });
    expect(file.size).toBeLessThan(pack.bytes - big.byteLength + 1e6);
    const result = await manager.importGiven({ kind: 'zip', file });
    expect(result).toMatchObject({ ok: false, code: 'pack-damaged', values: { file: BIG } });
  });

  /** Overwrites all places where the bytes of `from` are. */
  async function patched(file: File, from: number[], to: number[]): Promise<File> {
    const bytes = Buffer.from(await file.arrayBuffer());
    let found = 0;
    for (let at = bytes.indexOf(Buffer.from(from)); at >= 0; at = bytes.indexOf(Buffer.from(from), at + to.length)) {
      bytes.set(to, at);
      found += 1;
    }
    expect(found).toBeGreaterThan(0);
    return new File([bytes], 'pack.zip');
  }
  const u32 = (value: number) => [...new Uint8Array(Uint32Array.of(value).buffer)];
  const ascii = (word: string) => [...Buffer.from(word)];

  it('that lies about its lengths is refused', async () => {
    const files = packFiles();
    files.set(BIG, new Uint8Array(64 * 2 ** 20));
    const bomb = await patched(await zipOf(files, { level: 6 }), u32(64 * 2 ** 20), u32(big.byteLength));
    expect(await manager.importGiven({ kind: 'zip', file: bomb })).toMatchObject({ ok: false, code: 'pack-damaged' });
  });

  it.each<[string, () => Promise<File>]>([
    ['is none', async () => new File([noiseBytes(50_000, 1)], 'pack.zip')],
    ['is empty', async () => new File([], 'pack.zip')],
    ['is cut off', async () => new File([(await zipOf(packFiles())).slice(0, 5_000_000)], 'pack.zip')],
    ['is encrypted', () => zipOf(packFiles(), { password: 'x' })],
    ['climbs out of its folder', () => zipOf(packFiles(), { prefix: '../' })],
    [
      'has a name twice',
      async () => patched(await zipOf(packFiles()), ascii('pack/enc.0-f16.onnx'), ascii('pack/enc.1-f16.onnx')),
    ],
  ])('that %s is refused', async (_what, make) => {
    const result = await manager.importGiven({ kind: 'zip', file: await make() });
    expect(result).toMatchObject({ ok: false });
    if (!result.ok) expect(['pack-damaged', 'pack-missing']).toContain(result.code);
    expect(existsSync(join(home, 'packs'))).toBe(false);
  });

  it('whose deflated data can not be unpacked is refused as damaged', async () => {
    const pressed = 'embed.onnx';
    const bytes = Buffer.from(await (await zipOf(packFiles(), { pressed })).arrayBuffer());
    // The name in the local header, which has 30 bytes before it; its data lies behind the name and what the header adds.
    const at = bytes.indexOf(`pack/${pressed}`);
    const data = at + `pack/${pressed}`.length + bytes.readUInt16LE(at - 2);
    // A block of a kind that does not exist.
    bytes[data] = 0xff;
    const result = await manager.importGiven({ kind: 'zip', file: new File([bytes], 'pack.zip') });
    expect(result).toMatchObject({ ok: false, code: 'pack-damaged' });
  });

  it('damaged anywhere is refused or right, never anything else', async () => {
    const whole = new Uint8Array(await (await zipOf(packFiles())).arrayBuffer());
    for (let seed = 0; seed < (process.env.LONG ? 200 : 4); seed++) {
      const bytes = whole.slice();
      // The directory at the end and the local headers are where a reader can be led astray.
      const at = seed % 2 === 0 ? bytes.length - 1 - ((seed * 7919) % 6000) : (seed * 104_729) % bytes.length;
      bytes.set(noiseBytes(4, seed), Math.min(at, bytes.length - 4));
      const result = await manager.importGiven({ kind: 'zip', file: new File([bytes], 'pack.zip') });
      if (result.ok) await expectWhole();
      else expect(['pack-damaged', 'pack-missing'], `seed ${seed}: ${result.detail}`).toContain(result.code);
      await manager.cancel(id);
      await manager.remove(id);
    }
  });
});
