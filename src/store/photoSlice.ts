import type { StateCreator } from 'zustand';
import type { PhotoInfo, Proposal } from '../../workers/protocol.ts';
import type { AppState } from './index.ts';

export interface Photo {
  name: string;
  info: PhotoInfo;
  /** The photo as given, fitted for the screen. */
  view: ImageBitmap;
  /** Its task is known, e.g. of a demo photo: no proposal takes its place. */
  keepsTask?: boolean;
}

export interface PhotoSlice {
  photo: Photo | null;
  opening: boolean;
  /** What the pack proposes for the photo; null while it is not known. */
  proposal: Proposal | null;
  setProposal: (proposal: Proposal | null) => void;
  setOpening: (opening: boolean) => void;
  setPhoto: (photo: Photo | null) => void;
}

export const photoSlice: StateCreator<AppState, [], [], PhotoSlice> = (set, get) => ({
  photo: null,
  opening: false,
  proposal: null,
  setProposal: (proposal) => set({ proposal }),
  setOpening: (opening) => set({ opening }),
  setPhoto: (photo) => {
    const earlier = get().photo;
    if (earlier && earlier.view !== photo?.view) earlier.view.close();
    get().resetJob();
    get().resetResults();
    set({ photo, proposal: null, opening: false, view: null, split: 0.5, showOriginal: false });
  },
});
