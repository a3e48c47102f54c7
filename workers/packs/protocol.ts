/**
 * What the page and the packs worker say to each other (over comlink): getting, checking, mending, sharing and removing
 * packs. Types only.
 *
 * Packs have a worker of their own. The engine's worker is ended when a job is cancelled or hangs, and its thread stands
 * still during a graph call on the processor: a download must go through both. And only one tab has the engine, but
 * every tab may look after packs.
 */
import type { Outcome } from '../protocol.ts';
import type { Part, TaskId } from './manifest.ts';

/** A pack on this machine: the manifest's name and version. */
export interface StoredId {
  name: string;
  version: string;
}

/** Where the engine takes a pack from: a folder that is served (ends in "/"), or what is stored on this machine. */
export type PackSource = { kind: 'url'; url: string } | ({ kind: 'stored' } & StoredId);

/** Where a stored pack came from. `url` is the manifest's address without credentials; a broken piece is fetched from there. */
export type PackOrigin = { kind: 'url'; url: string } | { kind: 'folder' | 'zip'; label: string };

/** Files that a person gave: their path inside the folder that was picked or dropped ("pack/manifest.json"). */
export interface GivenFile {
  path: string;
  file: File;
}

/** A folder as a list of files (drag-in, `webkitdirectory`), a folder handle (File System Access), or a ZIP. */
export type GivenPack =
  | { kind: 'files'; label: string; files: GivenFile[] }
  | { kind: 'folder'; handle: FileSystemDirectoryHandle }
  | { kind: 'zip'; file: File };

/** Bytes and work of a pack, from its manifest alone. Byte counts of the GPU are for mode f16. */
export interface PackNeeds {
  /** All files together. */
  bytes: number;
  /** Bytes that still have to come: less than `bytes` where some are stored (resume, update). */
  toFetch: number;
  /** Weights when all of them stay on the GPU. */
  gpuWeights: number;
  /** The least that works: the two largest blocks, one of them being filled while the other runs. */
  gpuWeightsLeast: number;
  /** Activations of the transformer at the pack's own tile, about. */
  gpuActivations: number;
  /** The largest single buffer, to be held against `maxStorageBufferBindingSize`. */
  gpuLargestBuffer: number;
  /** Multiply-adds of the transformer for one step of one tile of `tile` px, both branches of guidance included. */
  macsPerStep: number;
  tile: number;
  steps: { min: number; default: number; max: number };
  /** The language model's states are baked: it never sees the photo, an approximation that the authors did not test. */
  baked: boolean;
}

/** Why a pack can't be taken or run; `not-enough-room` rests on the browser's estimate, which may be wrong. */
export type Obstacle =
  | { code: 'no-storage' }
  | { code: 'pack-incomplete'; parts: Part[] }
  | { code: 'not-enough-room'; missing: number };

/** What is known of a pack before anything but its manifest was read. */
export interface PackOffer {
  id: StoredId;
  title: string;
  licence: string;
  /** The manifest's own words on where the weights come from. */
  source: string;
  tasks: TaskId[];
  parts: Part[];
  needs: PackNeeds;
  obstacles: Obstacle[];
  /** `stored`: all of it is here already; `partial`: begun earlier. */
  here: 'no' | 'partial' | 'stored';
}

/** The browser's estimates; `free` is quota minus usage. Null where it gives none. */
export interface StorageFacts {
  /** False where there is no private file system (some private windows): nothing can be stored then. */
  available: boolean;
  usage: number | null;
  free: number | null;
}

interface Amount {
  /** Never falls while a pack is got, also when pieces have to come again. */
  done: number;
  total: number;
}

export type PackStatus =
  /** Nothing under way: complete, or begun earlier and left (`StoredPack.complete` tells). */
  | { state: 'idle' }
  /** bytes a second over the last seconds; null until that is known */
  | ({ state: 'downloading' | 'importing' | 'verifying'; rate: number | null; secondsLeft: number | null } & Amount)
  /** The network is gone; goes on by itself when it is back. */
  | ({ state: 'waiting' } & Amount)
  | ({ state: 'paused' } & Amount)
  | { state: 'done' }
  | {
      state: 'failed';
      code: Extract<Outcome<never>, { ok: false }>['code'];
      detail: string;
      values: Record<string, string | number>;
    };

