/** The packs worker's door: every call answers with an `Outcome`. */
import { EngineError } from '../errors.ts';
import { outcome } from '../outcome.ts';
import type { Outcome } from '../protocol.ts';
import { Activities } from './activity.ts';
import { type Disk, sameBytes } from './disk.ts';
import { DOWNLOAD_DEFAULTS } from './download.ts';
import { exportPack } from './export.ts';
import { completePack, type Finish } from './finish.ts';
import { givenManifest, openGiven } from './given.ts';
import { fetchSmall, RequestError } from './http.ts';
import { busyPacks } from './locks.ts';
import { PARTS } from './manifest.ts';
import { MAX_MANIFEST_BYTES } from './manifest-load.ts';
import { packNeeds } from './needs.ts';
import { openOpfs } from './opfs.ts';
import { type PackPlan, planPack } from './pack-plan.ts';
import { type PackRecord, PackStore } from './pack-store.ts';
import type {
  GivenPack,
  Obstacle,
  PackEvent,
  PackList,
  PackOffer,
  PackOrigin,
  PacksApi,
  StorageFacts,
  StoredId,
  StoredPack,
  TransferOptions,
  VerifyReport,
} from './protocol.ts';
import { fromGiven, fromServer, manifestUrl } from './sources.ts';
import { verifyPack } from './verify.ts';

export class PacksManager implements PacksApi {
  readonly #activities = new Activities();
  readonly #store: Promise<PackStore | null>;

  /** @param disk where packs lie; the browser's own where absent */
  constructor(disk: Promise<Disk | null> = openOpfs()) {
    this.#store = disk.then((opened) => opened && new PackStore(opened));
  }

  async watch(onEvent: (event: PackEvent) => void): Promise<void> {
    this.#activities.tell = onEvent;
  }

