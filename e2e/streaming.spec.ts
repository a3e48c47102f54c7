/**
 * Weights under a cap of GPU memory, on a pack of twelve blocks at hidden 768: all blocks resident, some of them, none, and
 * a change in the middle of a job. Every number that comes back from the GPU must be the same, bit by bit.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { DEEP_TEXT_CONFIG, MID_SIZE_CONFIG, makeConformancePack, WIDE_TEXT_CONFIG } from '../tools/conformance/make.ts';
import { buildHarness } from './support/harness.ts';
import { Server } from './support/server.ts';
import type { StreamJob } from './support/stream/worker.ts';
import { WorkerProbe } from './support/worker-probe.ts';

test.describe.configure({ mode: 'serial', timeout: 600_000 });

let folder: string;
let server: Server;
/** One worker for both packs: onnxruntime is loaded once. */
let page: Page;

test.beforeAll(async ({ browser }) => {
  // Three packs are built.
  test.setTimeout(600_000);
  folder = await mkdtemp(join(tmpdir(), 'streaming-'));
  await makeConformancePack(join(folder, 'mid'), 4, MID_SIZE_CONFIG);
  await makeConformancePack(join(folder, 'text'), 4, DEEP_TEXT_CONFIG);
  await makeConformancePack(join(folder, 'wide'), 4, WIDE_TEXT_CONFIG);
  await buildHarness('stream', join(folder, 'page'));
  server = await Server.start('--packs', folder);
  page = await browser.newPage();
  await page.goto(`${server.url}packs/page/`);
  await page.waitForFunction(() => '__stream' in window);
});
test.afterAll(async () => {
  await page?.close();
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const JOB: StreamJob = { cap: 1e9, side: 32, steps: 1 };

async function open(pack: string): Promise<void> {
  await page.evaluate(([url, ort]) => window.__stream.open({ kind: 'url', url }, ort), [
    `${server.url}packs/${pack}/`,
    `${server.url}ort/`,
  ] as const);
}

test('what stays on the GPU changes no bit of the result, and memory holds to the plan', async () => {
  await open('mid');
  const run = async (what: string, job: StreamJob) => {
    const result = await page.evaluate((wanted) => window.__stream.run(wanted), job);
    const { milliseconds, resident, streamed, gpuPeakBytes, totalBytes } = result;
    const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
    console.log(
      `${what}: ${resident} resident, ${streamed} streamed, peak ${megabytes(gpuPeakBytes)} of planned ` +
        `${megabytes(totalBytes)}, ${Math.round(milliseconds)} ms`,
    );
    return result;
  };
  const whole = await run('whole', JOB);
  expect([whole.resident, whole.streamed]).toEqual([12, 0]);
  const probe = await WorkerProbe.attach(page, 'worker');
  const before = await probe.heapBytes();
  const most = probe.watchHeap();
  // In the middle of the job, what stays is taken away.
  const part = await run('part, then none', {
    ...JOB,
    cap: whole.totalBytes - 8e6,
    swap: { run: whole.runs - 14, cap: 1 },
  });
  const none = await run('none', { ...JOB, cap: 1 });
  expect(part.resident).toBeGreaterThan(0);
  expect(part.streamed).toBeGreaterThan(0);
  expect([none.resident, none.streamed]).toEqual([0, 12]);
  for (const one of [whole, part, none]) expect(one.gpuPeakBytes).toBeLessThan(1.05 * one.totalBytes);
  for (const one of [part, none]) expect(one.velocities).toEqual(whole.velocities);
  expect(new Set(whole.velocities[0]).size).toBeGreaterThan(100);
  // Objects and array buffers, garbage included, over two jobs; WebAssembly's memory is told apart.
  const { used, buffers } = await most();
  const growth = (used + buffers - before.used - before.buffers) / 1e6;
  console.log(`JavaScript heap: ${growth.toFixed(1)} MB more at most; wasm heap ${none.heapBytes / 1e6} MB`);
  expect(growth).toBeLessThan(50);
  expect(none.heapBytes).toBeLessThan(64 * 2 ** 20);
  // Memory that is touched before weights may stay is given back, and can be timed on a real device.
  const touched = await page.evaluate(() => window.__stream.touch(192 * 2 ** 20));
  expect(touched.rate).toBeGreaterThan(0);
  expect(touched.leftBytes).toBe(0);
});

test('a text part reads a photo to the same bits, its blocks streamed through slots or in buffers of their own', async () => {
  await open('text');
  const read = async (what: string, streamed: boolean) => {
    const result = await page.evaluate(async (flows) => {
      const [width, height] = [64, 48];
      const rgb = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 53) % 256);
      const run = await window.__stream.read({ width, height, rgb }, flows);
      return { ...run, ...(await window.__stream.summary()) };
    }, streamed);
    const { weightBuffers, gpuPeakBytes, milliseconds } = result;
    const peak = `${(gpuPeakBytes / 1e6).toFixed(1)} MB`;
    console.log(`${what}: ${weightBuffers} buffers of weights, peak ${peak}, ${Math.round(milliseconds)} ms`);
    return result;
  };
  const streamed = await read('streamed', true);
  const apart = await read('apart', false);
  expect(streamed.finite).toBe(true);
  expect(streamed.distinct).toBeGreaterThan(200);
  expect(apart.digest).toBe(streamed.digest);
  // Five blocks of a graph share two slots, or have buffers of their own.
  expect(apart.weightBuffers).toBeGreaterThan(1.5 * streamed.weightBuffers);
});

test('reading the largest image that the model sees holds to the memory plan', async () => {
  await open('wide');
  const result = await page.evaluate(() => {
    const [width, height] = [12 * 28, 8 * 28];
    const rgb = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 53) % 256);
    return window.__stream.read({ width, height, rgb });
  });
  const { finite, rows } = await page.evaluate(() => window.__stream.summary());
  const { gpuPeakBytes, plannedBytes } = result;
  console.log(`peak ${(gpuPeakBytes / 1e6).toFixed(1)} MB of planned ${(plannedBytes / 1e6).toFixed(1)} MB`);
  expect([finite, Math.min(...rows) > 96]).toEqual([true, true]);
  expect(gpuPeakBytes).toBeLessThan(1.05 * plannedBytes);
  // A plan that covers anything would be of no use.
  expect(gpuPeakBytes).toBeGreaterThan(0.5 * plannedBytes);
});
