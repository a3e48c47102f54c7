/**
 * Hosts that a person lets the app fetch packs from. They lie in Cache Storage, where the service worker can read them:
 * it puts them into the content security policy of the packs worker, and of nothing else.
 */

/** Cache Storage cache and the one file in it. */
const CACHE = 'allowed-hosts';
const FILE = 'allowed-hosts.json';
const LIMIT = 20;

/** `https://host`, with a port or without; http only for this machine, where there is no network to listen on. */
const ORIGIN = /^(https:\/\/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|http:\/\/(?:localhost|127\.0\.0\.1))(?::\d{1,5})?$/;

/** The origin of an address as it goes into the policy; null for one that can't be allowed. */
export function originOf(address: string): string | null {
  if (!URL.canParse(address)) return null;
  const { origin } = new URL(address);
  return ORIGIN.test(origin) ? origin : null;
}

/** What is stored, with everything left out that is not an origin: it ends up in a header. */
export function readOrigins(stored: unknown): string[] {
  if (!Array.isArray(stored)) return [];
  const origins = stored.filter((entry): entry is string => typeof entry === 'string' && ORIGIN.test(entry));
  return [...new Set(origins)].slice(0, LIMIT);
}

/** @param scope URL of the app's folder */
export async function allowedHosts(scope: string): Promise<string[]> {
  if (!('caches' in globalThis)) return [];
  const stored = await caches.match(new URL(FILE, scope).href, { cacheName: CACHE });
  return readOrigins(await stored?.json().catch(() => null));
}

/** Keeps the list; origins only, at most 20. */
export async function setAllowedHosts(scope: string, origins: readonly string[]): Promise<string[]> {
  const kept = readOrigins(origins);
  const cache = await caches.open(CACHE);
  await cache.put(new URL(FILE, scope).href, new Response(JSON.stringify(kept)));
  return kept;
}

/** The policy with `origins` behind the sources of its connect-src; unchanged where it has none. */
export function withHosts(policy: string, origins: readonly string[]): string {
  if (origins.length === 0) return policy;
  return policy.replace(/(^|;\s*)connect-src [^;]*/, (directive) => `${directive} ${origins.join(' ')}`);
}
