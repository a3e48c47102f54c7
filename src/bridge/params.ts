/** Engine options from the address bar (for tests) and from the settings. */
import type { EngineOptions } from '../../workers/protocol.ts';

export type EngineChoice = EngineOptions['engine'];

const ENGINES: readonly EngineChoice[] = ['auto', 'webgpu', 'wasm'];
const BUNDLES: readonly EngineOptions['bundle'][] = ['auto', 'jspi', 'asyncify'];

/**
 * @param search `location.search`; an unknown value counts as absent
 * @param base `document.baseURI`: the app works under any sub-path
 * @param chosen the engine from the settings, used where the address says nothing
 */
export function engineOptions(search: string, base: string, chosen: EngineChoice): EngineOptions {
  const params = new URLSearchParams(search);
  const engine = ENGINES.find((name) => name === params.get('engine')) ?? chosen;
  const bundle = BUNDLES.find((name) => name === params.get('bundle')) ?? 'auto';
  const threads = Number(params.get('threads'));
  const options: EngineOptions = {
    packUrl: packUrl(params.get('pack'), base),
    ortUrl: new URL('ort/', base).href,
    engine,
    bundle,
  };
  if (Number.isInteger(threads) && threads >= 1 && threads <= 64) options.threads = threads;
  if (params.get('strict') === '1') options.strict = true;
  return options;
}

/** Packs come from this origin only: an address that a person is tricked into opening can't name another one. */
function packUrl(wanted: string | null, base: string): string {
  const standard = new URL('packs/small/', base);
  if (!wanted) return standard.href;
  const url = new URL(wanted.endsWith('/') ? wanted : `${wanted}/`, base);
  return url.origin === standard.origin ? url.href : standard.href;
}

export const isTestMode = (search: string): boolean => new URLSearchParams(search).get('test') === '1';
