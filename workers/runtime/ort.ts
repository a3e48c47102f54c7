/**
 * Loads one of onnxruntime-web's bundles at run time. Vite must not bundle them: ORT starts its threads from the
 * module's own URL. The wasm binary comes through the store (once downloaded, it is there offline) and is kept
 * gzip-compressed, since the asyncify one is over the 25 MiB that some static hosts allow a file.
 */
import type * as Ort from 'onnxruntime-web';
import { EngineError } from '../errors.ts';
import type { FetchOptions, Store } from '../packs/store.ts';
import type { EngineInfo } from '../protocol.ts';
import { gunzip, isGzip } from './inflate.ts';

export type OrtModule = typeof Ort;
export type OrtBundle = EngineInfo['bundle'];

const FILES: Record<OrtBundle, { module: string; wasm: string }> = {
  jspi: { module: 'ort.jspi.bundle.min.mjs', wasm: 'ort-wasm-simd-threaded.jspi.wasm.gzip' },
  asyncify: { module: 'ort.webgpu.bundle.min.mjs', wasm: 'ort-wasm-simd-threaded.asyncify.wasm.gzip' },
  wasm: { module: 'ort.wasm.bundle.min.mjs', wasm: 'ort-wasm-simd-threaded.wasm.gzip' },
};

export interface LoadedOrt {
  readonly ort: OrtModule;
  readonly bundle: OrtBundle;
  readonly version: string;
  readonly threads: number;
  /** Bytes of the wasm heap: it grows to the peak and never shrinks. 0 before the first session is made. */
  heapBytes(): number;
}

/** JSPI where the browser has it: smaller than asyncify, and it survives a lost device. */
export function bestGpuBundle(): 'jspi' | 'asyncify' {
  return 'Suspending' in WebAssembly ? 'jspi' : 'asyncify';
}

/** Threads for the CPU kernels: 1 where the page is not cross-origin isolated, at most 8 (more cost memory, gain little). */
export function threadCount(wanted: number | undefined, cores: number, isolated: boolean): number {
  if (!isolated) return 1;
  return Math.max(1, Math.min(8, Math.floor(wanted ?? Math.min(4, cores))));
}

const loaded = new Map<string, Promise<LoadedOrt>>();

/**
 * Loads a bundle; a second call for the same one answers with the first's module.
 *
 * @param ortUrl folder with the bundle and the compressed wasm, ending in "/"
 * @throws EngineError 'pack-missing' when the files are not there, 'no-engine' when the module does not load
 */
export function loadOrt(
  ortUrl: string,
  bundle: OrtBundle,
  threads: number,
  store: Store,
  onBytes?: FetchOptions['onBytes'],
): Promise<LoadedOrt> {
  const key = `${ortUrl}${bundle}`;
  const known = loaded.get(key);
  if (known) return known;
  const work = load(ortUrl, bundle, threads, store, onBytes);
  loaded.set(key, work);
  work.catch(() => loaded.delete(key));
  return work;
}

async function load(
  ortUrl: string,
  bundle: OrtBundle,
  threads: number,
  store: Store,
  onBytes?: FetchOptions['onBytes'],
): Promise<LoadedOrt> {
  const files = FILES[bundle];
  const ort = await importModule(new URL(files.module, ortUrl).href);
  // The version is in the URL, so that a stored wasm never meets the glue of another version.
  const version = ort.env.versions.web ?? ort.env.versions.common;
  const wasmUrl = new URL(files.wasm, ortUrl);
  wasmUrl.searchParams.set('v', version);
  await store.prune(`${wasmUrl.origin}${wasmUrl.pathname}?`, new Set([wasmUrl.href]));
  const bytes = await store.fetchStored(wasmUrl.href, { onBytes });
  try {
    ort.env.wasm.wasmBinary = isGzip(bytes) ? await gunzip(bytes) : bytes.buffer;
  } catch (cause) {
    await store.drop(wasmUrl.href);
    throw new EngineError('pack-damaged', `${files.wasm}: ${String(cause)}`, { file: files.wasm });
  }
  ort.env.wasm.numThreads = threads;
  // Threads that can't start (their script blocked by a header) would otherwise be waited for without end.
  ort.env.wasm.initTimeout = 60_000;
  ort.env.logLevel = 'error';
  return { ort, bundle, version, threads, heapBytes: watchHeap() };
}

async function importModule(url: string): Promise<OrtModule> {
  try {
    return (await import(/* @vite-ignore */ url)) as OrtModule;
  } catch (cause) {
    throw new EngineError('no-engine', `${url}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/**
 * ORT does not hand out its WebAssembly.Memory. It makes exactly one with a maximum of 65536 pages when the first session
 * is created, so the constructor is watched until then.
 */
export function watchHeap(): () => number {
  const original = WebAssembly.Memory;
  let memory: WebAssembly.Memory | null = null;
  WebAssembly.Memory = new Proxy(original, {
    construct(target, [descriptor]: [WebAssembly.MemoryDescriptor]) {
      const made = new target(descriptor);
      if (descriptor.maximum === 65536) {
        memory = made;
        WebAssembly.Memory = original;
      }
      return made;
    },
  });
  return () => memory?.buffer.byteLength ?? 0;
}
