import type { InferenceSession } from 'onnxruntime-web';

/**
 * Options of every WebGPU session. `lazyRelease` gives ORT's own buffers back after each run (the default keeps them
 * all); outputs stay on the GPU; `strict` makes a node that would run on the CPU an error.
 * Cache and validation modes are those of the first session on a device, so all sessions must ask for the same.
 */
export function gpuSessionOptions(device: GPUDevice, strict: boolean): InferenceSession.SessionOptions {
  return {
    executionProviders: [{ name: 'webgpu', device, storageBufferCacheMode: 'lazyRelease', validationMode: 'basic' }],
    preferredOutputLocation: 'gpu-buffer',
    logSeverityLevel: 3,
    ...(strict ? { extra: { session: { disable_cpu_ep_fallback: '1' } } } : {}),
  };
}
