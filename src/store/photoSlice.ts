import type { StateCreator } from 'zustand';
import type { PhotoInfo } from '../../workers/protocol.ts';
import type { AppState } from './index.ts';

export interface Photo {
  name: string;
  info: PhotoInfo;
  /** The photo as given, fitted for the screen. */
  view: ImageBitmap;
}

export interface PhotoSlice {
  photo: Photo | null;
  opening: boolean;
  setOpening: (opening: boolean) => void;
  setPhoto: (photo: Photo | null) => void;
}

export const photoSlice: StateCreator<AppState, [], [], PhotoSlice> = (set, get) => ({
  photo: null,
  opening: false,
  setOpening: (opening) => set({ opening }),
  setPhoto: (photo) => {
    const earlier = get().photo;
    if (earlier && earlier.view !== photo?.view) earlier.view.close();
    get().resetJob();
    set({ photo, opening: false, view: null, split: 0.5, showOriginal: false });
  },
});
