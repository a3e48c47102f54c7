/** Files that come in by a way that no picker takes part in. */
import type { Page } from '@playwright/test';
import type { DroppedFile } from './files.ts';

declare global {
  interface Window {
    /** Put there by `installLaunchQueue`. */
    openWith: (params: { files: readonly Pick<FileSystemFileHandle, 'getFile'>[] }) => void;
  }
}

/** For the page, before the app: stands for the browser's queue of files that were opened with the installed app. */
export function installLaunchQueue(): void {
  const queue = { setConsumer: (take: typeof window.openWith) => Object.assign(window, { openWith: take }) };
  Object.defineProperty(window, 'launchQueue', { value: queue, configurable: true });
}

/** Answers whether the app keeps the browser from opening the files in its place. */
export function arrive(
  page: Page,
  way: 'drop' | 'paste' | 'open with',
  files: readonly DroppedFile[],
): Promise<boolean> {
  return page.evaluate(
    ([how, given]) => {
      const list = given.map(({ name, type, bytes }) => new File([new Uint8Array(bytes)], name, { type }));
      if (how === 'open with') {
        window.openWith({ files: list.map((file) => ({ getFile: async () => file })) });
        return true;
      }
      const data = new DataTransfer();
      for (const file of list) data.items.add(file);
      const event =
        how === 'paste'
          ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })
          : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
      document.body.dispatchEvent(event);
      return event.defaultPrevented;
    },
    [way, files.map(({ name, mimeType, buffer }) => ({ name, type: mimeType, bytes: [...buffer] }))] as const,
  );
}
