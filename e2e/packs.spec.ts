/** Stored packs in a real browser: OPFS, Web Locks, the service worker's policy, a server that misbehaves, killed tabs. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import { type Asked, RangeServer } from '../tools/packs/range-server.ts';
import { noiseBytes, type TestPack, writeTestPack } from '../tools/packs/test-pack.ts';
import { PIECE_BYTES } from '../workers/packs/manifest.ts';
import type { PackStatus } from '../workers/packs/protocol.ts';
import { App } from './support/app.ts';
import { fromRepo } from './support/files.ts';

declare global {
  interface Window {
    __statuses: PackStatus[];
  }
}

test.describe.configure({ mode: 'serial' });

const BIG = 'extra-0.bin';
const PIECES = 8;
const big = noiseBytes((PIECES - 1) * PIECE_BYTES + 4321, 5);
const id = { name: 'test', version: '1' };
let folder: string;
let pack: TestPack;
let server: RangeServer;
let context: BrowserContext;
let page: Page;

const isBig = ({ name }: Asked) => name === BIG;
const pieces = () =>
  server.asked.filter((asked) => isBig(asked) && asked.range).map(({ range }) => (range?.[0] ?? 0) / PIECE_BYTES);

async function visit(): Promise<Page> {
  const opened = await context.newPage();
  await App.open(opened, { engine: 'wasm' });
  // The packs worker gets its policy from the service worker, which must be in charge.
  await opened.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated', null, {
    timeout: 30_000,
  });
  await listen(opened);
  return opened;
}

/** From here on, events of this page are in `__statuses`. */
const listen = (on: Page) =>
  on.evaluate(() => {
    const statuses: PackStatus[] = [];
    window.__statuses = statuses;
    window.__packs.onEvent(({ status }) => statuses.push(status));
  });

const list = (on = page) =>
  on.evaluate(async () => {
    const listed = await window.__packs.bridge.list();
    if (!listed.ok) throw new Error(`${listed.code} ${listed.detail}`);
    return listed.value;
  });
const start = (url: string, on = page) => on.evaluate((address) => window.__packs.bridge.download(address), url);
const remove = (on = page) => on.evaluate((pack) => window.__packs.bridge.remove(pack), id);
const reached = (done: number, on = page) =>
  on.waitForFunction(
    (bytes) => window.__statuses.some((status) => status.state === 'downloading' && status.done >= bytes),
    done,
    { timeout: 60_000 },
  );

test.beforeAll(async ({ browser }) => {
  folder = mkdtempSync(join(tmpdir(), 'packs-e2e-'));
  pack = writeTestPack(join(folder, 'v1'), id.name, id.version, { [BIG]: big });
  server = await RangeServer.start(pack.folder);
  context = await browser.newContext();
  page = await visit();
});
test.afterAll(async () => {
  await context.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});
test.beforeEach(async () => {
  server.reset();
  await listen(page);
});

test('a host is asked for before anything is fetched from it, and is then allowed in the packs worker alone', async () => {
  const before = await page.evaluate((url) => window.__packs.bridge.inspect(url), server.url);
  expect(before).toMatchObject({ ok: false, code: 'host-blocked', values: { host: new URL(server.url).origin } });
  expect(server.asked).toEqual([]);
  expect(await page.evaluate((url) => window.__packs.bridge.allowHost(url), server.url)).toBe(
    new URL(server.url).origin,
  );
  const after = await page.evaluate((url) => window.__packs.bridge.inspect(url), server.url);
  expect(after).toMatchObject({ ok: true, value: { id, here: 'no', needs: { bytes: pack.bytes }, obstacles: [] } });
  expect(server.names).toEqual(['manifest.json']);
  const inPage = await page.evaluate(
    (url) =>
      fetch(url).then(
        () => 'went through',
        () => 'blocked',
      ),
    server.url,
  );
  expect(inPage).toBe('blocked');
});

