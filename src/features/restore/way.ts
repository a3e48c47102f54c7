/** How the next job goes through the photo, where the pack's weights are streamed and every tile takes its time. */
import type { Way } from '../../../workers/protocol.ts';
import type { AppState } from '../../store/index.ts';
import { useApp } from '../../store/index.ts';
import { place } from '../compare/viewActions.ts';

export type Area = Extract<Way, { kind: 'area' }>;

/** Whether the ways are a question: the weights of some blocks come from the disk again and again. */
export function asksWay({ engine }: Pick<AppState, 'engine'>): boolean {
  return engine.state === 'ready' && (engine.pack.memory?.streamed ?? 0) > 0;
}

/** The part of the photo that is on the stage, in px; null while all of it is. */
export function visibleArea(): Area | null {
  const now = place();
  if (!now || useApp.getState().view === null) return null;
  const { view, photo, stage } = now;
  const axis = (offset: number, whole: number, room: number): [number, number] => {
    const from = Math.max(0, Math.floor(-offset / view.scale));
    const to = Math.min(whole, Math.ceil((room - offset) / view.scale));
    return [from, Math.max(1, to - from)];
  };
  const [x, width] = axis(view.x, photo.width, stage.width);
  const [y, height] = axis(view.y, photo.height, stage.height);
  return width >= photo.width && height >= photo.height ? null : { kind: 'area', x, y, width, height };
}

/** What a request says of the way; nothing for every tile at full size. */
export function chosenWay(): { way?: Way } {
  const state = useApp.getState();
  if (!asksWay(state) || state.way === 'tiles') return {};
  if (state.way === 'whole') return { way: { kind: 'whole' } };
  const area = visibleArea();
  return area ? { way: area } : {};
}
