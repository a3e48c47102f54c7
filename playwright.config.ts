import { defineConfig } from '@playwright/test';
import { knownBrowser } from './tools/browser.mjs';

const executablePath = knownBrowser();
/** Tests of jobs that are cut off, and of the pages: none of them takes times, so two of them fit on two cores. */
const JOBS = /\/(background|survive)\.spec\.ts$/;
const PAGES =
  /\/(access|auto|bad-input|csp|hosting|no-storage|offline|packs|packs-ui|phone|photos|queue|queue-folder|results|update)\.spec\.ts$/;
/** Tests of WebGPU: without a GPU they wait for shaders, which SwiftShader compiles on one core, so that two of them fit as well. */
const GPU = /\/(conformance|memory|streaming|survive-gpu|true-width|webgpu)\.spec\.ts$/;
/** One thread an engine: beside another browser, threads would wait for those that have no core. */
const BESIDE = { threads: 1 };
/**
 * Chromium draws its address bar's popup in a process of its own for each window, a sixth of what a fresh page of ours costs.
 * The last such argument counts, so those of Playwright's own that matter here are named again.
 */
const WITHOUT = [
  'WebUIOmniboxAimPopup',
  'AimEnabled',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsFirstBalancedModeAutoEnable',
  'HttpsUpgrades',
  'NetworkTimeServiceQuerying',
  'OptimizationHints',
  'PaintHolding',
  'PreconnectToSearch',
  'ThirdPartyStoragePartitioning',
];
const PORT = Number(process.env.E2E_PORT ?? 4317);

export default defineConfig({
  testDir: 'e2e',
  // One browser at a time: the engine itself uses both cores of a small machine, and `engine` takes times. `npm test`
  // gives the others two.
  workers: 1,
  projects: [
    // Few and long, so they come first: the short ones of the pages fill up what is left of the two workers at the end.
    { name: 'gpu', testMatch: GPU, outputDir: 'test-results/gpu' },
    { name: 'jobs', testMatch: JOBS, outputDir: 'test-results/jobs', metadata: BESIDE },
    { name: 'pages', testMatch: PAGES, outputDir: 'test-results/pages', metadata: BESIDE },
    { name: 'engine', testIgnore: [GPU, JOBS, PAGES], outputDir: 'test-results/engine' },
  ],
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
        // Shared memory is zeroed by a loop of the shader; by the extension, SwiftShader compiles a store for each element.
        '--disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension',
        `--disable-features=${WITHOUT.join()}`,
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
