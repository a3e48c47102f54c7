/** Packs that a person gave: a folder, a list of files out of one, or a ZIP. */
import { EngineError } from '../errors.ts';
import { chunksOf } from './disk.ts';
import { MAX_MANIFEST_BYTES } from './manifest-load.ts';
import { MAX_LICENCE_BYTES } from './pack-store.ts';
import type { GivenPack, PackOrigin } from './protocol.ts';
import { openZip } from './zip.ts';

/** The pack's folder in what was given: files are asked for by their plain names. */
export interface GivenFolder {
  readonly origin: Extract<PackOrigin, { kind: 'folder' | 'zip' }>;
  /** Size in bytes as far as it can be known beforehand; null when there is no such file. */
  size(name: string): Promise<number | null>;
  /** Reads from `at` on. A ZIP is unpacked from the start of the file, so there `at` only skips. */
  read(name: string, at: number): Promise<ReadableStream<Uint8Array>>;
  close(): Promise<void>;
}

const MANIFEST = 'manifest.json';
/** More files than any pack has: a person may drop their whole disk. */
export const MAX_GIVEN = 20_000;

/** @throws EngineError 'pack-missing' when there is no manifest in it, 'pack-damaged' when it can't be told which */
export async function openGiven(given: GivenPack): Promise<GivenFolder> {
  switch (given.kind) {
    case 'zip':
      return openZip(given.file);
    case 'folder':
      return fromHandle(given.handle);
    case 'files': {
      const files = new Map(given.files.slice(0, MAX_GIVEN).map(({ path, file }) => [path, file]));
      const prefix = packPrefix([...files.keys()]);
      return {
        origin: { kind: 'folder', label: given.label },
        size: async (name) => files.get(prefix + name)?.size ?? null,
        read: async (name, at) => streamOf(files.get(prefix + name), name, at),
        close: async () => undefined,
      };
    }
  }
}

/**
 * The part of the paths before `manifest.json`, of the one that lies highest.
 *
 * @throws EngineError 'pack-missing', 'pack-damaged'
 */
export function packPrefix(paths: readonly string[]): string {
  const depth = (path: string) => path.split('/').length;
  const found = paths.filter((path) => path === MANIFEST || path.endsWith(`/${MANIFEST}`));
  const least = Math.min(...found.map(depth));
  const [highest, another] = found.filter((path) => depth(path) === least);
  if (highest === undefined) throw new EngineError('pack-missing', `there is no ${MANIFEST} in it`, { file: MANIFEST });
  if (another !== undefined)
    throw new EngineError('pack-damaged', `There are several packs in it: ${highest}, ${another}.`);
  return highest.slice(0, -MANIFEST.length);
}

async function fromHandle(handle: FileSystemDirectoryHandle): Promise<GivenFolder> {
  const fileIn = async (folder: FileSystemDirectoryHandle, name: string): Promise<File | null> => {
    try {
      return await (await folder.getFileHandle(name)).getFile();
    } catch (error) {
      if (error instanceof DOMException && (error.name === 'NotFoundError' || error.name === 'TypeMismatchError'))
        return null;
      throw error;
    }
  };
  const inside: FileSystemDirectoryHandle[] = [];
  if (await fileIn(handle, MANIFEST)) inside.push(handle);
  else {
    for await (const entry of handle.values()) {
      if (entry.kind === 'directory' && (await fileIn(entry, MANIFEST))) inside.push(entry);
    }
  }
  const [folder, another] = inside;
  if (!folder) throw new EngineError('pack-missing', `there is no ${MANIFEST} in it`, { file: MANIFEST });
  if (another) throw new EngineError('pack-damaged', `There are several packs in it: ${folder.name}, ${another.name}.`);
  return {
    origin: { kind: 'folder', label: handle.name },
    size: async (name) => (await fileIn(folder, name))?.size ?? null,
    read: async (name, at) => streamOf(await fileIn(folder, name), name, at),
    close: async () => undefined,
  };
}

function streamOf(file: File | null | undefined, name: string, at: number): ReadableStream<Uint8Array> {
  if (!file) throw new EngineError('pack-missing', `${name} is not in it`, { file: name });
  return file.slice(at).stream();
}

/** A small file as a whole; null when it is not there. @throws EngineError 'pack-damaged' when it is longer than `limit` */
export async function readGiven(
  given: GivenFolder,
  name: string,
  limit: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const size = await given.size(name);
  if (size === null) return null;
  const damaged = () => new EngineError('pack-damaged', `${name} is longer than ${limit} bytes.`, { file: name });
  if (size > limit) throw damaged();
  const whole = new Uint8Array(size);
  let length = 0;
  for await (const part of chunksOf(await given.read(name, 0))) {
    if (length + part.byteLength > size) throw damaged();
    whole.set(part, length);
    length += part.byteLength;
  }
  return whole.subarray(0, length);
}

export async function givenManifest(given: GivenFolder): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readGiven(given, MANIFEST, MAX_MANIFEST_BYTES);
  if (!bytes) throw new EngineError('pack-missing', `there is no ${MANIFEST} in it`, { file: MANIFEST });
  return bytes;
}

export const givenLicence = (given: GivenFolder) => readGiven(given, 'LICENSE.txt', MAX_LICENCE_BYTES);
