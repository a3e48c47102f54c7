/** Settings live in IndexedDB under one key. What is read back is checked: it may be from another version. */
import { clear, get, set } from 'idb-keyval';
import { useApp } from '../../store/index.ts';
import { DEFAULT_SETTINGS, GPU_GIGABYTES, type Settings } from '../../store/settingsSlice.ts';

const KEY = 'settings';

/** Fields with a value that this version knows; the rest as new. */
export function readSettings(stored: unknown): Settings {
  const from = typeof stored === 'object' && stored !== null ? new Map(Object.entries(stored)) : new Map();
  const oneOf = <V extends string>(key: string, known: readonly V[], other: V): V =>
    known.find((value) => value === from.get(key)) ?? other;
  const flag = (key: string, other: boolean): boolean => {
    const value: unknown = from.get(key);
    return typeof value === 'boolean' ? value : other;
  };
  const fresh = DEFAULT_SETTINGS;
  return {
    language: oneOf('language', ['system', 'en', 'zh'], fresh.language),
    theme: oneOf('theme', ['system', 'light', 'dark'], fresh.theme),
    engineChoice: oneOf('engineChoice', ['auto', 'webgpu', 'wasm'], fresh.engineChoice),
    pack: readPack(from.get('pack')),
    gpuGigabytes: oneOf('gpuGigabytes', GPU_GIGABYTES, fresh.gpuGigabytes),
    notify: flag('notify', fresh.notify),
    privacy: oneOf('privacy', ['keep', 'no-place', 'nothing'], fresh.privacy),
    singleKeys: flag('singleKeys', fresh.singleKeys),
  };
}

function readPack(stored: unknown): Settings['pack'] {
  if (typeof stored !== 'object' || stored === null || !('name' in stored) || !('version' in stored)) return null;
  const { name, version } = stored;
  return typeof name === 'string' && typeof version === 'string' ? { name, version } : null;
}

let forgetting = false;

/** Reads the settings, then writes every later change. A browser without storage keeps them for the visit only. */
export async function loadSettings(): Promise<void> {
  const stored: unknown = await get(KEY).catch(() => null);
  useApp.getState().setSettings(readSettings(stored));
  useApp.subscribe((state, before) => {
    if (state.settings !== before.settings && !forgetting) void set(KEY, state.settings).catch(() => {});
  });
}

export async function forgetSettings(): Promise<void> {
  forgetting = true;
  await clear().catch(() => {});
  forgetting = false;
}
