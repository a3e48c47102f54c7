import { expect, type Locator, type Page, test, type Worker } from '@playwright/test';
import type { onPackEvent, packs } from '../../src/app/packs.ts';
import type { EngineBridge } from '../../src/bridge/engine.ts';
import type { DroppedFile } from './files.ts';
import { decode, type Pixels } from './pixels.ts';
import { installRecorder, type Recorder } from './recorder.ts';

declare global {
  interface Window {
    /** Put there by the app with `?test=1`. */
    __engine: EngineBridge;
    __packs: { bridge: typeof packs; onEvent: typeof onPackEvent };
  }
}

export type Params = Partial<
  Record<'engine' | 'bundle' | 'pack' | 'threads' | 'gpuBytes' | 'strict' | 'propose', string>
>;

export const TASK_NAMES = {
  auto: /^auto$/i,
  blur: /blur/i,
  compression: /compression/i,
  flare: /flare/i,
  moire: /moir/i,
  haze: /haze/i,
  'low-light': /low light/i,
  noise: /noise/i,
  rain: /rain/i,
  reflection: /reflection/i,
} as const;
export type Task = keyof typeof TASK_NAMES;

/** What playwright.config.ts says of the project that runs; benches and screenshots have none. */
function threadsOfProject(): Params {
  try {
    const { threads } = test.info().project.metadata as { threads?: number };
    return threads ? { threads: String(threads) } : {};
  } catch {
    return {};
  }
}

/** The app as a person uses it: by roles and names. */
export class App {
  readonly page: Page;
  /** Addresses of all requests that left the app's own origin. */
  readonly strangers: string[] = [];
  readonly errors: string[] = [];

  constructor(page: Page) {
    this.page = page;
  }

  static async open(page: Page, params: Params = {}, base = './'): Promise<App> {
    const app = new App(page);
    // tsx (bench, screenshots) wraps named functions in this helper, which the page does not have.
    await page.addInitScript('globalThis.__name = (value) => value');
    await page.addInitScript(installRecorder);
    page.on('pageerror', (error) => app.errors.push(error.message));
    page.on('console', (message) => {
      if (/Content Security Policy|Trusted ?(Type|Script|HTML)/i.test(message.text())) app.errors.push(message.text());
    });
    // On the software GPU a proposal takes seconds, and faults that are caused in a job would hit it first.
    const propose = params.engine === 'webgpu' ? 'off' : 'on';
    await page.goto(`${base}?${new URLSearchParams({ test: '1', propose, ...threadsOfProject(), ...params })}`);
    const origin = new URL(page.url()).origin;
    page.on('request', (request) => {
      const url = new URL(request.url());
      if (/^https?:|^wss?:/.test(url.protocol) && url.origin !== origin) app.strangers.push(request.url());
    });
    await expect(page.getByRole('button', { name: 'Open a photo' }).first()).toBeVisible();
    return app;
  }

  root(name: 'engine' | 'engine-state' | 'job', value: string | RegExp) {
    return expect(this.page.locator(`[data-${name}]`).first()).toHaveAttribute(`data-${name}`, value, {
      timeout: value === 'running' ? 20_000 : 170_000,
    });
  }

  async drop(file: DroppedFile): Promise<void> {
    await this.page.locator('input[type="file"]').first().setInputFiles(file);
  }

  /** Drops a photo and waits until it is on the canvas. */
  async openPhoto(file: DroppedFile): Promise<void> {
    await this.drop(file);
    await expect(this.restoreButton).toBeEnabled({ timeout: 60_000 });
    await expect(this.canvas).toBeVisible();
  }

  /** The question before a photo is closed whose results were not saved. */
  get leaveQuestion(): Locator {
    return this.page.getByRole('alertdialog', { name: 'Close this photo without saving?' });
  }

