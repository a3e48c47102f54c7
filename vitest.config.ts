import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// LONG=1 (npm run test:long) also runs the files named *.long.test.ts and lets seeded tests take their full size.
const long = process.env.LONG === '1';

const files = (folders: string) => ({
  include: [`${folders}/**/*.test.{ts,tsx}`],
  exclude: ['**/node_modules/**', ...(long ? [] : ['**/*.long.test.ts'])],
});

export default defineConfig({
  plugins: [react()],
  test: {
    projects: [
      // The pipeline keeps nothing between calls, so that its test files share a process: half the processor time.
      { extends: true, test: { name: 'workers', ...files('workers'), isolate: false } },
      { extends: true, test: { name: 'app and tools', ...files('{src,tools,bench}') } },
    ],
    testTimeout: long ? 600_000 : 60_000,
    hookTimeout: 120_000,
    // Two cores: onnxruntime's wasm threads and too many forks slow one another down.
    maxWorkers: 2,
  },
});
