/** The page of streaming.spec.ts and of the bench of streaming: hands the door of its worker to the test. */
import '../../../workers/trusted-types.ts';
import { type Remote, wrap } from 'comlink';
import type { StreamRunner } from './worker.ts';

declare global {
  interface Window {
    __stream: Remote<StreamRunner>;
  }
}

window.__stream = wrap<StreamRunner>(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }));
