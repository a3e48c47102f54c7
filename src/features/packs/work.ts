/** What the buttons of the pack manager do: calls of the packs door, their ends to the store. */
import type { GivenPack, PackStatus, StoredId, StoredPack } from '../../../workers/packs/protocol.ts';
import { onPackEvent, packs } from '../../app/packs.ts';
import { restartEngine, restartWith } from '../../app/restart.ts';
import { toast } from '../../app/toast.ts';
import { fail, failureOf, type Result } from '../../bridge/outcome.ts';
import { t } from '../../i18n/index.ts';
import { type AppState, useApp } from '../../store/index.ts';
import { type PackFrom, packKey } from '../../store/packsSlice.ts';
import { pickFolder } from './given.ts';

/** The pack that comes with the app, relative to it. */
const OWN = 'packs/small/';
/** An engine that was told to take another pack lets go of the old one when its worker has ended. */
const LET_GO_TRIES = 20;
const LET_GO_MS = 250;

const app = () => useApp.getState();

export const isWorking = ({ state }: PackStatus): boolean =>
  state === 'downloading' || state === 'importing' || state === 'verifying' || state === 'waiting';

export const isSame = (a: StoredId | null, b: StoredId | null): boolean =>
  a === null || b === null ? a === b : packKey(a) === packKey(b);

export async function refreshPacks(): Promise<void> {
  const list = await packs.list();
  if (list.ok) app().setPackList(list.value);
  else if (list.code !== 'cancelled') app().tellOfPack('', { kind: 'failed', failure: failureOf(list) });
  if (app().ownPack) return;
  const own = await packs.inspect(OWN);
  if (own.ok) app().setPacks({ ownPack: own.value });
}

/** Counts looks, so that only the newest is shown. */
let looks = 0;

async function look(from: PackFrom): Promise<void> {
  const mine = ++looks;
  app().setPacks({ adding: { state: 'looking' } });
  const result = await (from.kind === 'url' ? packs.inspect(from.url) : packs.inspectGiven(from.given));
  if (mine !== looks) return;
  if (result.ok) app().setPacks({ adding: { state: 'offer', offer: result.value, from } });
  else if (result.code === 'host-blocked' && from.kind === 'url')
    app().setPacks({ adding: { state: 'host', host: String(result.values.host), url: from.url } });
  else app().setPacks({ adding: { state: 'failed', failure: failureOf(result) } });
}

/** @param typed as a person types an address: "https://" may be left out */
export function lookAtUrl(typed: string): Promise<void> {
  const text = typed.trim();
  const isHost = /^[\w-]+(\.[\w-]+)+(:\d+)?(\/|$)/.test(text);
  return look({ kind: 'url', url: isHost ? `https://${text}` : text });
}

export const lookAtGiven = (given: GivenPack): Promise<void> => look({ kind: 'given', given });

export function stopAdding(): void {
  looks++;
  app().setPacks({ adding: { state: 'idle' } });
}

/** Allowing a host starts the packs worker anew; downloads that this stops go on. */
export async function allowHost(url: string): Promise<void> {
  const under = (app().packs ?? []).filter(
    ({ status }) => status.state === 'downloading' || status.state === 'waiting',
  );
  if ((await packs.allowHost(url)) === null) {
    const failure = failureOf(fail('pack-unreachable', 'only https', { host: url }));
    return app().setPacks({ adding: { state: 'failed', failure } });
  }
  for (const pack of under) void continuePack(pack);
  await look({ kind: 'url', url });
}

/** Gets what was offered. */
export async function takeOffer(): Promise<void> {
  const { adding } = app();
  if (adding.state !== 'offer') return;
  const { offer, from } = adding;
  stopAdding();
  await getting(offer, from.kind === 'url' ? () => packs.download(from.url) : () => packs.importGiven(from.given));
}

export const continuePack = (pack: StoredPack): Promise<void> => getting(pack, () => packs.resume(pack.id));

export const repairPack = (pack: StoredPack, given?: GivenPack): Promise<void> =>
  getting(pack, () => packs.repair(pack.id, given));