test('a pack is downloaded, listed, and runs in the engine', async () => {
  expect(await start(server.url)).toEqual({ ok: true, value: id });
  expect([...pieces()].sort()).toEqual([...Array(PIECES).keys()]);
  const statuses = await page.evaluate(() => window.__statuses);
  const done = statuses.flatMap((status) => (status.state === 'downloading' ? [status.done] : []));
  expect(done.length).toBeGreaterThan(1);
  expect(done).toEqual([...done].sort((a, b) => a - b));
  expect(await list()).toMatchObject({ packs: [{ id, complete: true, onDisk: pack.bytes, busyElsewhere: false }] });
  server.reset();
  const app = await App.open(page, { engine: 'wasm', pack: 'stored:test@1' });
  await app.openPhoto(fromRepo('e2e/fixtures/noise-96.png'));
  await app.restore('noise');
  const whole = await app.result();
  // What goes behind the app's back while the engine reads: files cut off and deleted in the middle of a job.
  await app.begin('noise');
  const told = await page.evaluate(async () => {
    const packs = await (await navigator.storage.getDirectory()).getDirectoryHandle('packs');
    const files = await (await packs.getDirectoryHandle('test')).getDirectoryHandle('files');
    const outcomes: string[] = [];
    const note = (name: string, work: Promise<unknown>) =>
      work.then(
        () => outcomes.push(`${name} done`),
        (error: Error) => outcomes.push(`${name} ${error.name}`),
      );
    // The largest of what the engine reads: the blocks' weights.
    const sizes: { handle: FileSystemFileHandle; size: number }[] = [];
    for await (const handle of files.values()) {
      if (handle.kind !== 'file') continue;
      const file = handle as FileSystemFileHandle;
      sizes.push({ handle: file, size: (await file.getFile()).size });
    }
    const [largest] = sizes.filter(({ size }) => size < 50e6).sort((one, other) => other.size - one.size);
    if (!largest) throw new Error('no files');
    const cut = async () => {
      const target = await largest.handle.createWritable({ keepExistingData: true });
      await target.truncate(10);
      await target.close();
    };
    await note('cut', cut());
    await note('delete', files.removeEntry(largest.handle.name));
    return outcomes;
  });
  console.log(`files of a pack that is being read: ${told.join(', ')}`);
  await app.root('job', 'done');
  expect(Buffer.compare((await app.result()).data, whole.data)).toBe(0);
  expect(app.errors).toEqual([]);
  expect(server.asked).toEqual([]);
  // While the engine reads it, it can't be taken away.
  expect(await remove()).toMatchObject({ ok: false, code: 'pack-busy' });
  await page.evaluate(() => window.__engine.stop());
});

test('check now finds what changed behind the app, the engine refuses it, and repair fetches that piece alone', async () => {
  await page.evaluate(async () => {
    const root = await navigator.storage.getDirectory();
    const packs = await (await root.getDirectoryHandle('packs')).getDirectoryHandle('test');
    for await (const handle of (await packs.getDirectoryHandle('files')).values()) {
      if (handle.kind !== 'file' || (await handle.getFile()).size < 50e6) continue;
      const target = await handle.createWritable({ keepExistingData: true });
      await target.write({ type: 'write', position: 3 * 8 * 2 ** 20 + 1, data: new Uint8Array([1, 2, 3, 4]) });
      await target.close();
    }
  });
  const report = await page.evaluate((pack) => window.__packs.bridge.verify(pack), id);
  expect(report).toMatchObject({ ok: true, value: { bytes: pack.bytes, broken: [{ file: BIG, pieces: [3] }] } });
  expect(await page.evaluate((pack) => window.__packs.bridge.repair(pack), id)).toEqual({ ok: true, value: id });
  expect(server.asked.filter(({ name }) => name !== 'LICENSE.txt').map(({ name }) => name)).toEqual([BIG]);
  expect(pieces()).toEqual([3]);
});

test('a pack is exported to a folder, removed, and taken in again from there', async () => {
  const exported = await page.evaluate(async (pack) => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('given', { create: true });
    return window.__packs.bridge.exportTo(pack, folder);
  }, id);
  expect(exported).toMatchObject({ ok: true });
  if (exported.ok) expect(exported.value.bytes).toBeGreaterThan(pack.bytes);
  expect(await remove()).toEqual({ ok: true, value: { freed: pack.bytes } });
  expect(await list()).toMatchObject({ packs: [] });
  const taken = await page.evaluate(async () => {
    const handle = await (await navigator.storage.getDirectory()).getDirectoryHandle('given');
    return window.__packs.bridge.importGiven({ kind: 'folder', handle });
  });
  expect(taken).toEqual({ ok: true, value: id });
  expect(await list()).toMatchObject({ packs: [{ id, complete: true, origin: { kind: 'folder', label: 'given' } }] });
  expect(server.asked).toEqual([]);
  await page.evaluate(async () => (await navigator.storage.getDirectory()).removeEntry('given', { recursive: true }));
  expect(await remove()).toMatchObject({ ok: true });
});

