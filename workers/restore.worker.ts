/** The engine's thread. All that happens here is in `engine.ts`. */
import './trusted-types.ts';
import { expose } from 'comlink';
import { RestoreEngine } from './engine.ts';

expose(new RestoreEngine());