/** One pack comes: it is listed as soon as something of it is here; its end is told. */
async function getting({ id, title }: Pick<StoredPack, 'id' | 'title'>, call: () => Promise<Result<StoredId>>) {
  const key = packKey(id);
  app().tellOfPack(key, null);
  app().tellOfPack('', null);
  const listed = () => app().packs?.some((pack) => packKey(pack.id) === key) ?? false;
  let asked = false;
  const end = onPackEvent((event) => {
    if (packKey(event.id) !== key || listed() || asked) return;
    asked = true;
    void refreshPacks();
  });
  const result = await call();
  end();
  await refreshPacks();
  if (result.ok) {
    followUpdate(id);
    app().tellOfPack('', { kind: 'stored', title });
    if (app().dialog !== 'packs') toast(t('packs.news.stored', { title }));
  } else if (result.code !== 'cancelled') {
    const failure = failureOf(result);
    if (listed()) app().tellOfPack(key, { kind: 'failed', failure });
    else app().setPacks({ adding: { state: 'failed', failure } });
  }
}

/** The pack in use was replaced by a newer version of itself. A job ends with what it began with, and no result goes for it. */
function followUpdate(id: StoredId): void {
  const used = app().settings.pack;
  if (!used || used.name !== id.name || used.version === id.version) return;
  // Then the next start takes it.
  if (app().job === 'running' || app().results.length > 0) app().setSettings({ pack: id });
  else choosePack(id);
}

/** It was chosen, and the engine runs another version of it until its next start: an update that waits (`followUpdate`). */
export const waitsForStart = ({ engine, settings }: Pick<AppState, 'engine' | 'settings'>, id: StoredId): boolean =>
  isSame(settings.pack, id) &&
  engine.state === 'ready' &&
  engine.pack.name === id.name &&
  engine.pack.version !== id.version;

/** @param id null for the pack that comes with the app */
export const choosePack = (id: StoredId | null): void => restartWith(() => takePack(id));

function takePack(id: StoredId | null): void {
  app().setSettings({ pack: id });
  // Another pack has other steps and tiles.
  app().choose({ steps: null, tile: null });
}

export const pausePack = ({ id }: StoredPack): Promise<void> => packs.pause(id).then(refreshPacks);
/** Deletes what has come so far, unless the pack was complete before. */
export const cancelPack = ({ id }: StoredPack): Promise<void> => packs.cancel(id).then(refreshPacks);

export async function checkPack({ id }: StoredPack): Promise<void> {
  const key = packKey(id);
  app().tellOfPack(key, null);
  const report = await packs.verify(id);
  await refreshPacks();
  if (!report.ok) return told(key, report);
  const { bytes, broken } = report.value;
  const files = broken.map(({ file }) => file);
  app().tellOfPack(key, files.length > 0 ? { kind: 'broken', files } : { kind: 'sound', bytes });
}

export async function updatePack({ id, origin }: StoredPack): Promise<void> {
  const key = packKey(id);
  app().tellOfPack(key, null);
  const update = await packs.checkUpdate(id);
  if (!update.ok) return told(key, update);
  if (!update.value || origin.kind !== 'url') return app().tellOfPack(key, { kind: 'latest' });
  app().setPacks({ adding: { state: 'offer', offer: update.value, from: { kind: 'url', url: origin.url } } });
}

export async function removePack({ id, title }: StoredPack): Promise<void> {
  const key = packKey(id);
  app().tellOfPack(key, null);
  const used = isSame(app().settings.pack, id);
  if (used) {
    takePack(null);
    // Its question has told of the results.
    restartEngine();
  }
  let result = await packs.remove(id);
  for (let tries = 0; used && !result.ok && result.code === 'pack-busy' && tries < LET_GO_TRIES; tries++) {
    await new Promise((resolve) => setTimeout(resolve, LET_GO_MS));
    result = await packs.remove(id);
  }
  await refreshPacks();
  if (!result.ok) return told(key, result);
  app().tellOfPack('', { kind: 'removed', title, bytes: result.value.freed });
}

export async function exportPack({ id }: StoredPack): Promise<void> {
  const key = packKey(id);
  const folder = await pickFolder('readwrite');
  if (!folder) return;
  app().tellOfPack(key, null);
  const result = await packs.exportTo(id, folder);
  if (!result.ok) return told(key, result);
  app().tellOfPack(key, { kind: 'exported', bytes: result.value.bytes });
}

function told(key: string, result: Extract<Result<unknown>, { ok: false }>): void {
  if (result.code !== 'cancelled') app().tellOfPack(key, { kind: 'failed', failure: failureOf(result) });
}
