/** Photos shared to the app, on their way from the service worker to the page. They wait in Cache Storage. */

const CACHE = 'shared';
const NAME = 'X-File-Name';

/** Each under an address of its own: what an earlier share left is still to be taken. */
export async function leaveShared(photos: readonly File[], scope: URL): Promise<void> {
  const cache = await caches.open(CACHE);
  for (const photo of photos) {
    const headers = {
      'Content-Type': photo.type || 'application/octet-stream',
      [NAME]: encodeURIComponent(photo.name),
    };
    await cache.put(new URL(`shared-photo-${crypto.randomUUID()}`, scope), new Response(photo, { headers }));
  }
}

/** In the order in which they were shared. They are taken out, so that a reload does not open them again. */
export async function takeShared(): Promise<File[]> {
  const cache = await caches.open(CACHE);
  const photos: File[] = [];
  for (const request of await cache.keys()) {
    const response = await cache.match(request);
    if (!response) continue;
    const blob = await response.blob();
    await cache.delete(request);
    const name = decodeURIComponent(response.headers.get(NAME) ?? '') || 'shared';
    photos.push(new File([blob], name, { type: blob.type }));
  }
  return photos;
}
