import { useLayoutEffect } from 'react';
import { useApp } from '../../store/index.ts';
import { droppedFiles } from '../queue/collect.ts';
import { openAll, openFirst } from './openPhoto.ts';

const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;

/** A photo can be dropped anywhere on the page, or pasted. */
export function useDropAndPaste(): void {
  useLayoutEffect(() => {
    const { setUi } = useApp.getState();
    // Each element under the pointer sends its own enter and leave: the overlay goes when they cancel out.
    let depth = 0;
    const enter = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth++;
      setUi({ dragging: true });
    };
    const leave = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      depth = Math.max(0, depth - 1);
      if (depth === 0) setUi({ dragging: false });
    };
    const over = (event: DragEvent) => {
      if (hasFiles(event)) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      depth = 0;
      setUi({ dragging: false });
      if (!event.dataTransfer || !hasFiles(event)) return;
      event.preventDefault();
      const { hasFolder, files } = droppedFiles(event.dataTransfer);
      void files.then(hasFolder ? openAll : openFirst);
    };
    const paste = (event: ClipboardEvent) => {
      const files = event.clipboardData?.files;
      if (!files || files.length === 0) return;
      event.preventDefault();
      openFirst(files);
    };
    const stop = new AbortController();
    const { signal } = stop;
    window.addEventListener('dragenter', enter, { signal });
    window.addEventListener('dragleave', leave, { signal });
    window.addEventListener('dragover', over, { signal });
    window.addEventListener('drop', drop, { signal });
    window.addEventListener('paste', paste, { signal });
    return () => stop.abort();
  }, []);
}
