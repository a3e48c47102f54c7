import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';
import pkg from './package.json' with { type: 'json' };
import headers from './src/headers.json' with { type: 'json' };
import { codecFiles, codecModules } from './tools/vite-codecs.ts';
import { fileLimits } from './tools/vite-limits.ts';
import { ortFiles } from './tools/vite-ort.ts';
import { manifest } from './tools/web-manifest.ts';

// Vite's dev client needs an inline script, a socket and a worker to wait for it; everything else is as in production.
const devHeaders = {
  ...headers,
  'Content-Security-Policy': headers['Content-Security-Policy']
    .replace("script-src 'self'", "script-src 'self' 'unsafe-inline'")
    .replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
    .replace("connect-src 'self'", "connect-src 'self' ws:")
    .replace("worker-src 'self'", "worker-src 'self' blob:")
    .replace(/; require-trusted-types-for.*/, ''),
};

export default defineConfig({
  base: './',
  plugins: [
    react(),
    ortFiles(),
    codecFiles(),
    VitePWA({
      strategies: 'injectManifest',
      srcDir: 'src',
      filename: 'sw.ts',
      injectRegister: false,
      registerType: 'prompt',
      manifest,
      // The engine worker keeps packs and ORT's wasm itself; demo photos and screenshots are fetched when wanted.
      injectManifest: {
        globPatterns: ['**/*.{html,js,mjs,css,svg,woff2}', 'icons/*.png'],
        globIgnores: ['packs/**', 'codecs/**', 'demo/**', 'screenshots/**', 'sw.js'],
        maximumFileSizeToCacheInBytes: 4 * 1024 * 1024,
      },
    }),
    fileLimits(),
  ],
  define: { __APP_VERSION__: JSON.stringify(pkg.version) },
  worker: { format: 'es', plugins: () => [codecModules()] },
  // Found only once the worker loads; the page would then be reloaded under the person's hands.
  optimizeDeps: { include: ['comlink', 'zod'] },
  server: { headers: devHeaders },
  preview: { headers },
  build: {
    target: ['chrome120', 'edge120', 'firefox121', 'safari17.4'],
    sourcemap: false,
    // Inlined fonts and images would need data: in the CSP.
    assetsInlineLimit: 0,
  },
});
