/** From a plan to a complete pack: room is made, pieces come, graphs are looked through, older versions go. */
import { EngineError } from '../errors.ts';
import type { Activity } from './activity.ts';
import { sameBytes } from './disk.ts';
import { checkGraph } from './graph-check.ts';
import { GRAPH_LIMITS } from './graph-ops.ts';
import { removeLeftovers, replaceOlder, sameOrigin } from './leftovers.ts';
import { type PackPlan, plannedFile } from './pack-plan.ts';
import type { PackRecord, PackStore } from './pack-store.ts';
import { isFull, PackWriter } from './pack-writer.ts';
import type { PackOrigin, StoredId } from './protocol.ts';

export interface Finish {
  readonly store: PackStore;
  readonly plan: PackPlan;
  readonly origin: PackOrigin;
  readonly state: 'downloading' | 'importing';
  readonly activity: Activity;
  /** Brings the missing pieces; answers the licence's text where there is one. */
  transfer(writer: PackWriter, activity: Activity): Promise<Uint8Array | null>;
}

/** @throws EngineError as `PacksApi.download` says. The caller holds the pack's lock. */
export async function completePack(finish: Finish): Promise<StoredId> {
  try {
    return await complete(finish);
  } catch (error) {
    const full = isFull(error) || (error instanceof EngineError && error.code === 'storage-full');
    throw full ? await howFull(finish, String(error)) : error;
  }
}

async function complete(finish: Finish): Promise<StoredId> {
  const { store, plan, origin, state, activity } = finish;
  const { id } = plan;
  const known = await store.plan(id).catch(() => null);
  const before = known ? await store.record(id) : null;
  const same = known !== null && sameBytes(known.manifestBytes, plan.manifestBytes);
  if (same && before?.complete) {
    // Wanted again, though a newer version is here.
    if (before.replaced) await store.writeRecord(id, { ...before, replaced: false });
    await removeLeftovers(store, id.name);
    return id;
  }
  if (known && !same && before?.complete && !sameOrigin(before.origin, origin)) {
    const detail = `Another pack with the name ${id.name} and the version ${id.version} is stored here. Remove it first.`;
    throw new EngineError('pack-damaged', detail);
  }
  const record: PackRecord = {
    origin,
    added: before?.added || Date.now(),
    lastUsed: before?.lastUsed ?? null,
    complete: false,
    stamps: {},
    replaced: false,
  };
  // Before the new manifest is there: whatever ends this, what it may leave behind is looked for.
  await store.noteLeftovers(id.name, true);
  await store.begin(plan, record);
  const { licence, refused } = await bring(finish);
  if (refused) {
    // No server will make it better.
    await store.remove(id);
    throw refused;
  }
  if (licence && licence.byteLength > 0) await store.writeLicence(id, licence);
  await store.writeRecord(id, { ...record, complete: true, stamps: await stampsOf(store, plan) });
  activity.begin(state, plan.bytes, plan.bytes);
  await replaceOlder(store, id, origin);
  return id;
}

/** What came, and why it must not stay. */
interface Brought {
  readonly licence: Uint8Array | null;
  readonly refused: EngineError | null;
}

async function bring({ store, plan, state, activity, transfer }: Finish): Promise<Brought> {
  let hashed = 0;
  activity.begin('verifying', 0, plan.bytes);
  const writer = await PackWriter.open(store, plan, (bytes) => {
    if (activity.signal.aborted) throw new EngineError('cancelled');
    hashed += bytes;
    activity.report(hashed);
  });
  try {
    activity.begin(state, writer.done, plan.bytes);
    await writer.reserve();
    const licence = await transfer(writer, activity);
    const [missing] = writer.missing();
    if (missing)
      throw new EngineError('pack-missing', `${missing.file.name} did not come`, { file: missing.file.name });
    return { licence, refused: await checkGraphs(writer) };
  } finally {
    await writer.close();
  }
}

/** How much is missing, and what could make room. The browser's estimate may be wrong; that it is full is true. */
async function howFull({ store, plan }: Finish, detail: string): Promise<EngineError> {
  const needed = plan.bytes - (await store.held(plan));
  const { usage, quota } = (await globalThis.navigator?.storage?.estimate?.()) ?? {};
  const free = usage === undefined || quota === undefined ? 0 : Math.max(0, quota - usage);
  let removable = 0;
  const names = new Set((await store.ids()).map(({ name }) => name));
  for (const name of names) if (name !== plan.id.name) removable += await store.contentBytes(name);
  const missing = needed > free ? needed - free : needed;
  return new EngineError('storage-full', detail, { needed, free, missing, removable });
}

/** Answers with 'pack-damaged' when a graph is not one that may run. Files that were just written are still open: that is quick. */
async function checkGraphs(writer: PackWriter): Promise<EngineError | null> {
  const { plan } = writer;
  try {
    for (const graph of Object.values(plan.manifest.graphs)) {
      for (const { file, mode } of graph.variants) {
        const planned = plannedFile(plan, file);
        if (planned.bytes > GRAPH_LIMITS.bytes) throw damaged(`The graph ${file} is too large.`, file);
        checkGraph(file, await writer.read(planned), graph, mode);
      }
    }
    return null;
  } catch (error) {
    if (error instanceof EngineError && error.code === 'pack-damaged') return error;
    throw error;
  }
}

const damaged = (detail: string, file: string) => new EngineError('pack-damaged', detail, { file });

export async function stampsOf(store: PackStore, plan: PackPlan): Promise<Record<string, number>> {
  const stamps = await Promise.all(
    plan.files.map(async ({ key }) => {
      const stat = await store.disk.stat(store.contentPath(plan.id.name, key));
      return [key, stat?.modified ?? 0] as const;
    }),
  );
  return Object.fromEntries(stamps);
}
