/** Which onnxruntime runs in Node. */
import type * as Ort from 'onnxruntime-web';
import { EngineError } from '../../workers/errors.ts';

export type OrtModule = typeof Ort;
export const PROVIDERS = ['wasm', 'cpu', 'webgpu'] as const;
export type Provider = (typeof PROVIDERS)[number];

export function isProvider(name: string): name is Provider {
  return PROVIDERS.some((provider) => provider === name);
}

/**
 * `wasm` is onnxruntime-web, which is always there. `cpu` and `webgpu` are onnxruntime-node, which is not a dependency:
 * its install script downloads binaries, and `npm ci` has to work offline.
 *
 * @param threads of the wasm kernels; onnxruntime-node chooses for itself
 * @throws EngineError 'no-engine' when onnxruntime-node is not installed or does not load
 */
export async function loadOrt(provider: Provider, threads: number): Promise<OrtModule> {
  if (provider === 'wasm') {
    const ort = await import('onnxruntime-web');
    ort.env.wasm.numThreads = threads;
    ort.env.logLevel = 'error';
    return ort;
  }
  // Not written into the import itself: type checker and bundlers would look for a package that may be missing.
  const name = 'onnxruntime-node';
  try {
    return (await import(name)) as OrtModule;
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND';
    const why = missing
      ? `is not installed. Install it with "npm install --no-save ${name}", or use --ep wasm.`
      : `does not load: ${cause instanceof Error ? cause.message : cause}`;
    throw new EngineError('no-engine', `--ep ${provider} needs the package ${name}, which ${why}`);
  }
}
