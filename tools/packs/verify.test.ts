/** A check that is stopped after it found damage: what it found stays known, and nothing good is lost. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Disk } from '../../workers/packs/disk.ts';
import { PacksManager } from '../../workers/packs/manager.ts';
import { PIECE_BYTES } from '../../workers/packs/manifest.ts';
import { PackStore } from '../../workers/packs/pack-store.ts';
import type { GivenFile } from '../../workers/packs/protocol.ts';
import { StoredFiles } from '../../workers/packs/stored-files.ts';
import { nodeDisk } from './node-disk.ts';
import { noiseBytes, type TestPack, writeTestPack } from './test-pack.ts';

const BIG = 'extra-0.bin';
/** The largest file of the pack: it is looked at last. */
const big = noiseBytes(5 * PIECE_BYTES + 77, 4);
const id = { name: 'test', version: '1' };

let folder: string;
let home: string;
let pack: TestPack;
let disk: Disk;
let manager: PacksManager;
/** Called before this piece of the large file is read, which waits for it. */
let beforePiece: { piece: number; run: () => void | Promise<void> } | null;
/** Pieces of the large file that were written, by where. */
let written: number[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'verify-'));
  pack = writeTestPack(join(folder, 'v1'), 'test', '1', { [BIG]: big });
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  home = mkdtempSync(join(folder, 'home-'));
  beforePiece = null;
  written = [];
  disk = watched(nodeDisk(home));
  manager = new PacksManager(Promise.resolve(disk));
  expect(await manager.importGiven(given())).toEqual({ ok: true, value: id });
  for (const piece of [1, 4]) spoil(piece);
  written = [];
});
afterEach(() => rmSync(home, { recursive: true }));

/** The same disk; it tells of the large file's pieces. */
function watched(plain: Disk): Disk {
  return {
    ...plain,
    openRead: async (path) => {
      const reader = await plain.openRead(path);
      const read = async (target: Uint8Array, at: number) => {
        if (reader.bytes === big.length && at === (beforePiece?.piece ?? -1) * PIECE_BYTES) await beforePiece?.run();
        return reader.read(target, at);
      };
      return { ...reader, read };
    },
    openWrite: async (path) => {
      const file = await plain.openWrite(path);
      const write = (bytes: Uint8Array, options: { at: number }) => {
        if (file.getSize() === big.length && options.at % PIECE_BYTES === 0) written.push(options.at / PIECE_BYTES);
        return file.write(bytes, options);
      };
      return { ...file, write };
    },
  };
}

function given() {
  const files = readdirSync(pack.folder).map((name): GivenFile => {
    const file = new File([new Uint8Array(readFileSync(join(pack.folder, name)))], name);
    return { path: `pack/${name}`, file };
  });
  return { kind: 'files', label: 'pack', files } as const;
}

function spoil(piece: number): void {
  const contents = join(home, 'packs/test/files');
  const key = readdirSync(contents).find((name) => statSync(join(contents, name)).size === big.length) ?? '';
  const bytes = readFileSync(join(contents, key));
  bytes.fill(7, piece * PIECE_BYTES + 5, piece * PIECE_BYTES + 9);
  writeFileSync(join(contents, key), bytes);
}

async function expectRefused(): Promise<void> {
  const other = new PackStore(nodeDisk(home));
  await expect(StoredFiles.open(other, id)).rejects.toMatchObject({ code: 'pack-missing' });
}

/** The piece that the check found, and the one that it did not reach. */
async function expectMended(): Promise<void> {
  expect(await manager.importGiven(given())).toEqual({ ok: true, value: id });
  expect(written).toEqual([1, 4]);
  expect(await manager.verify(id)).toEqual({ ok: true, value: { bytes: pack.bytes, broken: [] } });
}

it('a check that is stopped has told what it found', async () => {
  beforePiece = { piece: 2, run: () => void manager.pause(id) };
  expect(await manager.verify(id)).toMatchObject({ ok: false, code: 'cancelled' });
  beforePiece = null;
  await expectRefused();
  expect(await manager.list()).toMatchObject({ ok: true, value: { packs: [{ id, complete: false }] } });
  await expectMended();
});

it('the pack is not used any more while the check goes on, as after a closed tab', async () => {
  beforePiece = { piece: 3, run: expectRefused };
  expect(await manager.verify(id)).toMatchObject({ ok: true, value: { broken: [{ file: BIG, pieces: [1, 4] }] } });
  beforePiece = null;
  await expectMended();
});

it('a check that is cancelled deletes nothing, although the pack counts as incomplete by then', async () => {
  let cancelled: Promise<void> = Promise.resolve();
  beforePiece = {
    piece: 2,
    run: () => {
      cancelled = manager.cancel(id);
    },
  };
  expect(await manager.verify(id)).toMatchObject({ ok: false, code: 'cancelled' });
  beforePiece = null;
  await cancelled;
  await expectRefused();
  await expectMended();
});

it('mending that is stopped while it hashes what the check did not reach does not make that sure', async () => {
  beforePiece = { piece: 2, run: () => void manager.pause(id) };
  await manager.verify(id);
  beforePiece = { piece: 2, run: () => void manager.pause(id) };
  expect(await manager.importGiven(given())).toMatchObject({ ok: false, code: 'cancelled' });
  beforePiece = null;
  await expectMended();
});
