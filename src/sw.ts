/// <reference lib="webworker" />
/**
 * The one service worker: keeps the app shell for offline use, adds the isolation and CSP headers that a static host
 * may not set, takes shared photos, and changes over to a new version only when the page asks.
 * Packs, ORT's wasm and demo photos pass through: the engine worker keeps what it needs itself.
 */
import { cleanupOutdatedCaches, matchPrecache, type PrecacheEntry, precache } from 'workbox-precaching';
import { allowedHosts, withHosts } from './bridge/hosts.ts';
import { leaveShared } from './bridge/shared.ts';
import { answerOwnId, showApp } from './bridge/windows.ts';
import headers from './headers.json';

declare const self: ServiceWorkerGlobalScope & { readonly __WB_MANIFEST: (PrecacheEntry | string)[] };

const scope = new URL('./', self.location.href);
const POLICY = 'Content-Security-Policy';
/** The one script that may connect to other hosts: those that the person added. */
const PACKS_WORKER = /\/packs\.worker-[\w-]+\.js$/;

precache(self.__WB_MANIFEST);
cleanupOutdatedCaches();

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('message', (event) => {
  const data: unknown = event.data;
  if (typeof data === 'object' && data !== null && 'type' in data && data.type === 'SKIP_WAITING') {
    void self.skipWaiting();
  }
  answerOwnId(event);
});

/** The notification says that a photo is done: its window comes to the front, or the app opens. */
self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(showApp(self.clients, scope.href, event.notification.data));
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== scope.origin) return;
  if (request.method === 'POST' && url.pathname === `${scope.pathname}share-target`) {
    event.respondWith(takeShared(request));
  } else if (request.method === 'GET' && url.pathname.startsWith(scope.pathname)) {
    event.respondWith(answer(request, url));
  }
});

async function answer(request: Request, url: URL): Promise<Response> {
  const isHome = url.pathname === scope.pathname || url.pathname === `${scope.pathname}index.html`;
  const hosts = PACKS_WORKER.test(url.pathname) ? await allowedHosts(scope.href) : [];
  const kept = await matchPrecache(request.mode === 'navigate' && isHome ? 'index.html' : request);
  if (kept) return withHeaders(kept, hosts);
  try {
    return withHeaders(await fetch(request), hosts);
  } catch (error) {
    const home = request.mode === 'navigate' ? await matchPrecache('index.html') : undefined;
    if (home) return withHeaders(home);
    throw error;
  }
}

/**
 * The same response with what the host left out. Headers that the host did set stay as they are, but for one: into our own
 * policy (the host's, if it serves the documented one) go the hosts that the person added.
 */
function withHeaders(response: Response, hosts: readonly string[] = []): Response {
  // Opaque redirects and errors must be handed on untouched.
  if (response.type !== 'basic' && response.type !== 'default') return response;
  const merged = new Headers(response.headers);
  let added = false;
  for (const [name, value] of Object.entries(headers)) {
    if (merged.has(name)) continue;
    merged.set(name, value);
    added = true;
  }
  const policy = headers[POLICY];
  if (hosts.length > 0 && merged.get(POLICY) === policy) {
    merged.set(POLICY, withHosts(policy, hosts));
    added = true;
  }
  if (!added) return response;
  const { status, statusText } = response;
  const empty = status === 204 || status === 205 || status === 304;
  return new Response(empty ? null : response.body, { status, statusText, headers: merged });
}

/** Web share target: the photos wait in Cache Storage until the page asks for them. */
async function takeShared(request: Request): Promise<Response> {
  const form = await request.formData();
  const photos = form.getAll('photo').filter((part): part is File => part instanceof File && part.size > 0);
  if (photos.length === 0) return Response.redirect(scope.href, 303);
  await leaveShared(photos, scope);
  return Response.redirect(new URL('?shared=1', scope).href, 303);
}
