/** Runs a job: events to canvas, film strip and store; the end to the store. */
import type { Layer, Progress, RestoreEvent, RestoreResult, UnfinishedJob } from '../../../workers/protocol.ts';
import { engine } from '../../app/engine.ts';
import type { JobRequest } from '../../bridge/engine.ts';
import { fail, failureOf, type Result } from '../../bridge/outcome.ts';
import type { Experiment } from '../../store/choiceSlice.ts';
import { useApp } from '../../store/index.ts';
import { closeShown, layersOf } from '../../store/resultsSlice.ts';
import { supported, triedIn } from '../experiments/supported.ts';
import { drawLook, picturesOf } from '../results/look.ts';
import { proposalOf } from '../tasks/suggest.ts';
import { tellDone } from './notify.ts';
import { captureFrame, paintTile, showPicture } from './surface.ts';
import { findUnfinished, forgetUnfinished } from './unfinished.ts';
import { keepAwake } from './wakeLock.ts';
import { chosenWay } from './way.ts';

/** The screen follows progress at this pace; tiles are painted as they come. */
const PROGRESS_MS = 100;

/** What the newest job restores: the layers of a result, or none for the photo as it is. */
let base: Layer[] = [];
let lastTask: JobRequest['task'] = 'noise';
let lastTried: Experiment = {};

type What = Pick<JobRequest, 'task' | 'strength'>;

/**
 * @param unfinished the job that is taken up again: it goes on with what was asked for then
 * @param what in place of the task that is chosen
 */
export async function runRestore(unfinished?: UnfinishedJob, what?: What): Promise<void> {
  const { photo, job, task, beginJob } = useApp.getState();
  if (!photo || job === 'running') return;
  const { startFrom, current: standing, shown } = useApp.getState();
  // The job's paintings go over what it restores.
  const onResult = !unfinished && startFrom === 'result' && standing !== null;
  base = onResult ? layersOf(useApp.getState(), standing) : [];
  beginJob('restore');
  if (!onResult || !shown) showPicture(photo.view, photo.info);
  if (unfinished) {
    forgetUnfinished(unfinished.id);
    lastTask = unfinished.task;
    lastTried = triedIn(unfinished.switches);
    return runJob((onEvent) => engine.restore(requestOf(unfinished), onEvent, unfinished));
  }
  if (what) return runJob((onEvent) => restoreWith(what, onEvent));
  if (task === 'auto') {
    return runJob(async (onEvent) => {
      const mine = current;
      const proposal = await proposalOf(photo);
      if (!proposal.ok) return proposal;
      if (mine !== current || useApp.getState().job !== 'running') return fail('cancelled');
      const { task: proposed, strength } = proposal.value;
      if (strength === 0) return { ok: true, value: null };
      return restoreWith({ task: proposed, ...(strength < 1 && { strength }) }, onEvent);
    });
  }
  await runJob((onEvent) => restoreWith({ task }, onEvent));
}

/** Does once more what was done to a photo, with the same step kept. Steps, seed and strength are the store's. */
export async function runAgain(what: What, kept: number): Promise<void> {
  await runRestore(undefined, what);
  const { job, result } = useApp.getState();
  if (job !== 'done' || !result || kept >= result.steps) return;
  if (result.keepable.includes(kept)) await keepStep(kept);
  else useApp.getState().setUi({ failure: failureOf(fail('step-not-kept', '', { step: kept })) });
}

/** A job with the steps, seed and tile that were chosen. */
async function restoreWith(what: What, onEvent: (event: RestoreEvent) => void): Promise<Result<RestoreResult>> {
  lastTask = what.task;
  const { steps, seed, tile, experiment, engine: state } = useApp.getState();
  const ready = state.state === 'ready' ? state.pack : null;
  // Only the pack knows its steps, and which experiments it can do: none may be dropped because it is still starting.
  const waits = ready === null && (steps === null || Object.keys(experiment).length > 0);
  const started = waits ? await engine.start() : null;
  if (started && !started.ok) return started;
  const pack = ready ?? started?.value.pack;
  lastTried = pack ? supported(experiment, pack.experiments) : {};
  const request = {
    ...what,
    ...lastTried,
    ...(base.length > 0 && { base }),
    steps: steps ?? pack?.steps.default ?? 1,
    seed,
    ...chosenWay(),
  };
  return engine.restore(tile === null ? request : { ...request, tile }, onEvent);
}

function requestOf({ task, steps, seed, tile, switches, way }: UnfinishedJob): JobRequest {
  return { task, steps, seed, ...(tile !== null && { tile }), ...(way && { way }), ...switches };
}

/** Makes the step shown in the film strip the result. */
export async function runKeepStep(): Promise<void> {
  const { shownStep, job } = useApp.getState();
  if (shownStep !== null && job !== 'running') await keepStep(shownStep);
}

