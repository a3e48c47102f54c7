/**
 * The only door to the engine worker. It keeps the photo's file, so that a worker that hangs, crashes or loses
 * its device can be replaced: the next call starts a new one and opens the photo again.
 */
import type {
  EngineApi,
  EngineInfo,
  EngineOptions,
  Estimate,
  EstimateRequest,
  Fidelity,
  Layer,
  PackInfo,
  PhotoInfo,
  Proposal,
  RestoreEvent,
  RestoreRequest,
  RestoreResult,
  Saved,
  SaveRequest,
  StartEvent,
  UnfinishedJob,
} from '../../workers/protocol.ts';
import { type EngineLock, lockEngine } from './lock.ts';
import { type AppErrorCode, type Failure, fail, failureOf, type Result } from './outcome.ts';
import { callback, type Session, WorkerSession } from './session.ts';
import { type Watchdog, watch } from './watchdog.ts';

/** After this the worker has had its chance to stop at a graph call's edge. */
const CANCEL_DEADLINE_MS = 2_000;
/** No sign of life for this long during a job: a software GPU may need most of it for one call. */
const SILENCE_MS = 120_000;
/** After these the worker's GPU, heap or state can't be relied on. */
const FATAL: readonly AppErrorCode[] = ['out-of-memory', 'internal', 'bad-numbers', 'no-engine'];
/** Devices lost one after the other, without a step in between, that end a job. */
const MOST_LOSSES = 3;

export interface Started {
  engine: EngineInfo;
  pack: PackInfo;
}

export type EngineState =
  | { state: 'idle' }
  | { state: 'starting'; event: StartEvent | null }
  | { state: 'ready'; engine: EngineInfo; pack: PackInfo }
  | { state: 'error'; failure: Failure };

/** What a job is asked for; its number and photo are the bridge's business. */
export type JobRequest = Omit<RestoreRequest, 'photo' | 'job' | 'resume'>;

type NewSession = (onCrash: (detail: string) => void, onEnd: () => void) => Session;

type JobCall = (
  session: Session,
  photo: PhotoInfo,
  onEvent: (event: RestoreEvent) => void,
) => Promise<Result<RestoreResult>>;

export class EngineBridge {
  readonly #options: () => EngineOptions;
  readonly #onState: (state: EngineState) => void;
  readonly #newSession: NewSession;
  #session: Session | null = null;
  #start: Promise<Result<Started>> | null = null;
  #opening: Promise<Result<PhotoInfo>> | null = null;
  #file: Blob | null = null;
  #lock: EngineLock | null = null;
  #locking: Promise<EngineLock | null> | null = null;
  #draining: Promise<void> = Promise.resolve();
  #endJob: (() => void) | null = null;
  #dog: Watchdog | null = null;
  #paused = false;
  /** The job that was asked for last. */
  #job: string | null = null;
  /** Jobs that the person is done with, whatever their checkpoints say. */
  readonly #discarded = new Set<string>();

  /** @param options asked for at every start @param onState told of every change @param session makes a worker */
  constructor(
    options: () => EngineOptions,
    onState: (state: EngineState) => void,
    session: NewSession = (onCrash, onEnd) => new WorkerSession(onCrash, onEnd),
  ) {
    this.#options = options;
    this.#onState = onState;
    this.#newSession = session;
  }

  /** Starts the engine once; a failed start is forgotten, so that the next call tries again. */
  start(take = false): Promise<Result<Started>> {
    if (this.#start) return this.#start;
    const mine = this.#startNow(take).then((result) => {
      // Meanwhile the worker may have been replaced: then a later start speaks for the engine.
      if (this.#start !== mine) return result;
      if (!result.ok) this.#start = null;
      this.#onState(result.ok ? { state: 'ready', ...result.value } : { state: 'error', failure: failureOf(result) });
      return result;
    });
    this.#start = mine;
    return mine;
  }