test('a killed tab loses the pieces in flight and nothing else', async () => {
  server.behave = (asked) => (isBig(asked) ? { throttle: 8e6 } : undefined);
  void start(server.url).catch(() => undefined);
  // Four pieces are in flight at a time: by now as many have landed.
  await reached(0.75 * pack.bytes);
  await page.close({ runBeforeUnload: false });
  const before = [...pieces()];
  page = await visit();
  const [found] = (await list()).packs;
  expect(found).toMatchObject({ id, complete: false });
  const held = Math.floor(((found?.onDisk ?? 0) - (pack.bytes - big.byteLength)) / PIECE_BYTES);
  expect(held).toBeGreaterThan(0);
  server.reset();
  expect(await page.evaluate((pack) => window.__packs.bridge.resume(pack), id)).toEqual({ ok: true, value: id });
  const again = new Set(pieces());
  expect(again.size).toBeLessThanOrEqual(PIECES - held);
  expect([...again].filter((piece) => before.includes(piece)).length).toBeLessThanOrEqual(4);
  expect(await page.evaluate((pack) => window.__packs.bridge.verify(pack), id)).toMatchObject({
    value: { broken: [] },
  });
  expect(await remove()).toMatchObject({ ok: true });
});

test('two tabs do not write the same pack, and see each other', async () => {
  server.behave = (asked) => (isBig(asked) ? { throttle: 1e6 } : undefined);
  const first = start(server.url);
  await reached(pack.bytes / 4);
  const other = await visit();
  expect(await start(server.url, other)).toMatchObject({ ok: false, code: 'pack-busy' });
  expect(await list(other)).toMatchObject({ packs: [{ id, complete: false, busyElsewhere: true }] });
  server.behave = () => undefined;
  expect(await first).toEqual({ ok: true, value: id });
  expect(await list(other)).toMatchObject({ packs: [{ complete: true, busyElsewhere: false }] });
  expect(await remove(other)).toMatchObject({ ok: true, value: { freed: pack.bytes } });
  await other.close();
});

test('a full disk is told with what is missing, and nothing unverified stays', async () => {
  const client = await context.newCDPSession(page);
  const { origin } = new URL(page.url());
  const { usage } = await client.send('Storage.getUsageAndQuota', { origin });
  await client.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + 30e6 });
  // Chromium's estimate does not know of this: it tells no obstacle. The truth is what writing says.
  const result = await start(server.url);
  expect(result).toMatchObject({ ok: false, code: 'storage-full' });
  if (!result.ok) expect(Number(result.values.missing)).toBeGreaterThan(0);
  await client.send('Storage.overrideQuotaForOrigin', { origin });
  expect(await page.evaluate((pack) => window.__packs.bridge.resume(pack), id)).toEqual({ ok: true, value: id });
  expect(await remove()).toMatchObject({ ok: true });
});

test('the server goes and comes back in the middle', async () => {
  server.behave = (asked) => (isBig(asked) ? { throttle: 8e6 } : undefined);
  const result = start(server.url);
  await reached(pack.bytes / 4);
  const { port } = server;
  await server.stop();
  await page.waitForTimeout(2000);
  server.behave = () => undefined;
  await server.listen(port);
  expect(await result).toEqual({ ok: true, value: id });
  expect(await remove()).toMatchObject({ ok: true });
});

test('a piece that comes wrong is noticed on the thread that hashes, and fetched again', async () => {
  const threads: string[] = [];
  page.on('worker', (worker) => threads.push(worker.url()));
  // Slow enough for the thread to run by then.
  server.behave = (asked) =>
    isBig(asked) && asked.range?.[0] === 5 * PIECE_BYTES && asked.before === 0
      ? { corruptAt: 1000, throttle: 8e6 }
      : undefined;
  expect(await start(server.url)).toEqual({ ok: true, value: id });
  expect(threads.filter((url) => url.includes('pieces.worker'))).toHaveLength(1);
  expect([...pieces()].sort()).toEqual([0, 1, 2, 3, 4, 5, 5, 6, 7]);
  expect(await page.evaluate((pack) => window.__packs.bridge.verify(pack), id)).toMatchObject({
    value: { broken: [] },
  });
  expect(await remove()).toMatchObject({ ok: true });
});

test('a version that an update replaced while it was in use goes once the app has started with the new one', async () => {
  expect(await start(server.url)).toEqual({ ok: true, value: id });
  await (await App.open(page, { engine: 'wasm', pack: 'stored:test@1' })).root('engine-state', 'ready');
  const next = writeTestPack(join(folder, 'v2'), id.name, '2', { [BIG]: big });
  server.folder = next.folder;
  expect(await start(server.url)).toEqual({ ok: true, value: { name: id.name, version: '2' } });
  const versions = async () => (await list()).packs.map((stored) => stored.id.version);
  expect(await versions()).toEqual(['1', '2']);
  const app = await App.open(page, { engine: 'wasm', pack: 'stored:test@2' });
  await app.root('engine-state', 'ready');
  await expect.poll(versions).toEqual(['2']);
  await app.openPhoto(fromRepo('e2e/fixtures/noise-96.png'));
  await app.restore('noise');
  expect(app.errors).toEqual([]);
});
