/** The thread that hashes pieces of packs and writes them while the next ones come. */
import './trusted-types.ts';
import { expose, transfer } from 'comlink';
import { openOpfs } from './packs/opfs.ts';
import { OpenFiles } from './packs/piece-files.ts';
import type { PieceApi } from './packs/piece-thread.ts';

const opened = openOpfs().then((disk) => disk && new OpenFiles(disk));

async function files(): Promise<OpenFiles> {
  const known = await opened;
  if (!known) throw new Error('no file system');
  return known;
}

const api: PieceApi = {
  ready: async () => (await opened) !== null,
  reserve: async (path, bytes) => (await files()).reserve(path, bytes),
  put: async (path, at, buffer, bytes, sha256) => {
    const good = await (await files()).putBytes(path, at, new Uint8Array(buffer, 0, bytes), sha256);
    return transfer({ good, buffer }, [buffer]);
  },
  read: async (path, at, bytes) => {
    const found = await (await files()).read(path, at, bytes);
    return transfer(found, [found.buffer]);
  },
  flush: async () => (await files()).flush(),
  close: async () => (await files()).close(),
};

expose(api);
