import { useEffect } from 'react';
import { useApp } from '../store/index.ts';
import { hasUnsaved } from '../store/resultsSlice.ts';

/** The browser asks before the tab is closed or loaded again while results were not saved. */
export function useUnloadGuard(): void {
  const unsaved = useApp(hasUnsaved);
  useEffect(() => {
    // Only then: with such a listener some browsers load the page anew when somebody comes back to it.
    if (!unsaved) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [unsaved]);
}
