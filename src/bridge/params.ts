/** Engine options from the address bar (for tests) and from the settings. */
import type { PackSource, StoredId } from '../../workers/packs/protocol.ts';
import type { EngineOptions } from '../../workers/protocol.ts';

export type EngineChoice = EngineOptions['engine'];

const ENGINES: readonly EngineChoice[] = ['auto', 'webgpu', 'wasm'];
const BUNDLES: readonly EngineOptions['bundle'][] = ['auto', 'jspi', 'asyncify'];

/**
 * @param search `location.search`; an unknown value counts as absent
 * @param base `document.baseURI`: the app works under any sub-path
 * @param chosen the engine from the settings, used where the address says nothing
 * @param stored the pack from the settings, used where the address says nothing; null for the one that comes with the app
 */
export function engineOptions(
  search: string,
  base: string,
  chosen: EngineChoice,
  stored: StoredId | null = null,
): EngineOptions {
  const params = new URLSearchParams(search);
  const engine = ENGINES.find((name) => name === params.get('engine')) ?? chosen;
  const bundle = BUNDLES.find((name) => name === params.get('bundle')) ?? 'auto';
  const threads = Number(params.get('threads'));
  const options: EngineOptions = {
    pack: packSource(params.get('pack'), base, stored),
    ortUrl: new URL('ort/', base).href,
    engine,
    bundle,
  };
  if (Number.isInteger(threads) && threads >= 1 && threads <= 64) options.threads = threads;
  const gpuBytes = Number(params.get('gpuBytes'));
  if (params.has('gpuBytes') && gpuBytes >= 1) options.gpuBytes = gpuBytes;
  if (params.get('strict') === '1') options.strict = true;
  return options;
}

/**
 * Packs are fetched from this origin only: an address that a person is tricked into opening can't name another one.
 * `stored:name@version` is a pack that they stored themselves.
 */
function packSource(wanted: string | null, base: string, stored: StoredId | null): PackSource {
  const standard = new URL('packs/small/', base);
  if (!wanted) return stored ? { kind: 'stored', ...stored } : { kind: 'url', url: standard.href };
  const [, name, version] = /^stored:([^@]+)@(.+)$/.exec(wanted) ?? [];
  if (name !== undefined && version !== undefined) return { kind: 'stored', name, version };
  const url = new URL(wanted.endsWith('/') ? wanted : `${wanted}/`, base);
  return { kind: 'url', url: url.origin === standard.origin ? url.href : standard.href };
}

export const isTestMode = (search: string): boolean => new URLSearchParams(search).get('test') === '1';

/** Only a test can turn proposals off: on a software GPU each takes seconds. */
export const mayPropose = (search: string): boolean =>
  !isTestMode(search) || new URLSearchParams(search).get('propose') !== 'off';
