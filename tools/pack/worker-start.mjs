// Threads start here: this registers the loader for TypeScript, whatever the main thread runs under (tsx or Vitest).
import { register } from 'tsx/esm/api';

register();
await import('./worker.ts');
