/** Self-test results, remembered per adapter, browser and onnxruntime version in IndexedDB. */
import { createStore, get, set, type UseStore } from 'idb-keyval';
import type { Mode } from '../packs/manifest.ts';
import { adapterName, type DeviceWishes } from './device.ts';
import type { LoadedOrt } from './ort.ts';
import { SELF_TEST_VERSION, type SelfTestResult } from './self-test.ts';

let store: UseStore | null = null;
const open = () => {
  store ??= createStore('engine', 'self-test');
  return store;
};

export function verdictKey(adapter: GPUAdapter, loaded: LoadedOrt, wishes: DeviceWishes, mode: Mode): string {
  return JSON.stringify([
    SELF_TEST_VERSION,
    adapterName(adapter),
    navigator.userAgent,
    loaded.version,
    loaded.bundle,
    wishes.f16,
    wishes.subgroups,
    mode,
  ]);
}

/** What was measured under `key` before, or null. A browser without IndexedDB measures each time. */
export async function recall(key: string): Promise<SelfTestResult | null> {
  try {
    return (await get<SelfTestResult>(key, open())) ?? null;
  } catch {
    return null;
  }
}

/** Results with an infinite error are not kept: they may come from a passing trouble, such as a full GPU. */
export async function remember(key: string, result: SelfTestResult): Promise<void> {
  if (!result.every((test) => Number.isFinite(test.error))) return;
  await set(key, result, open()).catch(() => undefined);
}

/** The device's rate that was measured under `key` before, in multiply-adds a second. */
export async function recallRate(key: string): Promise<number | null> {
  try {
    return (await get<number>(`rate ${key}`, open())) ?? null;
  } catch {
    return null;
  }
}

export async function rememberRate(key: string, rate: number): Promise<void> {
  await set(`rate ${key}`, rate, open()).catch(() => undefined);
}
