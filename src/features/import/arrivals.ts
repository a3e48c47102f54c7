/** Photos that come from outside the page: the share target and "open with" of the installed app. */
import { takeShared } from '../../bridge/shared.ts';
import { openFirst } from './openPhoto.ts';

interface LaunchQueue {
  setConsumer: (take: (params: { files: readonly FileSystemFileHandle[] }) => void) => void;
}

declare global {
  interface Window {
    launchQueue?: LaunchQueue;
  }
}

/** @param queueFound several photos go behind those that the last visit left in the queue: that one must be there first */
export function listenForArrivals(queueFound: Promise<void>): void {
  const open = async (files: readonly File[]) => {
    await queueFound;
    if (files.length > 0) openFirst(files);
  };
  window.launchQueue?.setConsumer(({ files }) => {
    void Promise.all(files.map((handle) => handle.getFile())).then(open);
  });
  const address = new URL(location.href);
  if (!address.searchParams.has('shared')) return;
  address.searchParams.delete('shared');
  history.replaceState(null, '', address);
  void takeShared().then(open);
}
