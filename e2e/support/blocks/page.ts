/** The page of true-width.spec.ts: hands the door of its worker to the test. */
// First, as in the app: the server's headers ask for a policy.
import '../../../workers/trusted-types.ts';
import { type Remote, wrap } from 'comlink';
import type { BlockRunner } from './worker.ts';

declare global {
  interface Window {
    __blocks: Remote<BlockRunner>;
  }
}

window.__blocks = wrap<BlockRunner>(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }));
