/** The thread that gets, checks, shares and removes packs. All that happens here is in `packs/manager.ts`. */
import './trusted-types.ts';
import { expose } from 'comlink';
import { PacksManager } from './packs/manager.ts';

expose(new PacksManager());
