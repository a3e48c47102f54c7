/** What closes the open photo, or opens another in its place. Its results go with it. */
import { useApp } from '../store/index.ts';
import { hasUnsaved } from '../store/resultsSlice.ts';

/** Does it; where results that were not saved would go with it, once that was answered. */
export function leavePhoto(run: () => void): void {
  const state = useApp.getState();
  if (hasUnsaved(state)) state.setResults({ leave: run });
  else run();
}
