/** The app's one door to stored packs. */
import { PacksBridge } from '../bridge/packs.ts';
import { useApp } from '../store/index.ts';

type Listener = ConstructorParameters<typeof PacksBridge>[0];

const listeners = new Set<Listener>();

export const packs = new PacksBridge((event) => {
  useApp.getState().setPackStatus(event);
  for (const listener of listeners) listener(event);
});

/** Tells `listener` of every change of a pack's status. Answers a function that ends that. */
export function onPackEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