  list(): Promise<Outcome<PackList>> {
    return outcome(async () => {
      const storage = await this.#facts();
      const store = await this.#store;
      if (!store) return { packs: [], storage };
      const busy = await busyPacks();
      const packs: StoredPack[] = [];
      for (const id of await store.ids()) packs.push(await this.#entry(store, id, busy));
      return { packs, storage };
    });
  }

  inspect(url: string): Promise<Outcome<PackOffer>> {
    return outcome(async () => this.#offer(await planPack(await this.#fetchManifest(manifestUrl(url)))));
  }

  inspectGiven(given: GivenPack): Promise<Outcome<PackOffer>> {
    return outcome(async () => {
      const folder = await openGiven(given);
      try {
        return await this.#offer(await planPack(await givenManifest(folder)));
      } finally {
        await folder.close();
      }
    });
  }

  download(url: string, options: TransferOptions = {}): Promise<Outcome<StoredId>> {
    return outcome(async () => {
      const from = manifestUrl(url);
      const plan = await planPack(await this.#fetchManifest(from, options));
      return this.#get(plan, { kind: 'url', url: from }, options);
    });
  }

  resume(id: StoredId, options: TransferOptions = {}): Promise<Outcome<StoredId>> {
    return outcome(async () => {
      const { plan, record } = await this.#known(id);
      if (record.origin.kind !== 'url') {
        throw new EngineError('pack-missing', `pack ${id.name} came from a file`, { file: record.origin.label });
      }
      return this.#get(plan, record.origin, options);
    });
  }

  importGiven(given: GivenPack): Promise<Outcome<StoredId>> {
    return outcome(async () => {
      const folder = await openGiven(given);
      try {
        const plan = await planPack(await givenManifest(folder));
        return await this.#finish(plan, folder.origin, 'importing', fromGiven(folder));
      } finally {
        await folder.close();
      }
    });
  }

  async pause(id: StoredId): Promise<void> {
    this.#activities.of(id)?.stop('pause');
    await this.#activities.over(id);
  }

  async cancel(id: StoredId): Promise<void> {
    const activity = this.#activities.of(id);
    activity?.stop('cancel');
    await this.#activities.over(id);
    const store = await this.#store;
    if (!store || activity?.keeps || (await store.record(id)).complete) return;
    await this.#activities.run(id, false, () => store.remove(id)).catch(() => undefined);
    this.#activities.forget(id);
  }

  verify(id: StoredId): Promise<Outcome<VerifyReport>> {
    return outcome(async () => {
      const { store, plan } = await this.#known(id);
      return this.#activities.run(id, false, (activity) => verifyPack(store, plan, activity));
    });
  }

  repair(id: StoredId, given?: GivenPack): Promise<Outcome<StoredId>> {
    return outcome(async () => {
      const { store, plan, record } = await this.#known(id);
      // A pack that says it is complete is looked through first, to learn what is broken.
      if (record.complete) {
        const report = await this.#activities.run(id, true, (activity) => verifyPack(store, plan, activity));
        if (report.broken.length === 0) return id;
      }
      const again = await (given ? this.importGiven(given) : this.resume(id));
      if (!again.ok) throw new EngineError(again.code, again.detail, again.values);
      return again.value;
    });
  }

  remove(id: StoredId): Promise<Outcome<{ freed: number }>> {
    return outcome(async () => {
      const store = await this.#opened();
      const { freed } = await this.#activities.run(id, true, () => store.remove(id));
      this.#activities.forget(id);
      return { freed };
    });
  }

  checkUpdate(id: StoredId): Promise<Outcome<PackOffer | null>> {
    return outcome(async () => {
      const { plan, record } = await this.#known(id);
      if (record.origin.kind !== 'url') return null;
      const fresh = await planPack(await this.#fetchManifest(record.origin.url));
      return sameBytes(fresh.manifestBytes, plan.manifestBytes) ? null : this.#offer(fresh);
    });
  }

  exportTo(id: StoredId, folder: FileSystemDirectoryHandle): Promise<Outcome<{ files: number; bytes: number }>> {
    return outcome(async () => {
      const { store, plan } = await this.#known(id);
      return exportPack(store, plan, folder);
    });
  }

  async #get(plan: PackPlan, origin: PackOrigin & { kind: 'url' }, options: TransferOptions): Promise<StoredId> {
    const all = { ...DOWNLOAD_DEFAULTS, ...options };
    all.parallel = Math.max(1, Math.min(8, Math.trunc(all.parallel)));
    try {
      return await this.#finish(plan, origin, 'downloading', fromServer(origin.url, all));
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'pack-damaged') throw error;
      // The server may have another version by now: then its pieces can't match, and an update is what helps.
      const now = await this.#fetchManifest(origin.url, options).catch(() => null);
      if (now && !sameBytes(now, plan.manifestBytes))
        throw new EngineError('pack-changed', error.message, error.values);
      throw error;
    }
  }

  async #finish(
    plan: PackPlan,
    origin: PackOrigin,
    state: 'downloading' | 'importing',
    transfer: Finish['transfer'],
  ): Promise<StoredId> {
    const store = await this.#opened();
    return this.#activities.run(plan.id, false, (activity) =>
      completePack({ store, plan, origin, state, activity, transfer }),
    );
  }

