/**
 * The packs worker's own code in Node: a real server that misbehaves, and a folder for a disk. Each fault is survived or
 * explained, and nothing that is not what the manifest says is ever stored.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PacksManager } from '../../workers/packs/manager.ts';
import { PIECE_BYTES } from '../../workers/packs/manifest.ts';
import { PackStore } from '../../workers/packs/pack-store.ts';
import type { PackEvent, PackStatus, TransferOptions } from '../../workers/packs/protocol.ts';
import { StoredFiles } from '../../workers/packs/stored-files.ts';
import { nodeDisk } from './node-disk.ts';
import { type Asked, RangeServer } from './range-server.ts';
import { noiseBytes, type TestPack, writeTestPack } from './test-pack.ts';

/** A busy machine may stand still for seconds; only a server that stalls is waited for so short a time. */
const QUICK: TransferOptions = { stallMs: 30_000, retryMs: 5, tries: 4 };
const IMPATIENT: TransferOptions = { ...QUICK, stallMs: 1500 };
const BIG = 'extra-0.bin';
/** Four pieces, the last one short. */
const big = noiseBytes(3 * PIECE_BYTES + 12_345, 1);

let folder: string;
let server: RangeServer;
let pack: TestPack;
let home: string;
let manager: PacksManager;
let events: PackStatus[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'packs-'));
  pack = writeTestPack(join(folder, 'v1'), 'test', '1', { [BIG]: big });
  server = await RangeServer.start(pack.folder);
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(({ task }) => {
  server.reset();
  server.scope = `${task.id}/`;
  server.folder = pack.folder;
  server.etag = (name) => `"${name}"`;
  home = mkdtempSync(join(folder, 'home-'));
  manager = open();
});
afterEach(() => rmSync(home, { recursive: true }));

function open(quota?: number): PacksManager {
  const made = new PacksManager(Promise.resolve(nodeDisk(home, quota)));
  events = [];
  void made.watch((event: PackEvent) => events.push(event.status));
  return made;
}

const id = { name: 'test', version: '1' };
const isBig = ({ name }: Asked) => name === BIG;
const piece = ({ range }: Asked) => (range ? range[0] / PIECE_BYTES : -1);
/** Requests of pieces of the large file, each as a number. */
const pieces = () => server.asked.filter((asked) => isBig(asked) && asked.range).map(piece);

async function expectWhole(version = '1', bytes: Uint8Array = big): Promise<void> {
  const files = await StoredFiles.open(new PackStore(nodeDisk(home)), { name: 'test', version });
  try {
    const part = await files.range({ shard: BIG, offset: 0, bytes: bytes.byteLength });
    expect(Buffer.from(part).equals(Buffer.from(bytes))).toBe(true);
    const graph = await files.file('embed.onnx');
    expect(Buffer.from(graph).equals(readFileSync(join(pack.folder, 'embed.onnx')))).toBe(true);
  } finally {
    files.close();
  }
}

function expectSteady(): void {
  const done = events.flatMap((status) => (status.state === 'downloading' ? [status.done] : []));
  expect(done).toEqual([...done].sort((a, b) => a - b));
  for (const status of events) if ('total' in status) expect(status.done).toBeLessThanOrEqual(status.total);
}

describe('a download', () => {
  it('comes in ranges, each once, and is told as it goes', async () => {
    const offer = await manager.inspect(server.url);
    expect(offer).toMatchObject({ ok: true, value: { id, here: 'no', needs: { bytes: pack.bytes } } });
    expect(await manager.download(server.url, QUICK)).toEqual({ ok: true, value: id });
    expect(pieces().sort()).toEqual([0, 1, 2, 3]);
    expect(events.at(-1)).toEqual({ state: 'done' });
    expectSteady();
    await expectWhole();
    const listed = await manager.list();
    expect(listed).toMatchObject({ ok: true, value: { packs: [{ id, complete: true, onDisk: pack.bytes }] } });
    // Once it is there, nothing but the manifest is asked for.
    server.reset();
    expect(await manager.download(server.url)).toMatchObject({ ok: true });
    expect(server.names).toEqual(['manifest.json']);
    expect(await manager.inspect(server.url)).toMatchObject({ ok: true, value: { here: 'stored' } });
  });

  it("takes nothing of the app's own folder for a pack, and refuses what is none", async () => {
    server.folder = join(folder, 'nowhere');
    expect(await manager.inspect(server.url)).toMatchObject({ ok: false, code: 'pack-missing' });
    await server.stop();
    expect(await manager.inspect(`http://127.0.0.1:1/`)).toMatchObject({ ok: false, code: 'pack-unreachable' });
    await server.listen();
  });
});

