import { useLayoutEffect } from 'react';
import { useApp } from '../store/index.ts';
import { type Action, actions } from './actions.ts';
import { isMac, isSingleKey, matchesKey } from './keys.ts';

const TYPED = 'input:not([type=radio]):not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]';
const PRESSED = 'button, a, input, [role=button], [role=radio], [role=switch], [role=option], [role=combobox]';

const mac = isMac(navigator.platform);

/** One listener for the keys of all actions. Keys stay where they mean something already: text fields, buttons, dialogs. */
export function useHotkeys(): void {
  // Before the first paint: whoever sees the app may press a key.
  useLayoutEffect(() => {
    let held: Action | null = null;
    const release = () => {
      held?.release?.();
      held = null;
    };
    const down = (event: KeyboardEvent) => {
      // A radio keeps Enter for itself even with Ctrl; with Mod the keys are always ours.
      const isUsed = event.defaultPrevented && !event.ctrlKey && !event.metaKey;
      if (isUsed || isTaken(event)) return;
      const found = actions.find((one) => one.keys.some((key) => matchesKey(event, key, mac)));
      if (!found || (found.offered && !found.offered()) || !found.enabled(useApp.getState())) return;
      event.preventDefault();
      if (event.repeat && found.release) return;
      if (found.release) held = found;
      found.run();
    };
    const stop = new AbortController();
    const { signal } = stop;
    window.addEventListener('keydown', down, { signal });
    window.addEventListener('keyup', release, { signal });
    window.addEventListener('blur', release, { signal });
    return () => stop.abort();
  }, []);
}

function isTaken(event: KeyboardEvent): boolean {
  const { dialog, settings } = useApp.getState();
  const target = event.target instanceof Element ? event.target : null;
  if (dialog !== null || target?.closest('[role=dialog], [role=alertdialog], [role=listbox]')) return true;
  if (target?.matches(TYPED) && !event.ctrlKey && !event.metaKey && event.key !== 'Escape') return true;
  if (event.key === ' ' && target?.matches(PRESSED)) return true;
  return !settings.singleKeys && isSingleKey(event.key);
}