async function keepStep(step: number): Promise<void> {
  useApp.getState().beginJob('keep');
  await runJob((onEvent) => engine.keepStep(step, onEvent), step);
}

export function cancelJob(): void {
  const { job, endJob } = useApp.getState();
  if (job !== 'running') return;
  engine.cancel();
  endJob('cancelled');
  showLast();
}

/** Holds the job, or lets it go on. */
export function togglePause(): void {
  const { job, paused, setPaused } = useApp.getState();
  if (job !== 'running') return;
  engine.pause(!paused);
  setPaused(!paused);
}

/** After a job without a new result: the result that stands, or the photo as it was. */
function showLast(): void {
  const { photo } = useApp.getState();
  if (photo) showPicture(photo.view, photo.info);
  drawLook();
}

/** Null where the photo is left as it is. */
type Start = (onEvent: (event: RestoreEvent) => void) => Promise<Result<RestoreResult | null>>;

/** Counts jobs, so that what a cancelled one still says is dropped. */
let current = 0;

async function runJob(start: Start, step?: number): Promise<void> {
  const mine = ++current;
  const running = () => mine === current && useApp.getState().job === 'running';
  const progress = paced((value) => running() && useApp.getState().setProgress(value));
  const release = keepAwake();
  try {
    const outcome = await start((event) => {
      if (running()) take(event, progress);
      else if (event.type === 'paint') event.image.close();
    });
    if (!running()) return;
    if (outcome.ok) await (outcome.value ? finish(outcome.value, step, running) : leave());
    else if (outcome.code === 'cancelled') useApp.getState().endJob('cancelled');
    else failJob(outcome);
  } finally {
    release();
  }
}

function take(event: RestoreEvent, progress: (value: Progress) => void): void {
  const state = useApp.getState();
  switch (event.type) {
    case 'progress':
      progress(event.progress);
      break;
    case 'paint':
      paintTile(event.image, event.x, event.y, event.w, event.h);
      break;
    case 'step': {
      const image = state.jobKind === 'restore' ? captureFrame(event.steps) : null;
      if (image) state.addFrame({ step: event.step, image });
      break;
    }
    case 'engine':
      // The bridge's business.
      break;
    case 'notice':
      state.setUi({ notice: { code: event.code, values: event.values } });
      break;
  }
}

async function finish(result: RestoreResult, step: number | undefined, running: () => boolean): Promise<void> {
  const pictures = await picturesOf(result.id, base);
  if (!running()) {
    if (pictures.ok) closeShown(pictures.value);
    return;
  }
  // Without a canvas the result is not seen, but the engine has it: it can be saved.
  if (!pictures.ok && pictures.code !== 'no-canvas') return failJob(pictures);
  const shown = pictures.ok ? pictures.value : null;
  if (shown) showPicture(shown.restored, result);
  const {
    frames,
    jobKind,
    addFrame,
    endJob,
    addResult,
    results,
    looks,
    strength,
    seed,
    setUi,
    engine: pack,
  } = useApp.getState();
  // Events have a channel of their own and may come after the answer: the last frame is then the result itself.
  const late = shown && jobKind === 'restore' && frames.at(-1)?.step !== result.steps;
  const image = late ? captureFrame(result.steps) : null;
  if (image) addFrame({ step: result.steps, image });
  const before = results.find(({ id }) => id === result.id);
  const approximate = pack.state === 'ready' && pack.pack.conditions === 'baked';
  const entry = before
    ? { ...before, result }
    : { id: result.id, task: lastTask, steps: result.steps, seed, tried: lastTried, approximate, base, result };
  addResult(entry, shown, looks[result.id] ?? { strength, mask: null });
  endJob('done', result, step);
  if (!pictures.ok) setUi({ failure: failureOf(pictures) });
  tellDone();
}

/** The photo looks clean: nothing is done to it. */
function leave(): void {
  const { endJob, setUi } = useApp.getState();
  endJob('left');
  setUi({ notice: { code: 'left-clean', values: {} } });
}

function failJob(outcome: Extract<Result<unknown>, { ok: false }>): void {
  const { endJob, setUi } = useApp.getState();
  endJob('failed');
  setUi({ failure: failureOf(outcome) });
  showLast();
  void findUnfinished();
}

/** Hands on at most one value per `PROGRESS_MS`, and always the newest. */
function paced(hand: (value: Progress) => void): (value: Progress) => void {
  let newest: Progress | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let last = 0;
  const flush = () => {
    timer = null;
    last = performance.now();
    if (newest) hand(newest);
  };
  return (value) => {
    newest = value;
    const wait = last + PROGRESS_MS - performance.now();
    if (wait <= 0 && timer === null) flush();
    else timer ??= setTimeout(flush, Math.max(0, wait));
  };
}
