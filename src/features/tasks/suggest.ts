/** Asks the engine which task a photo needs, as soon as both are there, and chooses it unless the person has chosen one. */
import type { Proposal } from '../../../workers/protocol.ts';
import { engine } from '../../app/engine.ts';
import { fail, type Result } from '../../bridge/outcome.ts';
import { type AppState, useApp } from '../../store/index.ts';
import type { Photo } from '../../store/photoSlice.ts';

/** For whom it was asked last: a photo, and the pack that was asked. */
let asked: { photo: Photo; pack: string } | null = null;

/** Asks for every photo, once with each pack. */
export function watchPhotos(): void {
  useApp.subscribe((state, before) => {
    if (state.photo === before.photo && state.engine === before.engine) return;
    const { photo } = state;
    const pack = packOf(state);
    if (!photo || pack === null || state.job === 'running') return;
    if (asked?.photo === photo && asked.pack === pack) return;
    // What another pack proposed would pass for the answer of this one.
    if (asked?.photo === photo) state.setProposal(null);
    asked = { photo, pack };
    void proposalOf(photo);
  });
}

/** The pack that can be asked; null while there is none. */
function packOf({ engine: state }: AppState): string | null {
  if (state.state !== 'ready' || !state.pack.auto) return null;
  return `${state.pack.name}@${state.pack.version}`;
}

/** The proposal for the open photo: the one that is known, else the engine's. A job that runs keeps its task. */
export async function proposalOf(photo: Photo): Promise<Result<Proposal>> {
  const known = useApp.getState().photo === photo ? useApp.getState().proposal : null;
  if (known) return { ok: true, value: known };
  const answer = await engine.propose();
  if (!answer.ok) return answer;
  if (answer.value === null) return fail('internal', 'the pack proposes no task');
  const { photo: now, job, picked, setProposal, choose } = useApp.getState();
  if (now === photo) {
    setProposal(answer.value);
    if (!picked && !photo.keepsTask && job !== 'running') choose({ task: choiceFor(answer.value) });
  }
  return { ok: true, value: answer.value };
}

/** Auto leaves a photo alone that looks clean. */
const choiceFor = ({ top, task }: Proposal) => (top === 'clean' ? 'auto' : task);

/** For people: whole percents, and never 100. */
export function percent(sure: number, language: string): string {
  const shown = Math.min(0.99, Math.floor(sure * 100) / 100);
  return new Intl.NumberFormat(language, { style: 'percent' }).format(shown);
}
