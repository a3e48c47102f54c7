import { BlobReader, TextWriter, ZipReader } from '@zip.js/zip.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { useApp } from '../../store/index.ts';
import { SampleFolder } from './files.sample.ts';
import { keepPhoto, keepResult, keptFile } from './keep.ts';
import { putResult } from './out.ts';
import { dropZip, makeZip } from './zip.ts';

let root: SampleFolder;
const use = (folder: SampleFolder) => {
  root = folder;
  vi.stubGlobal('navigator', { storage: { getDirectory: async () => root } });
};
const results = ['a', 'b'].map((id) => ({ id, saved: `${id}.png` }));

async function inside(zip: Blob): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await new ZipReader(new BlobReader(zip), { useWebWorkers: false }).getEntries()) {
    if (!entry.directory) found[entry.filename] = await entry.getData(new TextWriter());
  }
  return found;
}

beforeEach(() => useApp.getState().setQueue({ queue: [], folder: null, unkept: false }));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('the ZIP', () => {
  it('is made in the private file system', async () => {
    use(new SampleFolder());
    for (const { id } of results) await keepResult(id, new Blob([`pixels of ${id}`]));
    const zip = await makeZip(results);
    expect(zip.count).toBe(2);
    expect(await inside(zip.file)).toEqual({ 'a.png': 'pixels of a', 'b.png': 'pixels of b' });
    expect([...root.files.keys()]).toEqual(['restored.zip']);
  });

  it.each([
    ['refuses the private file system', () => vi.stubGlobal('navigator', { storage: { getDirectory: refuse } })],
    ['can not write there in a page', () => use(new SampleFolder(false))],
    ['has no such thing at all', () => vi.stubGlobal('navigator', {})],
  ])('comes out of a browser that %s', async (_, prepare) => {
    prepare();
    for (const { id } of results) expect(await keepResult(id, new Blob([`pixels of ${id}`]))).toBe(true);
    const zip = await makeZip([...results, { id: 'lost', saved: 'lost.png' }]);
    expect(zip.count).toBe(2);
    expect(await inside(zip.file)).toEqual({ 'a.png': 'pixels of a', 'b.png': 'pixels of b' });
  });

  it('is made in memory where the disk is full, and leaves nothing half written', async () => {
    use(new SampleFolder());
    for (const { id } of results) await keepResult(id, new Blob([`pixels of ${id}`]));
    root.full = true;
    expect(Object.keys(await inside((await makeZip(results)).file))).toEqual(['a.png', 'b.png']);
    expect([...root.files.keys()]).toEqual([]);
  });

  it('is removed once the download has read it, not before', async () => {
    vi.useFakeTimers();
    use(new SampleFolder());
    root.files.set('restored.zip', new Blob(['zip']));
    root.writtenAt = Date.now() - 5_000;
    await dropZip();
    await dropZip();
    expect(root.files.size).toBe(1);
    await vi.advanceTimersByTimeAsync(61_000);
    expect(root.files.size).toBe(0);
    root.files.set('restored.zip', new Blob(['of the last visit']));
    root.writtenAt = Date.now() - 100_000;
    await dropZip();
    expect(root.files.size).toBe(0);
    await dropZip();
  });
});

describe('what the queue keeps', () => {
  it('is no empty file where a photo could not be written: that is held in memory', async () => {
    use(new SampleFolder(false));
    await keepPhoto('p', new Blob(['photo']));
    expect(await (await keptFile('in', 'p'))?.text()).toBe('photo');
    expect(useApp.getState().unkept).toBe(true);
    expect([...((await (await root.getDirectoryHandle('queue')).getDirectoryHandle('in')).files.keys() ?? [])]).toEqual(
      [],
    );
  });

  it('is no result where the disk is full: the queue is told', async () => {
    use(new SampleFolder());
    root.full = true;
    expect(await putResult('full', 'full.png', new Blob(['result']))).toMatchObject({
      ok: false,
      code: 'results-full',
    });
    expect(await keptFile('out', 'full')).toBeNull();
  });
});

const refuse = () => Promise.reject(new DOMException('no', 'SecurityError'));
