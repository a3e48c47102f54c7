/** Where pieces come from: a server, or what a person gave. */
import { Download, type DownloadOptions } from './download.ts';
import type { Finish } from './finish.ts';
import { type GivenFolder, givenLicence } from './given.ts';
import { fetchSmall } from './http.ts';
import { MAX_LICENCE_BYTES } from './pack-store.ts';
import { takeIn } from './take-in.ts';

/** Address of the manifest, without credentials, query and fragment; a folder's address is that of the manifest in it. */
export function manifestUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  if (pathname.endsWith('.json')) return `${origin}${pathname}`;
  return `${origin}${pathname.endsWith('/') ? pathname : `${pathname}/`}manifest.json`;
}

export function fromServer(url: string, options: DownloadOptions): Finish['transfer'] {
  return async (writer, activity) => {
    const base = new URL('./', url).href;
    const onBytes = (inFlight: number) => activity.report(writer.done + inFlight);
    const onWaiting = (waiting: boolean) => activity.waiting(waiting);
    await new Download(writer, base, options, { onBytes, onWaiting }, activity.signal).run();
    // Not in the manifest and so not verified: a text that goes along with an export, nothing more.
    const licence = new URL('LICENSE.txt', base).href;
    return fetchSmall(licence, MAX_LICENCE_BYTES, options.stallMs, activity.signal).catch(() => null);
  };
}

export function fromGiven(folder: GivenFolder): Finish['transfer'] {
  return async (writer, activity) => {
    await takeIn(writer, folder, (inFlight) => activity.report(writer.done + inFlight), activity.signal);
    return givenLicence(folder).catch(() => null);
  };
}