  async #startNow(take: boolean): Promise<Result<Started>> {
    this.#onState({ state: 'starting', event: null });
    if (!(await this.#own(take))) return fail('engine-busy');
    const session = this.#live();
    // Events have a channel of their own: some may come after the answer.
    let answered = false;
    const onEvent = callback<StartEvent>((event) => {
      if (!answered && session === this.#session) this.#onState({ state: 'starting', event });
    });
    const result = await session.call((api) => api.start(this.#options(), onEvent));
    answered = true;
    return result;
  }

  /** Whether this tab has the engine, and with it the unfinished jobs: those of another tab may be under way there. */
  async #own(take: boolean): Promise<boolean> {
    this.#locking ??= lockEngine(take, () => this.#taken()).finally(() => {
      this.#locking = null;
    });
    this.#lock ??= await this.#locking;
    return this.#lock !== null;
  }

  /** Decodes the photo in the worker. The file is kept for a worker that has to be replaced. */
  open(file: Blob): Promise<Result<PhotoInfo>> {
    this.#file = file;
    const opening = this.#live().call((api) => api.open(file));
    this.#opening = opening;
    void opening.then((result) => {
      if (!result.ok && this.#opening === opening) this.close();
    });
    return opening;
  }

  view(which: Parameters<EngineApi['view']>[0], maxSide: number): Promise<Result<ImageBitmap>> {
    return this.#live().call((api) => api.view(which, maxSide));
  }

  fidelity(layers: readonly Layer[], maxSide: number): Promise<Result<{ numbers: Fidelity; map: ImageBitmap }>> {
    return this.#live().call((api) => api.fidelity(layers, maxSide));
  }

  dropResult(id: number): void {
    void this.#live().post((api) => api.dropResult(id));
  }

  /** Which task the open photo needs; null where the pack proposes none. 'cancelled' when a job came first. */
  async propose(): Promise<Result<Proposal | null>> {
    const ready = await this.#ready();
    return ready.ok ? ready.value.session.call((api) => api.propose()) : ready;
  }

  save(request: SaveRequest): Promise<Result<Saved>> {
    return this.#live().call((api) => api.save(request));
  }

  /**
   * A job. When the graphics device is lost it goes on from its last step by itself: in the same worker where that can
   * get a new device, else in a new one.
   *
   * @param unfinished the job that is taken up again; `request` must be what was asked for then
   */
  async restore(
    request: JobRequest,
    onEvent: (event: RestoreEvent) => void,
    unfinished?: Pick<UnfinishedJob, 'id' | 'step'>,
  ): Promise<Result<RestoreResult>> {
    const job = unfinished?.id ?? crypto.randomUUID();
    this.#job = job;
    this.#paused = false;
    let resume: RestoreRequest['resume'] = unfinished && { replay: true, step: unfinished.step };
    let losses = 0;
    const heard = (event: RestoreEvent) => {
      if (event.type === 'step') losses = 0;
      onEvent(event);
    };
    for (;;) {
      const result = await this.#attempt(heard, (session, photo, listener) =>
        session.call((api) =>
          api.restore({ ...request, photo: photo.id, job, ...(resume && { resume }) }, callback(listener)),
        ),
      );
      if (result.ok || result.code !== 'device-lost' || ++losses >= MOST_LOSSES) return result;
      onEvent({ type: 'notice', code: 'device-lost', values: {} });
      resume = { replay: false, step: 0 };
    }
  }

  /** How long each way through the open photo takes. Waits for a job under way. */
  async estimate(request: EstimateRequest): Promise<Result<Estimate[]>> {
    const ready = await this.#ready();
    return ready.ok ? ready.value.session.call((api) => api.estimate(request)) : ready;
  }

  keepStep(step: number, onEvent: (event: RestoreEvent) => void) {
    this.#job = null;
    this.#paused = false;
    return this.#attempt(onEvent, (session, _photo, listener) =>
      session.call((api) => api.keepStep(step, callback(listener))),
    );
  }

