/** A pack in Chromium's private file system, and the page that drives the streaming engine on it without the app. */
import { rm, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type BrowserContext, chromium, type Page } from '@playwright/test';
import '../../e2e/support/app.ts';
import { buildHarness } from '../../e2e/support/harness.ts';
import { Server } from '../../e2e/support/server.ts';
import { findBrowser } from '../../tools/browser.mjs';
import type { Manifest } from '../../workers/packs/manifest.ts';

export interface StreamPage {
  readonly page: Page;
  /** Folder of the browser's profile. */
  readonly profile: string;
  readonly adapter: string;
  readonly chromium: string;
  /** How long the app took to fetch, verify and store the pack. */
  readonly storeSeconds: number;
  close(): Promise<void>;
}

/**
 * @param folder empty, for the page and the browser's profile: on the disk, since private windows keep files in memory
 * @param pack folder with a manifest
 */
export async function openStreamPage(
  folder: string,
  pack: string,
  manifest: Manifest,
  engine: 'webgpu' | 'wasm' = 'webgpu',
): Promise<StreamPage> {
  await rm(join(folder, 'full'), { force: true });
  await symlink(resolve(pack), join(folder, 'full'));
  await buildHarness('stream', join(folder, 'page'));
  const server = await Server.start('--packs', folder);
  const context = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath: await findBrowser(),
    args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
  });
  const close = async () => {
    await context.close();
    await server.stop();
  };
  try {
    const start = performance.now();
    await store(context, server);
    const storeSeconds = Math.round((performance.now() - start) / 100) / 10;
    console.error(`stored after ${storeSeconds} s`);
    const page = await context.newPage();
    await page.goto(`${server.url}packs/page/`);
    await page.waitForFunction(() => '__stream' in window);
    const adapter = await page.evaluate(([source, ort, on]) => window.__stream.open(source, ort, on), [
      { kind: 'stored', name: manifest.name, version: manifest.version },
      `${server.url}ort/`,
      engine,
    ] as const);
    return {
      page,
      profile: join(folder, 'profile'),
      adapter,
      chromium: context.browser()?.version() ?? '',
      storeSeconds,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The app fetches the pack into its private file system, as a person would. */
async function store(context: BrowserContext, server: Server): Promise<void> {
  const page = await context.newPage();
  // tsx wraps named functions in this helper, which the page does not have.
  await page.addInitScript('globalThis.__name = (value) => value');
  page.setDefaultTimeout(120_000);
  await page.goto(`${server.url}?test=1&engine=wasm`);
  await page.waitForFunction(() => '__packs' in window);
  // The packs worker gets its policy from the service worker, which must be in charge.
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated');
  const outcome = await page.evaluate(
    (url) => window.__packs?.bridge.download(url),
    `${server.url}packs/full/manifest.json`,
  );
  if (!outcome?.ok) throw new Error(`the pack was not stored: ${JSON.stringify(outcome)}`);
  await page.close();
}
