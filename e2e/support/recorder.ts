/**
 * Runs in the page: notes, frame by frame, what a person would see during a job, and long tasks of the main thread.
 * Installed with `page.addInitScript(installRecorder)`, so it must not use anything outside its own body.
 */
export interface Sample {
  /** Milliseconds since the page opened. */
  at: number;
  job: string;
  /** 0 to 100, of the progress bar; null while there is none. */
  percent: number | null;
  /** Steps that the film strip holds so far. */
  steps: number;
  /** Hash of the canvas, shrunk to 48 × 48. */
  picture: number;
}

export interface Recorder {
  samples: Sample[];
  /** Durations in ms of tasks over 50 ms, with their start. */
  longTasks: { at: number; ms: number }[];
  on: boolean;
}

declare global {
  interface Window {
    __recorder: Recorder;
  }
}

export function installRecorder(): void {
  const recorder: Recorder = { samples: [], longTasks: [], on: false };
  window.__recorder = recorder;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) recorder.longTasks.push({ at: entry.startTime, ms: entry.duration });
  }).observe({ type: 'longtask', buffered: true });

  const small = new OffscreenCanvas(48, 48);
  const context = small.getContext('2d', { willReadFrequently: true });
  const hash = (): number => {
    const canvas = document.querySelector('[data-testid="canvas"]');
    if (!(canvas instanceof HTMLCanvasElement) || canvas.width === 0 || !context) return 0;
    context.drawImage(canvas, 0, 0, 48, 48);
    let value = 2166136261;
    for (const byte of context.getImageData(0, 0, 48, 48).data) value = Math.imul(value ^ byte, 16777619);
    return value >>> 0;
  };
  const look = (): void => {
    requestAnimationFrame(look);
    if (!recorder.on) return;
    const bar = document.querySelector('[role="progressbar"]')?.getAttribute('aria-valuenow');
    const sample: Sample = {
      at: performance.now(),
      job: document.querySelector('[data-job]')?.getAttribute('data-job') ?? '',
      percent: bar === null || bar === undefined ? null : Number(bar),
      steps: document.querySelectorAll('.film-frame').length,
      picture: hash(),
    };
    const last = recorder.samples.at(-1);
    const same =
      last?.job === sample.job &&
      last.percent === sample.percent &&
      last.steps === sample.steps &&
      last.picture === sample.picture;
    if (!same) recorder.samples.push(sample);
  };
  requestAnimationFrame(look);
}