  /** Jobs that can be taken up again, the newest first; none while another tab has the engine. */
  async unfinished(): Promise<UnfinishedJob[]> {
    if (!(await this.#own(false))) return [];
    await this.#draining;
    const listed = await this.#live().call((api) => api.unfinished());
    const wanted: UnfinishedJob[] = [];
    for (const job of listed.ok ? listed.value : []) {
      if (this.#discarded.has(job.id)) void this.discard(job.id);
      else wanted.push(job);
    }
    return wanted;
  }

  unfinishedPhoto(job: string): Promise<Result<File>> {
    return this.#live().call((api) => api.unfinishedPhoto(job));
  }

  discard(job: string): Promise<Result<void>> {
    this.#discarded.add(job);
    return this.#live().call((api) => api.discard(job));
  }

  /** Holds the job, or lets it go on. It may still finish the graph call in flight. */
  pause(on: boolean): void {
    this.#paused = on;
    this.#dog?.hush(on);
    void this.#session?.post((api) => (on ? api.pause() : api.unpause()));
  }

  /** Ends the job for the page at once; the worker gets two seconds to follow before it is replaced. */
  cancel(): void {
    if (this.#endJob && this.#job) this.#discarded.add(this.#job);
    this.#endJob?.();
  }

  close(): void {
    this.#file = null;
    this.#opening = null;
    if (this.#session) void this.#session.post((api) => api.close());
  }

  /** Ends the worker and lets the engine go, e.g. before all data is deleted. */
  stop(): void {
    this.#drop('cancelled');
    this.#lock?.release();
    this.#lock = null;
    this.#onState({ state: 'idle' });
  }

  /** New options (another engine in the settings): the worker is replaced. */
  restart(): void {
    this.#drop('cancelled');
    void this.start();
  }

  loseDevice(): Promise<void> {
    return this.#live().post((api) => api.loseDevice());
  }

  async #attempt(onEvent: (event: RestoreEvent) => void, run: JobCall): Promise<Result<RestoreResult>> {
    let over = false;
    const ended = new Promise<Result<RestoreResult>>((resolve) => {
      this.#endJob = () => {
        over = true;
        resolve(fail('cancelled'));
      };
    });
    const work = this.#ready().then(async (ready): Promise<Result<RestoreResult>> => {
      if (!ready.ok) return ready;
      if (over) return fail('cancelled');
      const { session, photo } = ready.value;
      const dog = watch(SILENCE_MS, () => this.#replace(session, 'engine-hung'));
      this.#dog = dog;
      const listener = (event: RestoreEvent) => {
        dog.pat();
        if (event.type === 'engine') this.#changed(session, event.engine, event.pack);
        else if (!over) onEvent(event);
        else if (event.type === 'paint') event.image.close();
      };
      const job = run(session, photo, listener).finally(() => dog.stop());
      if (this.#paused) this.pause(true);
      void ended.then(() => this.#drain(session, job));
      const result = await job;
      if (!result.ok && isFatal(result)) this.#replace(session, result.code, result.detail);
      return result;
    });
    const result = await Promise.race([work, ended]);
    over = true;
    if (result.ok || result.code !== 'cancelled') this.#endJob = null;
    return result;
  }

  /** The worker changed its engine in the middle of a job. */
  #changed(session: Session, engine: EngineInfo, pack: PackInfo): void {
    if (session !== this.#session) return;
    this.#start = Promise.resolve({ ok: true, value: { engine, pack } });
    this.#onState({ state: 'ready', engine, pack });
  }

  #drain(session: Session, job: Promise<unknown>): void {
    void session.post((api) => api.cancel());
    const id = this.#job;
    const deadline = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), CANCEL_DEADLINE_MS));
    this.#draining = Promise.race([job, deadline]).then((first) => {
      if (first !== 'late') return;
      this.#replace(session, 'cancelled');
      // It could not tidy up after itself.
      if (id) void this.discard(id);
    });
  }

  /** Started, the photo open in the present worker, nothing of a cancelled job left in flight. */
  async #ready(): Promise<Result<{ session: Session; photo: PhotoInfo }>> {
    await this.#draining;
    const started = await this.start();
    if (!started.ok) return started;
    if (!this.#file) return fail('no-image-given');
    const session = this.#live();
    const photo = await (this.#opening ?? this.open(this.#file));
    return photo.ok ? { ok: true, value: { session, photo: photo.value } } : photo;
  }

  #live(): Session {
    this.#session ??= this.#create();
    return this.#session;
  }

  #create(): Session {
    // Not made anew at once: a worker that can't even load would be replaced for ever.
    const session: Session = this.#newSession(
      (detail) => this.#replace(session, 'internal', detail, false),
      // One that was at work had loaded and started: a new one will as well.
      () => this.#replace(session, 'engine-hung', 'the worker was ended', this.#endJob !== null),
    );
    return session;
  }

  /** Warms a new worker up, so that the next job does not wait for more than it must. */
  #replace(session: Session, code: AppErrorCode, detail = '', warm = true): void {
    if (session !== this.#session) return;
    this.#drop(code, detail);
    if (warm) void this.start();
    else this.#onState({ state: 'error', failure: { code, detail, values: {} } });
  }

  #taken(): void {
    this.#lock = null;
    this.#drop('engine-taken');
    this.#onState({ state: 'error', failure: { code: 'engine-taken', detail: '', values: {} } });
  }

  #drop(code: AppErrorCode, detail = ''): void {
    this.#session?.kill(code, detail);
    this.#session = null;
    this.#start = null;
    this.#opening = null;
  }
}

/** After these the worker can't be used any more. */
const isFatal = ({ code, values }: Failure): boolean =>
  FATAL.includes(code) || (code === 'device-lost' && values.replaceWorker === 1);
