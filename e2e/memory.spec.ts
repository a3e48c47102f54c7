/** Out of GPU memory, caused in the worker: the job goes on with a smaller tile and the next one works. */
import { expect, test, type Worker } from '@playwright/test';
import sharp from 'sharp';
import { App } from './support/app.ts';
import { pathOf } from './support/files.ts';

const WIDTH = 144;
const HEIGHT = 32;

interface Fault {
  /** Bytes from which the next allocation fails; absent: none does. */
  from?: number;
  largest: number;
  failed: number;
}

/**
 * Runs in the worker, before it asks for a device. An allocation that fails for want of memory gives an invalid buffer at
 * once and a GPUOutOfMemoryError later; who uses the buffer gets a validation error. A buffer without usage is invalid too.
 */
function installFault(): void {
  const fault: Fault = { largest: 0, failed: 0 };
  Object.assign(globalThis, { fault });
  const create = GPUDevice.prototype.createBuffer;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    fault.largest = Math.max(fault.largest, descriptor.size);
    if (fault.from === undefined || descriptor.size < fault.from || descriptor.mappedAtCreation) {
      return create.call(this, descriptor);
    }
    delete fault.from;
    fault.failed += 1;
    this.pushErrorScope('validation');
    const buffer = create.call(this, { size: descriptor.size, usage: 0 });
    void this.popErrorScope().then(() => {
      const error = new GPUOutOfMemoryError('Buffer allocation failed: not enough memory left.');
      this.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error, cancelable: true }));
    });
    return buffer;
  };
}

const setFault = (worker: Worker, change: Partial<Fault>) =>
  worker.evaluate((values) => Object.assign((globalThis as unknown as { fault: Fault }).fault, values), change);

test('out of GPU memory: a smaller tile, said so, a finished job, and the next one works', async ({ page }) => {
  const installed: Promise<unknown>[] = [];
  page.on('worker', (worker) => installed.push(worker.evaluate(installFault)));
  const app = await App.open(page, { engine: 'webgpu', bundle: 'jspi' });
  // One tile that is longer than the smallest allowed, and as few pixels as that takes: SwiftShader is slow.
  const photo = await sharp(pathOf('e2e/fixtures/noise-96.png')).resize(WIDTH, HEIGHT).png().toBuffer();
  await app.openPhoto({ name: 'noise.png', mimeType: 'image/png', buffer: photo });
  await app.root('engine-state', 'ready');
  await Promise.all(installed);
  const worker = app.engineWorker;
  // The self-test's buffers went through the wrap: the device is one of ours.
  const before = await setFault(worker, { from: 128 * 1024 });
  expect(before.largest).toBeGreaterThan(0);

  await app.pick('noise');
  await app.restoreButton.click();
  const notice = page.getByRole('note').filter({ hasText: 'Not enough memory' });
  await expect(notice).toContainText('it goes on with a smaller one', { timeout: 60_000 });
  expect(app.engineWorker).toBe(worker);
  await app.root('job', 'done');
  await app.root('engine', 'webgpu');
  const { failed, largest } = await setFault(worker, {});
  expect(failed).toBe(1);
  console.log(`largest buffer: ${Math.round(largest / 1024)} KiB`);
  const size = await app.result();
  expect([size.width, size.height]).toEqual([WIDTH, HEIGHT]);
  await expect(app.alert).toBeHidden();

  await notice.getByRole('button', { name: 'Dismiss' }).click();
  await app.restore('noise');
  await expect(notice).toBeHidden();
  expect(app.engineWorker).toBe(worker);
  expect(app.errors).toEqual([]);
});
