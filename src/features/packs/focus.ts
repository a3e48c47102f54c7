/** Buttons come and go with what a pack is doing. The focus of those who use the keyboard must not fall out of the list. */
import { type RefObject, useEffect, useRef } from 'react';

/** The element that had the focus is gone: the browser gives it to the page, the dialog takes it to itself. */
export const isFocusLost = (): boolean => {
  const { activeElement } = document;
  return !activeElement || activeElement === document.body || activeElement.matches('[role=dialog]');
};

/** After each change of a card: its first button gets the focus when the one that had it is gone. */
export function useKeptFocus(card: RefObject<HTMLElement | null>): void {
  const had = useRef(false);
  useEffect(() => {
    const element = card.current;
    if (!element) return;
    const stop = new AbortController();
    const { signal } = stop;
    element.addEventListener('focusin', () => (had.current = true), { signal });
    element.addEventListener(
      'focusout',
      (event) => {
        if (event.relatedTarget) had.current = false;
      },
      { signal },
    );
    return () => stop.abort();
  }, [card]);
  useEffect(() => {
    if (!had.current || !isFocusLost()) return;
    card.current?.querySelector<HTMLElement>('.pack-buttons button:enabled')?.focus({ preventScroll: true });
  });
}
