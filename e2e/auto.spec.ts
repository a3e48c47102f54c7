/**
 * The proposed task, on packs of random weights whose network has only its last bias: what it proposes is known. How good
 * the proposals of the embedded pack are is measured on photos (training/README.md).
 */
import { join } from 'node:path';
import { type BrowserContext, expect, type Page, test } from '@playwright/test';
import { writeCheckpoint } from '../tools/conformance/checkpoint.ts';
import { type Draw, draw } from '../tools/conformance/draw.ts';
import { buildPack } from '../tools/pack/build.ts';
import { readConfig } from '../tools/pack/config.ts';
import { App } from './support/app.ts';
import { fromRepo, pathOf } from './support/files.ts';
import { expectNoViolations } from './support/looks.ts';
import { Server } from './support/server.ts';

let server: Server;
let context: BrowserContext;
let page: Page;
let app: App;

/** A small pack of drawn weights; `logits` in place of those that its network would have. */
async function writePack(name: string, logits?: Float32Array): Promise<void> {
  const folder = pathOf(`test-results/auto/${name}`);
  const values: Draw = (tensor, shape, start, count) => {
    if (logits && tensor === 'auto.fc2.bias') return logits;
    const drawn = draw(tensor, shape, start, count);
    return logits && tensor === 'auto.fc2.weight' ? drawn.fill(0) : drawn;
  };
  const checkpoint = join(folder, 'checkpoint');
  await writeCheckpoint(checkpoint, await readConfig(pathOf('tools/pack/fixtures/small')), values);
  const about = { name, version: '1', title: name, licence: 'none', source: 'drawn', licenceText: '' };
  await buildPack({
    ...about,
    checkpoint,
    out: join(pathOf('test-results/auto/packs'), name),
    bits: 8,
    shardBytes: 2 ** 24,
  });
}

/** The classes are blur, compression, flare, moire, haze, low-light, noise, rain, reflection, clean. */
const only = (at: number, logit: number) => Float32Array.from({ length: 10 }, (_, i) => (i === at ? logit : 0));

test.beforeAll(async ({ browser }) => {
  // e⁴ / (e⁴ + 9) = 0.858
  await writePack('noisy', only(6, 4));
  await writePack('spotless', only(9, 4));
  await writePack('drawn');
  server = await Server.start('--packs', pathOf('test-results/auto/packs'));
  // axe needs a context that it can open a page of its own in.
  context = await browser.newContext();
  page = await context.newPage();
  app = await App.open(page, { engine: 'wasm', pack: 'packs/noisy/' }, server.url);
});
test.afterAll(async () => {
  await context.close();
  await server.stop();
});

const suggestion = () => page.getByTestId('suggestion');
const radio = (name: string) => page.getByRole('radio', { name, exact: true });

test('a photo gets a suggestion, which is chosen, heard and accessible', async () => {
  await app.openPhoto(fromRepo('e2e/fixtures/noise-64.png'));
  await expect(suggestion()).toHaveText('Suggested: Noise (85% sure)');
  await expect(radio('Noise')).toBeChecked();
  await expect(page.getByRole('status')).toHaveText(/noise-64\.png is open.*Suggested: Noise \(85% sure\)$/);
  await expectNoViolations(page);
});

test('what the person chose stays, and Auto does what was suggested', async () => {
  await app.openPhoto(fromRepo('e2e/fixtures/noise-64.png'));
  await expect(radio('Noise')).toBeChecked();
  await radio('Noise').focus();
  await page.keyboard.press('ArrowUp');
  await expect(radio('Auto')).toBeChecked();
  await app.pick('haze');
  await app.openPhoto(fromRepo('e2e/fixtures/noise-96.png'));
  await expect(suggestion()).toHaveText('Suggested: Noise (85% sure)');
  await expect(radio('Haze')).toBeChecked();
  await app.restore('noise');
  const noise = await app.result();
  await app.restore('haze');
  const haze = await app.result();
  await app.restore('auto');
  const auto = await app.result();
  expect(Buffer.compare(Buffer.from(auto.data), Buffer.from(noise.data))).toBe(0);
  expect(Buffer.compare(Buffer.from(auto.data), Buffer.from(haze.data))).not.toBe(0);
});

test('a task that is chosen already and is pressed stays too', async () => {
  app = await App.open(page, { engine: 'wasm' }, server.url);
  await app.openPhoto(fromRepo('public/demo/noise-thumb.jpg'));
  await expect(suggestion()).toContainText('Suggested: Noise');
  await app.pick('noise');
  await app.openPhoto(fromRepo('e2e/fixtures/noise-clean.jpg'));
  await expect(suggestion()).toContainText('looks clean');
  await expect(radio('Noise')).toBeChecked();
});

test('a photo that looks clean is left as it is', async () => {
  app = await App.open(page, { engine: 'wasm', pack: 'packs/spotless/' }, server.url);
  await app.openPhoto(fromRepo('e2e/fixtures/noise-64.png'));
  await expect(suggestion()).toHaveText('This photo looks clean (85% sure)');
  await expect(radio('Auto')).toBeChecked();
  await app.restoreButton.click();
  await app.root('job', 'left');
  await expect(page.getByRole('note').filter({ hasText: 'it was left as it is' })).toBeVisible();
  await expect(page.getByRole('status')).toHaveText('The photo was left as it is');
  await expect(app.restoreButton).toBeEnabled();
  await expect(page.getByRole('button', { name: 'Save', exact: true })).toBeHidden();
});

test('both engines propose the same, and no node of it runs on the CPU beside WebGPU', async () => {
  const proposals: Record<string, number>[] = [];
  for (const engine of ['wasm', 'webgpu'] as const) {
    // WebAssembly has nothing else to fall back to, so `strict` says nothing there. The page's own question would end this one.
    app = await App.open(page, { engine, pack: 'packs/drawn/', strict: '1', propose: 'off' }, server.url);
    await app.openPhoto(fromRepo('public/demo/noise-thumb.jpg'));
    proposals.push(
      await page.evaluate(async () => {
        const asked = await window.__engine.propose();
        if (!asked.ok || !asked.value) throw new Error(asked.ok ? 'none' : `${asked.code} ${asked.detail}`);
        return Object.fromEntries(asked.value.classes.map(({ id, probability }) => [id, probability]));
      }),
    );
    await app.root('engine', engine);
  }
  const [wasm = {}, gpu = {}] = proposals;
  for (const [id, probability] of Object.entries(wasm))
    expect(Math.abs((gpu[id] ?? 1) - probability)).toBeLessThan(1e-4);
  expect(app.errors).toEqual([]);
});
