import type { StateCreator } from 'zustand';
import type {
  GivenPack,
  PackEvent,
  PackList,
  PackOffer,
  StorageFacts,
  StoredId,
  StoredPack,
} from '../../workers/packs/protocol.ts';
import type { Failure } from '../bridge/outcome.ts';
import type { AppState } from './index.ts';

/** Where an offered pack would come from. */
export type PackFrom = { kind: 'url'; url: string } | { kind: 'given'; given: GivenPack };

/** How far adding a pack is. */
export type Adding =
  | { state: 'idle' }
  | { state: 'looking' }
  /** The app has not fetched anything from this host yet: the person decides. */
  | { state: 'host'; host: string; url: string }
  | { state: 'offer'; offer: PackOffer; from: PackFrom }
  | { state: 'failed'; failure: Failure };

/** The last thing that happened with a pack, until the next. */
export type PackNews =
  | { kind: 'failed'; failure: Failure }
  | { kind: 'sound'; bytes: number }
  | { kind: 'broken'; files: string[] }
  | { kind: 'latest' }
  | { kind: 'exported'; bytes: number }
  | { kind: 'stored'; title: string }
  | { kind: 'removed'; title: string; bytes: number };

/** How fast the last whole job went, for estimates. */
export interface Measured {
  pack: StoredId;
  engine: 'webgpu' | 'wasm';
  /** Area of all tiles times steps. */
  pixels: number;
  seconds: number;
}

export interface PacksSlice {
  /** Null until they were looked up. */
  packs: readonly StoredPack[] | null;
  storage: StorageFacts | null;
  /** What comes with the app. */
  ownPack: PackOffer | null;
  /** By `packKey`; '' for what belongs to no pack in the list. */
  packNews: Readonly<Record<string, PackNews>>;
  adding: Adding;
  measured: Measured | null;
  setPacks: (change: Partial<Pick<PacksSlice, 'ownPack' | 'adding' | 'measured'>>) => void;
  setPackList: (list: PackList) => void;
  setPackStatus: (event: PackEvent) => void;
  tellOfPack: (key: string, news: PackNews | null) => void;
}

export const packKey = ({ name, version }: StoredId): string => `${name}@${version}`;

export const packsSlice: StateCreator<AppState, [], [], PacksSlice> = (set) => ({
  packs: null,
  storage: null,
  ownPack: null,
  packNews: {},
  adding: { state: 'idle' },
  measured: null,
  setPacks: (change) => set(change),
  setPackList: ({ packs, storage }) => set({ packs, storage }),
  setPackStatus: ({ id, status }) =>
    set(({ packs }) => ({
      packs: packs?.map((pack) => (packKey(pack.id) === packKey(id) ? { ...pack, status } : pack)) ?? null,
    })),
  tellOfPack: (key, news) =>
    set(({ packNews }) => {
      const { [key]: _before, ...others } = packNews;
      return { packNews: news ? { ...others, [key]: news } : others };
    }),
});
