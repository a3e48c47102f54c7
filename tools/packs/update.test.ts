/** A pack is replaced while an engine reads it: the new one comes all the same, and what it replaces goes once it can. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Disk } from '../../workers/packs/disk.ts';
import { tidyPacks } from '../../workers/packs/leftovers.ts';
import { readLock } from '../../workers/packs/locks.ts';
import { PacksManager } from '../../workers/packs/manager.ts';
import { PIECE_BYTES } from '../../workers/packs/manifest.ts';
import { PackStore } from '../../workers/packs/pack-store.ts';
import type { GivenPack, StoredId } from '../../workers/packs/protocol.ts';
import { StoredFiles } from '../../workers/packs/stored-files.ts';
import { openStored } from '../../workers/packs/stored-pack.ts';
import { nodeDisk } from './node-disk.ts';
import { noiseBytes, type TestPack, writeTestPack } from './test-pack.ts';
import { webLocks } from './web-locks.ts';

const BIG = 'extra-0.bin';
const GRAPH = 'embed.onnx';
const id = { name: 'test', version: '1' };
const next = { name: 'test', version: '2' };

let folder: string;
let home: string;
let pack: TestPack;
/** Its next version, and itself made anew under the old version: another large file in both. */
let newer: TestPack;
let anew: TestPack;
let disk: Disk;
let store: PackStore;
let manager: PacksManager;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'update-'));
  pack = writeTestPack(join(folder, 'v1'), 'test', '1', { [BIG]: noiseBytes(PIECE_BYTES + 77, 4) });
  newer = writeTestPack(join(folder, 'v2'), 'test', '2', { [BIG]: noiseBytes(PIECE_BYTES + 99, 5) });
  anew = writeTestPack(join(folder, 'again'), 'test', '1', { [BIG]: noiseBytes(PIECE_BYTES + 55, 6) });
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  vi.stubGlobal('navigator', { locks: webLocks() });
  home = mkdtempSync(join(folder, 'home-'));
  disk = nodeDisk(home);
  store = new PackStore(disk);
  manager = new PacksManager(Promise.resolve(disk));
  expect(await manager.importGiven(given(pack))).toEqual({ ok: true, value: id });
});
afterEach(() => {
  vi.unstubAllGlobals();
  rmSync(home, { recursive: true });
});

function given({ folder: from }: TestPack): GivenPack {
  const files = readdirSync(from).map((name) => ({
    path: `pack/${name}`,
    file: new File([new Uint8Array(readFileSync(join(from, name)))], name),
  }));
  return { kind: 'files', label: 'pack', files };
}

/** As an engine that runs: it holds the pack's lock and has read a graph and some weights. */
async function engineOn(version: StoredId): Promise<{ files: StoredFiles; end: () => Promise<void> }> {
  const release = await readLock(version.name);
  if (!release) throw new Error('the pack is locked');
  const files = await StoredFiles.open(store, version);
  await files.file(GRAPH);
  await files.range({ shard: BIG, offset: 0, bytes: 64 });
  const end = async () => {
    files.close();
    // It closes what it has opened a moment later.
    await new Promise((resolve) => setTimeout(resolve, 0));
    release();
  };
  return { files, end };
}

/** Bytes of all contents, of whatever version. */
const onDisk = () =>
  readdirSync(join(home, 'packs/test/files')).reduce(
    (sum, key) => sum + statSync(join(home, 'packs/test/files', key)).size,
    0,
  );
const journalled = () =>
  new Set([...readFileSync(join(home, 'packs/test/journal'), 'utf8').matchAll(/^\+(\S+)/gm)].map(([, key]) => key));
const big = ({ folder: from }: TestPack) => statSync(join(from, BIG)).size;