describe('a bad server or network', () => {
  it.each<[string, (asked: Asked) => object | undefined]>([
    ['drops connections', (asked) => (isBig(asked) && asked.before < 2 ? { cutAfter: 1_000_000 } : undefined)],
    ['ends early with a length that fits', (asked) => (isBig(asked) && asked.before < 1 ? { shortBy: 5 } : undefined)],
    ['stalls', (asked) => (isBig(asked) && asked.before < 1 ? { stallAfter: 100_000 } : undefined)],
    ['corrupts on the way', (asked) => (isBig(asked) && asked.before < 2 ? { corruptAt: 4_000_000 } : undefined)],
    ['is busy', (asked) => (asked.before < 2 && asked.name !== 'manifest.json' ? { status: 503 } : undefined)],
    ['answers 200 to Range', () => ({ ignoreRange: true })],
    [
      'answers 200 to Range and drops in the middle',
      (asked) =>
        isBig(asked) && asked.before < 1 ? { ignoreRange: true, cutAfter: 20_000_000 } : { ignoreRange: true },
    ],
    ['is slow', (asked) => (isBig(asked) ? { throttle: 20e6 } : undefined)],
  ])('that %s is survived', async (what, behave) => {
    server.behave = behave;
    expect(await manager.download(server.url, what === 'stalls' ? IMPATIENT : QUICK)).toEqual({ ok: true, value: id });
    expectSteady();
    await expectWhole();
  });

  it('that changes its ETag in the middle, with the same bytes, is survived', async () => {
    let turn = 0;
    server.etag = () => `"${turn++}"`;
    expect(await manager.download(server.url, { ...QUICK, parallel: 1 })).toMatchObject({ ok: true });
    await expectWhole();
  });

  it('that always corrupts a piece is explained, and the other pieces stay', async () => {
    server.behave = (asked) => (isBig(asked) && piece(asked) === 2 ? { corruptAt: 10 } : undefined);
    const result = await manager.download(server.url, { ...QUICK, parallel: 1 });
    expect(result).toMatchObject({ ok: false, code: 'pack-damaged', values: { file: BIG, piece: 2 } });
    expect(events.at(-1)).toMatchObject({ state: 'failed', code: 'pack-damaged' });
    server.reset();
    expect(await manager.resume(id, QUICK)).toMatchObject({ ok: true });
    expect(pieces().sort()).toEqual([2]);
    await expectWhole();
  });

  it('that has another pack by now is explained', async () => {
    const other = writeTestPack(join(folder, 'other'), 'test', '2', { [BIG]: noiseBytes(big.byteLength, 9) });
    server.behave = (asked) => {
      if (isBig(asked) && piece(asked) >= 1) server.folder = other.folder;
      return undefined;
    };
    const result = await manager.download(server.url, { ...QUICK, parallel: 1 });
    expect(result).toMatchObject({ ok: false, code: 'pack-changed' });
  });

  it('that is gone is explained, and taken up again without what is there', async () => {
    server.behave = (asked) => (isBig(asked) && piece(asked) >= 2 ? { cutAfter: 0 } : undefined);
    const result = await manager.download(server.url, { ...QUICK, parallel: 1 });
    expect(result).toMatchObject({ ok: false, code: 'pack-unreachable' });
    server.reset();
    expect(await open().resume(id, QUICK)).toMatchObject({ ok: true });
    expect(pieces().sort()).toEqual([2, 3]);
    await expectWhole();
  });

  it('that lacks a file is explained, however far the other requests are', async () => {
    server.behave = (asked) => (isBig(asked) ? { status: 404 } : undefined);
    for (let turn = 0; turn < 4; turn++) {
      const result = await manager.download(server.url, QUICK);
      expect(result).toMatchObject({ ok: false, code: 'pack-missing', values: { file: BIG } });
      await manager.cancel(id);
    }
  });
});

