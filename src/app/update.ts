/**
 * New versions of the app. The service worker of the new version waits until the person asks for it; only then, and only
 * in the tab where that was asked, the page reloads: a reload closes the open photo.
 */

/**
 * Registers the service worker.
 *
 * @param onReady told once for each new version that waits; `change` puts it in force and reloads the page
 */
export async function registerWorker(onReady: (change: () => void) => void): Promise<void> {
  if (document.readyState !== 'complete') {
    await new Promise((resolve) => window.addEventListener('load', resolve, { once: true }));
  }
  const container = navigator.serviceWorker;
  const registration = await container.register(new URL('sw.js', document.baseURI)).catch(() => null);
  // Without it the app works, only not offline.
  if (!registration) return;
  let asked = false;
  container.addEventListener('controllerchange', () => {
    if (asked) location.reload();
  });
  const change = () => {
    asked = true;
    // Another tab may have put it in force already.
    if (registration.waiting) registration.waiting.postMessage({ type: 'SKIP_WAITING' });
    else location.reload();
  };
  registration.addEventListener('updatefound', () => {
    const next = registration.installing;
    next?.addEventListener('statechange', () => {
      // On the first visit there is no older version to change from.
      if (next.state === 'installed' && registration.active) onReady(change);
    });
  });
  if (registration.waiting && registration.active) onReady(change);
}
