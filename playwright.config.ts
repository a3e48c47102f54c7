import { defineConfig } from '@playwright/test';
import { knownBrowser } from './tools/browser.mjs';

const executablePath = knownBrowser();
const PORT = Number(process.env.E2E_PORT ?? 4317);

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  // One browser at a time: the engine itself uses both cores of a small machine.
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  // A test that fails is run once more: a second failure counts, a pass is named as flaky at the end of `npm test`.
  retries: 1,
  timeout: 180_000,
  expect: { timeout: 20_000 },
  reporter: [['list'], ['json', { outputFile: 'test-results/playwright.json' }]],
  use: {
    baseURL: `http://localhost:${PORT}/`,
    viewport: { width: 1280, height: 800 },
    locale: 'en-GB',
    colorScheme: 'light',
    trace: 'off',
    screenshot: 'only-on-failure',
    launchOptions: {
      ...(executablePath ? { executablePath } : {}),
      // SwiftShader gives a WebGPU adapter without a GPU; the rest keeps Chromium from calling home.
      args: [
        '--no-sandbox',
        '--enable-unsafe-webgpu',
        '--use-webgpu-adapter=swiftshader',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  webServer: {
    command: `node tools/serve.mjs --port ${PORT} --strict-port --quiet`,
    url: `http://localhost:${PORT}/`,
    reuseExistingServer: false,
  },
});