describe('stopping', () => {
  /** The first piece comes whole; the others stand still in their middle, so that the download can't end by itself. */
  const halting = (asked: Asked) => (isBig(asked) && piece(asked) > 0 ? { stallAfter: 1_000_000 } : undefined);
  /** The first piece was asked for, and one is under way that will not come. One at a time, the first has come by then. */
  const underWay = async () => {
    while (!pieces().includes(0) || !pieces().some((each) => each > 0)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };

  it('pauses, and goes on without fetching again what was there', async () => {
    server.behave = halting;
    const result = manager.download(server.url, { ...QUICK, parallel: 1 });
    await underWay();
    await manager.pause(id);
    expect(await result).toMatchObject({ ok: false, code: 'cancelled' });
    expect(events.at(-1)).toMatchObject({ state: 'paused' });
    const asked = pieces();
    expect(asked).toEqual([0, 1]);
    server.reset();
    expect(await manager.resume(id, QUICK)).toMatchObject({ ok: true });
    // Only the piece that was in flight comes twice.
    expect(pieces().sort()).toEqual([1, 2, 3]);
    await expectWhole();
  });

  it('cancels and leaves nothing behind', async () => {
    server.behave = halting;
    const result = manager.download(server.url, QUICK);
    await underWay();
    await manager.cancel(id);
    expect(await result).toMatchObject({ ok: false, code: 'cancelled' });
    expect(await manager.list()).toMatchObject({ ok: true, value: { packs: [] } });
    expect(existsSync(join(home, 'packs/test'))).toBe(false);
  });

  it('says how much is missing when the disk is full, and goes on when there is room', async () => {
    manager = open(20_000_000);
    const result = await manager.download(server.url, QUICK);
    expect(result).toMatchObject({ ok: false, code: 'storage-full' });
    if (!result.ok) expect(Number(result.values.missing)).toBeGreaterThan(0);
    expect(await open().resume(id, QUICK)).toMatchObject({ ok: true });
    await expectWhole();
  });
});

describe('what is stored', () => {
  const contentFolder = () => join(home, 'packs/test/files');
  /** Path of the content that has the large file's length. */
  const bigContent = () => {
    const name = readdirSync(contentFolder()).find(
      (key) => readFileSync(join(contentFolder(), key)).length === big.length,
    );
    return join(contentFolder(), name ?? '');
  };
  const spoil = (at: number) => {
    const bytes = readFileSync(bigContent());
    bytes[at] = ~(bytes[at] ?? 0) & 0xff;
    writeFileSync(bigContent(), bytes);
  };

  beforeEach(async () => {
    expect(await manager.download(server.url, QUICK)).toMatchObject({ ok: true });
    server.reset();
  });

  it("is not handed out when it changed behind the app's back", async () => {
    spoil(PIECE_BYTES + 5);
    const files = await StoredFiles.open(new PackStore(nodeDisk(home)), id);
    const part = { shard: BIG, offset: 64, bytes: 64 };
    expect(Buffer.from(await files.range(part))).toEqual(Buffer.from(big.subarray(64, 128)));
    await expect(files.range({ ...part, offset: PIECE_BYTES })).rejects.toMatchObject({
      code: 'pack-damaged',
      values: { file: BIG, piece: 1 },
    });
    files.close();
  });

  it('is checked, and only the broken piece is fetched again', async () => {
    expect(await manager.verify(id)).toEqual({ ok: true, value: { bytes: expect.any(Number), broken: [] } });
    spoil(2 * PIECE_BYTES);
    expect(await manager.verify(id)).toMatchObject({ ok: true, value: { broken: [{ file: BIG, pieces: [2] }] } });
    await expect(StoredFiles.open(new PackStore(nodeDisk(home)), id)).rejects.toMatchObject({ code: 'pack-missing' });
    expect(await manager.repair(id)).toEqual({ ok: true, value: id });
    expect(server.asked.filter(isBig).map(piece)).toEqual([2]);
    expect(server.names.filter((name) => name !== 'LICENSE.txt')).toEqual([BIG]);
    await expectWhole();
  });

  it('is mended when a file lost its end', async () => {
    writeFileSync(bigContent(), big.subarray(0, PIECE_BYTES + 10));
    expect(await manager.repair(id)).toEqual({ ok: true, value: id });
    expect(server.asked.filter(isBig).map(piece).sort()).toEqual([1, 2, 3]);
    await expectWhole();
  });

  it('survives a torn journal: what is unsure is hashed, and nothing fetched', async () => {
    const journal = join(home, 'packs/test/journal');
    const record = join(home, 'packs/test/versions/1/record.json');
    const lines = readFileSync(journal, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('+'));
    writeFileSync(journal, `${lines.join('\n')}\n${(lines[0] ?? '').slice(0, 40)}`);
    writeFileSync(record, JSON.stringify({ ...JSON.parse(readFileSync(record, 'utf8')), complete: false }));
    expect(await open().resume(id, QUICK)).toMatchObject({ ok: true });
    expect(server.names.filter((name) => name !== 'LICENSE.txt')).toEqual([]);
    expect(events).toContainEqual(expect.objectContaining({ state: 'verifying' }));
    await expectWhole();
  });

  it('is updated by what changed alone, and the older version goes', async () => {
    const more = noiseBytes(5_000_000, 3);
    const next = writeTestPack(join(folder, 'v2'), 'test', '2', { [BIG]: big, 'extra-1.bin': more });
    expect(await manager.checkUpdate(id)).toEqual({ ok: true, value: null });
    server.folder = next.folder;
    const offer = await manager.checkUpdate(id);
    expect(offer).toMatchObject({ ok: true, value: { id: { version: '2' }, needs: { toFetch: more.byteLength } } });
    server.reset();
    expect(await manager.download(server.url, QUICK)).toMatchObject({ ok: true });
    expect(server.names.sort()).toEqual(['LICENSE.txt', 'extra-1.bin', 'manifest.json']);
    const listed = await manager.list();
    expect(listed).toMatchObject({ ok: true, value: { packs: [{ id: { version: '2' } }] } });
    await expectWhole('2');
  });

  it('is removed, and its bytes are free', async () => {
    expect(await manager.remove(id)).toEqual({ ok: true, value: { freed: pack.bytes } });
    expect(existsSync(join(home, 'packs/test'))).toBe(false);
    expect(await manager.list()).toMatchObject({ ok: true, value: { packs: [] } });
  });

  it('does not give way to another pack of its name from elsewhere', async () => {
    const twin = await RangeServer.start(writeTestPack(join(folder, 'twin'), 'test', '1').folder);
    try {
      const result = await manager.download(twin.url, QUICK);
      expect(result).toMatchObject({
        ok: false,
        code: 'pack-damaged',
        detail: expect.stringMatching(/Remove it first/),
      });
      await expectWhole();
    } finally {
      await twin.stop();
    }
  });
});
