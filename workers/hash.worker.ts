/** The thread that hashes pieces of packs while the next ones come and are written. */
import './trusted-types.ts';
import { expose, transfer } from 'comlink';
import type { HashApi } from './packs/hasher.ts';
import { sha256Hex } from './packs/store.ts';

const api: HashApi = {
  ready: async () => true,
  hash: async (buffer, bytes) => {
    const hex = await sha256Hex(new Uint8Array(buffer, 0, bytes));
    return transfer({ hex, buffer }, [buffer]);
  },
};

expose(api);
