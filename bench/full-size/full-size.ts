/**
 * A pack of RealRestorer's true size (random weights, made by `npm run bench -- convert --scale 1 --out FOLDER`) in
 * Chromium's private file system: one sampling step through all of its blocks on software WebGPU with its weights
 * streamed, held against the same step on onnxruntime-web's wasm in Node.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type BrowserContext, chromium, type Page } from '@playwright/test';
import { App } from '../../e2e/support/app.ts';
import { pathOf } from '../../e2e/support/files.ts';
import { buildHarness } from '../../e2e/support/harness.ts';
import { Server } from '../../e2e/support/server.ts';
import { sampleSteps } from '../../e2e/support/stream/steps.ts';
import { NodeBackend } from '../../tools/backend-node/backend.ts';
import { loadOrt } from '../../tools/backend-node/ort.ts';
import { PackFolder } from '../../tools/backend-node/pack-folder.ts';
import { findBrowser } from '../../tools/browser.mjs';
import { relativeError } from '../../tools/pack/parity-helpers.ts';
import type { Manifest } from '../../workers/packs/manifest.ts';

const OPTIONS = {
  pack: { type: 'string' },
  side: { type: 'string', default: '32' },
  /** GPU memory that the app may take, in GB. */
  cap: { type: 'string', default: '1.5' },
  threads: { type: 'string', default: '2' },
} as const;

/** Weights of two double blocks: blocks come one after the other. */
const NODE_BUDGET = 600e6;

/** `--pack FOLDER [--side 32] [--cap 1.5] [--threads 2]`. Times in seconds, sizes in bytes. */
export async function benchFullSize(args: string[]): Promise<object> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.pack === undefined)
    throw new Error('--pack FOLDER: made by "npm run bench -- convert --scale 1 --out FOLDER"');
  if (!existsSync(pathOf('dist/index.html'))) throw new Error('Run "npm run build" first.');
  const side = Number(values.side);
  const cap = Number(values.cap) * 1e9;
  const size = { width: side, height: side, steps: 1 };
  const folder = await mkdtemp(join(tmpdir(), 'full-size-'));
  await symlink(resolve(values.pack), join(folder, 'full'));
  await buildHarness('stream', join(folder, 'page'));
  const { manifest } = await PackFolder.open(values.pack, ['dit']);
  const server = await Server.start('--packs', folder);
  const context = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath: await findBrowser(),
    args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
  });
  try {
    const download = await timed(() => store(context, server));
    console.error(`stored after ${download.seconds} s`);
    const page = await harness(context, server, manifest);
    const job = await timed(() => page.evaluate((wanted) => window.__stream.run(wanted), { cap, side, steps: 1 }));
    const { velocities, ...figures } = job.value;
    console.error(`step of ${figures.resident + figures.streamed} blocks after ${job.seconds} s`);
    const node = await timed(() => onWasm(values.pack as string, manifest, size, Number(values.threads)));
    console.error(`the same on wasm in Node after ${node.seconds} s`);
    const [velocity = []] = velocities;
    return {
      cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
      side,
      cap,
      packBytes: Object.values(manifest.files).reduce((sum, { bytes }) => sum + bytes, 0),
      storeSeconds: download.seconds,
      stepSeconds: job.seconds,
      ...figures,
      finite: velocity.every(Number.isFinite),
      nodeSeconds: node.seconds,
      relativeError: relativeError(velocity, node.value[0] ?? []),
    };
  } finally {
    await context.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The app fetches the pack into its private file system, as a person would. */
async function store(context: BrowserContext, server: Server): Promise<void> {
  const page = await context.newPage();
  await App.open(page, { engine: 'wasm' }, server.url);
  // The packs worker gets its policy from the service worker, which must be in charge.
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated');
  const outcome = await page.evaluate(
    (url) => window.__packs?.bridge.download(url),
    `${server.url}packs/full/manifest.json`,
  );
  if (!outcome?.ok) throw new Error(`the pack was not stored: ${JSON.stringify(outcome)}`);
  await page.close();
}

async function harness(context: BrowserContext, server: Server, { name, version }: Manifest): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${server.url}packs/page/`);
  await page.waitForFunction(() => '__stream' in window);
  await page.evaluate(([source, ort]) => window.__stream.open(source, ort), [
    { kind: 'stored', name, version },
    `${server.url}ort/`,
  ] as const);
  return page;
}

async function onWasm(folder: string, manifest: Manifest, size: Parameters<typeof sampleSteps>[2], threads: number) {
  const pack = PackFolder.unchecked(folder, manifest);
  const backend = new NodeBackend(await loadOrt('wasm', threads), 'wasm', pack, { budget: NODE_BUDGET });
  try {
    return await sampleSteps(backend, manifest, size);
  } finally {
    await backend.dispose();
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const start = performance.now();
  const value = await work();
  return { value, seconds: Math.round((performance.now() - start) / 100) / 10 };
}
