import { useLayoutEffect } from 'react';
import { useApp } from '../store/index.ts';
import { type Action, actions, perform } from './actions.ts';
import { isMac, meansKey } from './keys.ts';

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
      // A radio keeps Enter for itself even with Ctrl; with Mod only text fields keep theirs.
      const isUsed = event.defaultPrevented && !event.ctrlKey && !event.metaKey;
      if (isUsed || isTaken(event)) return;
      const typed = event.target instanceof Element && event.target.matches(TYPED);
      const where = { mac, typed, singleKeys: useApp.getState().settings.singleKeys };
      const found = actions.find((one) => one.keys.some((key) => meansKey(event, key, where)));
      if (!found || (found.offered && !found.offered())) return;
      const state = useApp.getState();
      const refused = !found.enabled(state);
      if (refused && !found.refusal?.(state)) return;
      event.preventDefault();
      if (event.repeat && (found.release || refused)) return;
      if (found.release) held = found;
      perform(found);
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
  const { dialog, leave } = useApp.getState();
  const target = event.target instanceof Element ? event.target : null;
  if (dialog !== null || leave !== null || target?.closest('[role=dialog], [role=alertdialog], [role=listbox]'))
    return true;
  return event.key === ' ' && target !== null && target.matches(PRESSED);
}