  async #entry(store: PackStore, id: StoredId, busy: ReadonlySet<string>): Promise<StoredPack> {
    const record = await store.record(id);
    const { origin, complete, added, lastUsed } = record;
    const status = this.#activities.status(id);
    const busyElsewhere = busy.has(id.name) && this.#activities.of(id) === null;
    const base = { id, origin, complete, added, lastUsed, status, busyElsewhere };
    try {
      const plan = await store.plan(id);
      if (!plan) throw new EngineError('pack-missing', 'removed meanwhile');
      const { title, licence, source, tasks, parts } = plan.manifest;
      const held = complete ? plan.bytes : await store.held(plan);
      const needs = packNeeds(plan.manifest, plan.bytes, plan.bytes - held);
      return { ...base, title, licence, source, tasks: tasks.map((task) => task.id), parts, needs, onDisk: held };
    } catch (error) {
      // E.g. stored by another version of the app: it can be seen and removed, nothing else.
      const detail = error instanceof Error ? error.message : String(error);
      const nothing = { title: id.name, licence: '', source: '', tasks: [], parts: [], needs: NO_NEEDS };
      const failed = { state: 'failed', code: 'pack-damaged', detail, values: {} } as const;
      return { ...base, ...nothing, complete: false, onDisk: await store.contentBytes(id.name), status: failed };
    }
  }

  async #offer(plan: PackPlan): Promise<PackOffer> {
    const { title, licence, source, tasks, parts } = plan.manifest;
    const store = await this.#store;
    const known = (await store?.plan(plan.id).catch(() => null)) ?? null;
    const complete = store !== null && known !== null && (await store.record(plan.id)).complete;
    const same = known !== null && sameBytes(known.manifestBytes, plan.manifestBytes);
    const held = store ? await store.held(plan) : 0;
    const needs = packNeeds(plan.manifest, plan.bytes, plan.bytes - held);
    const here = same && complete ? 'stored' : held > 0 || same ? 'partial' : 'no';
    const facts = await this.#facts();
    const obstacles: Obstacle[] = [];
    const missingParts = PARTS.filter((part) => !parts.includes(part));
    if (!facts.available) obstacles.push({ code: 'no-storage' });
    if (missingParts.length > 0) obstacles.push({ code: 'pack-incomplete', parts: missingParts });
    const missing = needs.toFetch - (facts.free ?? Number.POSITIVE_INFINITY);
    if (missing > 0) obstacles.push({ code: 'not-enough-room', missing });
    const taskIds = tasks.map((task) => task.id);
    return { id: plan.id, title, licence, source, tasks: taskIds, parts, needs, obstacles, here };
  }

  async #facts(): Promise<StorageFacts> {
    const available = (await this.#store) !== null;
    const { usage, quota } = await storageEstimate();
    return { available, usage, free: usage === null || quota === null ? null : Math.max(0, quota - usage) };
  }

  async #opened(): Promise<PackStore> {
    const store = await this.#store;
    if (!store) throw new EngineError('no-storage', 'no private file system');
    return store;
  }

  async #known(id: StoredId): Promise<{ store: PackStore; plan: PackPlan; record: PackRecord }> {
    const store = await this.#opened();
    const plan = await store.plan(id);
    if (!plan) throw new EngineError('pack-missing', `pack ${id.name} ${id.version} is not stored`, { file: id.name });
    return { store, plan, record: await store.record(id) };
  }

  async #fetchManifest(url: string, options: TransferOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { stallMs } = { ...DOWNLOAD_DEFAULTS, ...options };
    try {
      return await fetchSmall(url, MAX_MANIFEST_BYTES, stallMs, new AbortController().signal);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const values = { host: new URL(url).host, file: 'manifest.json' };
      const missing = error.status >= 400 && error.status < 500;
      throw new EngineError(missing ? 'pack-missing' : 'pack-unreachable', `${url}: ${error.message}`, values);
    }
  }
}

/** Of a pack whose manifest can't be read. */
const NO_NEEDS: StoredPack['needs'] = {
  bytes: 0,
  toFetch: 0,
  gpuWeights: 0,
  gpuWeightsLeast: 0,
  gpuActivations: 0,
  gpuLargestBuffer: 0,
  macsPerStep: 0,
  tile: 0,
  steps: { min: 0, default: 0, max: 0 },
  baked: false,
};

async function storageEstimate(): Promise<{ usage: number | null; quota: number | null }> {
  try {
    const { usage = null, quota = null } = await navigator.storage.estimate();
    return { usage, quota };
  } catch {
    return { usage: null, quota: null };
  }
}