export interface PackEvent {
  id: StoredId;
  status: PackStatus;
}

export interface StoredPack {
  id: StoredId;
  title: string;
  licence: string;
  source: string;
  origin: PackOrigin;
  tasks: TaskId[];
  parts: Part[];
  needs: PackNeeds;
  /** Bytes of files on this machine; of a pack that is begun, the verified ones. */
  onDisk: number;
  complete: boolean;
  /** ms since 1970. */
  added: number;
  lastUsed: number | null;
  /** Of this tab; what other tabs do shows as `busyElsewhere`. */
  status: PackStatus;
  busyElsewhere: boolean;
}

export interface PackList {
  packs: StoredPack[];
  storage: StorageFacts;
}

export interface VerifyReport {
  /** Bytes that were read and hashed. */
  bytes: number;
  /** Files with pieces that are missing or not what the manifest says. They are no longer used until repaired. */
  broken: { file: string; pieces: number[] }[];
}

/** Of how a download goes about it; absent values are the defaults. For tests, mostly. */
export interface TransferOptions {
  /** Requests at the same time, 1 to 8; default 4. */
  parallel?: number;
  /** A request without a byte for this long is given up and made again; default 20000 ms. */
  stallMs?: number;
  /** Pause before the second try, doubled with each one up to 30 s; default 500 ms. */
  retryMs?: number;
  /** Tries of one piece without any success before the download stops; default 7. */
  tries?: number;
}

export interface PacksApi {
  /** Told of every change of status; one listener a worker. */
  watch(onEvent: (event: PackEvent) => void): Promise<void>;
  list(): Promise<Outcome<PackList>>;
  /**
   * Fetches and checks a manifest, nothing else.
   *
   * @param url of `manifest.json`, or of its folder
   * Fails with 'pack-unreachable', 'pack-missing', 'pack-damaged', 'host-blocked'.
   */
  inspect(url: string): Promise<Outcome<PackOffer>>;
  /** The same for a folder or ZIP that a person gave. Fails with 'pack-missing' without a manifest, 'pack-damaged'. */
  inspectGiven(given: GivenPack): Promise<Outcome<PackOffer>>;
  /**
   * Gets what is missing and answers when the pack is complete. Also takes up a download that was paused, failed, or cut
   * off with its tab, and an update: what an older version has in common is not fetched again, and older versions are
   * removed once the new one is complete.
   * Fails with 'cancelled' after `pause` or `cancel`, 'storage-full' (values: needed, free, missing, removable bytes),
   * 'pack-unreachable', 'pack-missing', 'pack-damaged', 'pack-changed', 'pack-busy', 'no-storage', 'host-blocked'.
   * Everything verified stays stored, except after `cancel`.
   */
  download(url: string, options?: TransferOptions): Promise<Outcome<StoredId>>;
  /** The same, from where the stored pack came. */
  resume(id: StoredId, options?: TransferOptions): Promise<Outcome<StoredId>>;
  /** Reads, verifies and stores what a person gave; answers when it is complete. A broken pack keeps its good pieces. */
  importGiven(given: GivenPack): Promise<Outcome<StoredId>>;
  pause(id: StoredId): Promise<void>;
  /** Stops and deletes what the pack had stored. A complete pack stays, and so does one that is being checked. */
  cancel(id: StoredId): Promise<void>;
  /** Reads and hashes all of a pack ("Check now"). From the first broken piece on it is not used, also when this is stopped. */
  verify(id: StoredId): Promise<Outcome<VerifyReport>>;
  /** Gets the broken pieces again, from its origin or from `given`. */
  repair(id: StoredId, given?: GivenPack): Promise<Outcome<StoredId>>;
  /** Fails with 'pack-busy' while a tab uses or changes it. */
  remove(id: StoredId): Promise<Outcome<{ freed: number }>>;
  /** What the origin has now; null when that is what is stored, or when the pack came from a folder or ZIP. */
  checkUpdate(id: StoredId): Promise<Outcome<PackOffer | null>>;
  /** Writes the pack's files into a folder of that name inside `folder`. Fails with 'pack-damaged' on a broken file. */
  exportTo(id: StoredId, folder: FileSystemDirectoryHandle): Promise<Outcome<{ files: number; bytes: number }>>;
}