  /** Opens a photo in place of one that the test is done with: results that it did not save go, which is asked about. */
  async replacePhoto(file: DroppedFile): Promise<void> {
    await this.canvas.evaluateAll((canvases) => {
      for (const canvas of canvases) canvas.setAttribute('data-before', '');
    });
    await this.drop(file);
    const before = this.page.locator('[data-before]');
    await expect(async () => {
      if (await this.leaveQuestion.isVisible()) {
        await this.leaveQuestion.getByRole('button', { name: 'Close without saving' }).click({ timeout: 1000 });
      }
      await expect(before).toHaveCount(0, { timeout: 200 });
    }).toPass({ timeout: 20_000 });
    await expect(this.restoreButton).toBeEnabled({ timeout: 60_000 });
    await expect(this.canvas).toBeVisible();
  }

  /** The engine's thread; packs and checkpoints have threads of their own, and onnxruntime may have more. */
  get engineWorker(): Worker {
    const worker = this.page.workers().find((one) => one.url().includes('restore.worker'));
    if (!worker) throw new Error('the engine has no worker');
    return worker;
  }

  get canvas(): Locator {
    return this.page.getByTestId('canvas');
  }

  get restoreButton(): Locator {
    return this.page.getByRole('button', { name: 'Restore', exact: true });
  }

  get cancelButton(): Locator {
    return this.page.getByRole('button', { name: 'Cancel', exact: true });
  }

  async pick(task: Task): Promise<void> {
    await this.page.getByRole('radio', { name: TASK_NAMES[task] }).click();
  }

  /** Opens the options where they are closed. */
  async chooseSteps(steps: number): Promise<void> {
    const slider = this.page.getByRole('slider', { name: 'Number of steps' });
    if (!(await slider.isVisible())) await this.page.getByRole('button', { name: 'More options' }).press('Enter');
    await slider.press('Home');
    for (let at = Number(await slider.getAttribute('min')); at < steps; at++) await slider.press('ArrowRight');
    await expect(slider).toHaveAttribute('aria-valuenow', String(steps));
  }

  async begin(task: Task): Promise<void> {
    await this.pick(task);
    await this.record(true);
    // A small photo may be done before anybody looks: the mark tells the new job from the one before it.
    await this.page.evaluate(() => document.documentElement.setAttribute('data-job', 'asked'));
    await this.restoreButton.click();
    await this.root('job', /^(running|done|failed|cancelled)$/);
  }

  async restore(task: Task): Promise<void> {
    await this.begin(task);
    await this.root('job', /^(done|failed|cancelled)$/);
    await this.record(false);
    await this.root('job', 'done');
  }

  /** The result at the photo's own size. */
  async result(): Promise<Pixels> {
    const base64 = await this.page.evaluate(async () => {
      const saved = await window.__engine.save({ format: 'png', quality: 1 });
      if (!saved.ok) throw new Error(`save: ${saved.code} ${saved.detail}`);
      const bytes = new Uint8Array(await saved.value.file.arrayBuffer());
      let text = '';
      for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
      return btoa(text);
    });
    return decode(Buffer.from(base64, 'base64'));
  }

  async chooseFormat(name: string): Promise<void> {
    await this.page.getByRole('group', { name: 'Format' }).getByRole('button', { name, exact: true }).click();
  }

  /** Presses Cancel and returns the ms until Restore can be pressed again, measured in the page. */
  async cancelNow(): Promise<number> {
    const ms = await this.page.evaluate(async () => {
      const named = (name: string) =>
        [...document.querySelectorAll('button')].find((button) => button.textContent?.trim() === name);
      const cancel = named('Cancel');
      if (!cancel) throw new Error('no Cancel button');
      const start = performance.now();
      cancel.click();
      for (;;) {
        await new Promise((resolve) => requestAnimationFrame(resolve));
        const restore = named('Restore');
        if (restore && !restore.disabled) return performance.now() - start;
        if (performance.now() - start > 10_000) throw new Error('the controls did not come back');
      }
    });
    await this.root('job', 'cancelled');
    return ms;
  }

  async record(on: boolean): Promise<void> {
    await this.page.evaluate((value) => {
      if (value) Object.assign(window.__recorder, { samples: [], longTasks: [] });
      window.__recorder.on = value;
    }, on);
  }

  recording(): Promise<Recorder> {
    return this.page.evaluate(() => window.__recorder);
  }

  /** The plain sentence about what went wrong. */
  get alert(): Locator {
    return this.page.getByRole('alert').filter({ hasText: /\w/ }).first();
  }
}
