import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// LONG=1 (npm run test:long) also runs the files named *.long.test.ts and lets seeded tests take their full size.
const long = process.env.LONG === '1';

export default defineConfig({
  plugins: [react()],
  test: {
    include: ['{src,workers,tools,bench}/**/*.test.{ts,tsx}'],
    exclude: ['**/node_modules/**', ...(long ? [] : ['**/*.long.test.ts'])],
    testTimeout: long ? 600_000 : 60_000,
    hookTimeout: 120_000,
    // Two cores: onnxruntime's wasm threads and too many forks slow one another down.
    maxWorkers: 2,
  },
});
