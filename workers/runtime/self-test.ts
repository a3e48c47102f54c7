/** Runs the self-test cases on a device and compares with the JavaScript answers. */
import type { Tensor } from 'onnxruntime-web';
import type { Mode } from '../packs/manifest.ts';
import type { EngineInfo } from '../protocol.ts';
import type { Gpu } from './device.ts';
import { encodeGraph } from './onnx-bytes.ts';
import type { LoadedOrt } from './ort.ts';
import { allCases, casesGraph, relativeError, type TestCase } from './self-test-cases.ts';
import { gpuSessionOptions } from './session-options.ts';

export type SelfTestResult = EngineInfo['selfTest'];

/** Raised when cases or tolerances change, so that remembered results are not taken for new ones. */
export const SELF_TEST_VERSION = 1;

/**
 * One run of every case on `gpu`, or on wasm where that is null. Never throws: a device that can't run the graph fails every case, with an error of
 * infinity. Calls ORT, so nothing else may at the same time.
 */
export async function runSelfTest(loaded: LoadedOrt, gpu: Gpu | null, mode: Mode): Promise<SelfTestResult> {
  const cases = allCases();
  try {
    const answers = await runCases(loaded, gpu, mode, cases);
    return cases.map((test) => {
      const error = relativeError(answers[`${test.output.name}_out`] ?? [], test.expected);
      return { name: test.name, ok: error <= test.tolerance[mode], error };
    });
  } catch {
    return cases.map((test) => ({ name: test.name, ok: false, error: Number.POSITIVE_INFINITY }));
  }
}

async function runCases(
  { ort }: LoadedOrt,
  gpu: Gpu | null,
  mode: Mode,
  cases: readonly TestCase[],
): Promise<Record<string, Float32Array>> {
  const options = gpu ? gpuSessionOptions(gpu.device, true) : { executionProviders: ['wasm'] };
  const session = await ort.InferenceSession.create(encodeGraph(casesGraph(cases, mode)), {
    ...options,
    preferredOutputLocation: 'cpu',
  });
  try {
    const feeds: Record<string, Tensor> = {};
    for (const test of cases) {
      for (const [name, { element, dims, data }] of Object.entries(test.inputs)) {
        feeds[name] = new ort.Tensor(element, data, dims);
      }
    }
    const results = await session.run(feeds);
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, tensor.data as Float32Array]));
  } finally {
    gpu?.takeErrors();
    // Compiled shaders belong to the device's sessions together and go with the last one: the pack's graphs use many
    // of the same, so this session stays.
    if (gpu) gpu.anchor = session;
    else await session.release().catch(() => undefined);
  }
}