describe('a pack that an engine reads', () => {
  it('is updated although the graphs that both versions have are open', async () => {
    const { files, end } = await engineOn(id);
    expect(await manager.importGiven(given(newer))).toEqual({ ok: true, value: next });
    // The engine goes on with the version that it has.
    expect((await files.range({ shard: BIG, offset: 64, bytes: 64 })).byteLength).toBe(64);
    expect(await store.versions('test')).toEqual(['1', '2']);
    await end();
    const { end: endNext } = await engineOn(next);
    await endNext();
  });

  it('loses the version that was replaced once an engine has started with the new one', async () => {
    const { end } = await engineOn(id);
    expect(await manager.importGiven(given(newer))).toEqual({ ok: true, value: next });
    // Another tab, with the old engine still at work.
    await tidyPacks(store);
    expect(await store.versions('test')).toEqual(['1', '2']);
    await end();
    const pack2 = await openStored(store, next);
    await tidyPacks(store);
    expect(await store.versions('test')).toEqual(['2']);
    expect(onDisk()).toBe(newer.bytes);
    await pack2.file(GRAPH);
    pack2.close();
    expect(await manager.verify(next)).toMatchObject({ ok: true, value: { bytes: newer.bytes, broken: [] } });
  });

  it('loses it when an engine has started with another pack, too', async () => {
    const { end } = await engineOn(id);
    await manager.importGiven(given(newer));
    await end();
    await tidyPacks(store);
    expect(await store.versions('test')).toEqual(['2']);
  });

  it('keeps a replaced version that an engine has started with, and removes nothing while one is opening', async () => {
    const first = await engineOn(id);
    await manager.importGiven(given(newer));
    await first.end();
    const again = await engineOn(id);
    await tidyPacks(store);
    expect(await store.versions('test')).toEqual(['1', '2']);
    await again.end();
    // It has not read a manifest yet.
    const opening = await readLock('test');
    await tidyPacks(store);
    expect(await store.versions('test')).toEqual(['1', '2']);
    opening?.();
    await tidyPacks(store);
    expect(await store.versions('test')).toEqual(['2']);
  });

  it('keeps a replaced version whose newer one is removed, and one that is asked for again', async () => {
    const { end } = await engineOn(id);
    await manager.importGiven(given(newer));
    await end();
    expect(await manager.remove(next)).toMatchObject({ ok: true });
    await tidyPacks(store);
    expect(await store.versions('test')).toEqual(['1']);

    const { end: endAgain } = await engineOn(id);
    await manager.importGiven(given(newer));
    await manager.importGiven(given(pack));
    await endAgain();
    await tidyPacks(store);
    expect(await store.versions('test')).toEqual(['1', '2']);
  });

  it('is opened without a look at other versions, and a start without leftovers reads no manifest', async () => {
    const { end } = await engineOn(id);
    await manager.importGiven(given(newer));
    await end();
    const read: string[] = [];
    const openRead: Disk['openRead'] = (path) => {
      read.push(path);
      return disk.openRead(path);
    };
    const watched = new PackStore({ ...disk, openRead });
    (await openStored(watched, next)).close();
    const versions = 'packs/test/versions';
    expect(read).toEqual([`${versions}/2/manifest.json`, `${versions}/2/record.json`]);
    await tidyPacks(watched);
    expect(await store.versions('test')).toEqual(['2']);
    read.length = 0;
    await tidyPacks(watched);
    expect(read).toEqual([]);
  });

  it('keeps the contents of before it was made anew until the engine has let go of it', async () => {
    const { files, end } = await engineOn(id);
    expect(await manager.importGiven(given(anew))).toEqual({ ok: true, value: id });
    expect((await files.range({ shard: BIG, offset: 64, bytes: 64 })).byteLength).toBe(64);
    expect(onDisk()).toBe(anew.bytes + big(pack));
    await tidyPacks(store);
    expect(onDisk()).toBe(anew.bytes + big(pack));
    await end();
    await tidyPacks(store);
    expect(onDisk()).toBe(anew.bytes);
    expect(await manager.verify(id)).toMatchObject({ ok: true, value: { bytes: anew.bytes, broken: [] } });
  });
});

describe('a pack that nobody reads', () => {
  it('leaves nothing of before when it is made anew under its version', async () => {
    const before = journalled();
    expect(await manager.importGiven(given(anew))).toEqual({ ok: true, value: id });
    expect(onDisk()).toBe(anew.bytes);
    expect(journalled().size).toBe(before.size);
    expect(await manager.verify(id)).toMatchObject({ ok: true, value: { bytes: anew.bytes, broken: [] } });
  });

  it('loses what was left when the same is given once more', async () => {
    const { end } = await engineOn(id);
    expect(await manager.importGiven(given(anew))).toEqual({ ok: true, value: id });
    await end();
    expect(await manager.importGiven(given(anew))).toEqual({ ok: true, value: id });
    expect(onDisk()).toBe(anew.bytes);
  });

  it('keeps everything beside a version whose manifest this app can not read', async () => {
    const other = { name: 'test', version: '9' };
    const origin = { kind: 'url', url: 'https://example.org/manifest.json' } as const;
    await store.writeRecord(other, { ...(await store.record(id)), origin });
    const file = await disk.openWrite('packs/test/versions/9/manifest.json');
    file.write(new TextEncoder().encode('{"schema":99}'), { at: 0 });
    file.close();
    expect(await manager.importGiven(given(anew))).toEqual({ ok: true, value: id });
    expect(onDisk()).toBe(anew.bytes + big(pack));
    expect(await manager.remove(other)).toMatchObject({ ok: true });
    expect(onDisk()).toBe(anew.bytes);
  });
});
