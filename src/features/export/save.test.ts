import { afterEach, expect, it, vi } from 'vitest';
import { engine } from '../../app/engine.ts';
import { toasts } from '../../app/toast.ts';
import { useApp } from '../../store/index.ts';
import type { Photo } from '../../store/photoSlice.ts';
import { sampleInfo } from '../../store/sample.ts';
import { share, shareResult } from './save.ts';

const file = new File([new Uint8Array(1)], 'photo.png', { type: 'image/png' });
const onShared = vi.fn();
const refusal = (name: string) => new DOMException('refused', name);

/** Stands for the system's share sheet, which no test can open: each call ends as the list says. */
function sheet(...ends: (DOMException | null)[]) {
  const open = vi.fn(async () => {
    const end = ends.shift();
    if (end) throw end;
  });
  vi.stubGlobal('navigator', { share: open });
  return open;
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  onShared.mockReset();
});

it('a share that comes too late after its press waits for a second one, and is not asked for a third', async () => {
  const added = vi.spyOn(toasts, 'add');
  const open = sheet(refusal('NotAllowedError'), refusal('NotAllowedError'));
  await share(file, true, onShared);
  expect(added).toHaveBeenCalledTimes(1);
  const again = added.mock.calls[0]?.[0].actionProps?.onClick as (() => void) | undefined;
  again?.();
  // The second press shares while it is still being handled.
  expect(open).toHaveBeenCalledTimes(2);
  expect(open).toHaveBeenLastCalledWith({ files: [file] });
  expect(onShared).not.toHaveBeenCalled();
  await vi.waitFor(() => expect(added).toHaveBeenCalledTimes(2));
  expect(added.mock.calls[1]?.[0].actionProps).toBeUndefined();
});

it('a sheet that is closed says nothing, one that fails says so', async () => {
  const added = vi.spyOn(toasts, 'add');
  sheet(refusal('AbortError'), null, refusal('DataError'));
  await share(file, true, onShared);
  // Whoever closes it has not saved anything by it.
  expect(onShared).not.toHaveBeenCalled();
  await share(file, true, onShared);
  expect(onShared).toHaveBeenCalledOnce();
  expect(added).not.toHaveBeenCalled();
  await share(file, true, onShared);
  expect(added).toHaveBeenCalledTimes(1);
  expect(added.mock.calls[0]?.[0].actionProps).toBeUndefined();
});

it('a format that can not be written is told of until the next try, which works', async () => {
  const open = sheet(null);
  useApp.setState({ photo: { name: 'a.png', info: sampleInfo } as Photo, format: 'webp' });
  const values = { format: 'WebP' };
  // The worker has no place in Node: what it answers comes from its own tests.
  vi.spyOn(engine, 'save')
    .mockResolvedValueOnce({ ok: false, code: 'save-unsupported', detail: 'EncodingError', values })
    .mockResolvedValueOnce({ ok: true, value: { file: new Blob(['png']), lost: [] } });
  await shareResult();
  expect(useApp.getState().failure).toMatchObject({ code: 'save-unsupported', values });
  expect(open).not.toHaveBeenCalled();
  useApp.setState({ format: 'png' });
  await shareResult();
  expect(useApp.getState().failure).toBeNull();
  expect(open).toHaveBeenCalledOnce();
});
