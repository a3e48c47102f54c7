/** Photos that come from outside the page: the share target and "open with" of the installed app. */
import { openFirst, openPhoto } from './openPhoto.ts';

interface LaunchQueue {
  setConsumer: (take: (params: { files: readonly FileSystemFileHandle[] }) => void) => void;
}

declare global {
  interface Window {
    launchQueue?: LaunchQueue;
  }
}

export function listenForArrivals(): void {
  window.launchQueue?.setConsumer(({ files }) => {
    if (files.length > 0) void Promise.all(files.map((handle) => handle.getFile())).then(openFirst);
  });
  if (new URLSearchParams(location.search).has('shared')) void takeShared();
}

/** The service worker left the photo in Cache Storage; it is taken out, so that a reload does not open it again. */
async function takeShared(): Promise<void> {
  const address = new URL(location.href);
  address.searchParams.delete('shared');
  history.replaceState(null, '', address);
  const cache = await caches.open('shared');
  const key = new URL('shared-photo', document.baseURI).href;
  const response = await cache.match(key);
  if (!response) return;
  const blob = await response.blob();
  await cache.delete(key);
  const name = decodeURIComponent(response.headers.get('X-File-Name') ?? '') || 'shared';
  await openPhoto(new File([blob], name, { type: blob.type }));
}
