/**
 * The app's own GPUDevice: limits raised to the adapter's, bytes counted, errors remembered. ORT gets it as the
 * execution provider option `device` of every session.
 */
import { EngineError } from '../errors.ts';

/** What ORT's kernels ask for beyond the defaults. */
const RAISED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBuffersPerShaderStage',
  'maxBindGroups',
] as const satisfies readonly (keyof GPUSupportedLimits)[];

export interface DeviceWishes {
  f16: boolean;
  subgroups: boolean;
}

/** A device with its book-keeping. */
export class Gpu {
  readonly device: GPUDevice;
  readonly adapter: GPUAdapter;
  readonly features: readonly string[];
  readonly limits: Record<string, number>;
  /** A session that keeps the shaders that were compiled on this device alive until others do (the self-test's). */
  anchor: { release(): Promise<void> } | null = null;
  /** Multiply-adds a second (`rate.ts`); null where they were not measured. */
  macsPerSecond: number | null = null;
  /** Set once the device is lost, with the reason. */
  lost: string | null = null;
  #live = 0;
  #peak = 0;
  #outOfMemory = false;
  #messages: string[] = [];

  constructor(adapter: GPUAdapter, device: GPUDevice) {
    this.adapter = adapter;
    this.device = device;
    this.features = [...device.features];
    this.limits = Object.fromEntries(RAISED_LIMITS.map((name) => [name, device.limits[name]]));
    this.#count();
    device.addEventListener('uncapturederror', (event) => {
      if (event.error instanceof GPUOutOfMemoryError) this.#outOfMemory = true;
      this.#messages.push(`${event.error.constructor.name}: ${event.error.message}`.slice(0, 300));
      // The page's console is no place for errors that become a sentence for the person.
      event.preventDefault();
    });
    device.lost.then((info) => {
      this.lost = `${info.reason}: ${info.message}`;
    });
  }

  /** Bytes of all buffers that exist on this device, ORT's own included. */
  get liveBytes(): number {
    return this.#live;
  }

  get peakBytes(): number {
    return this.#peak;
  }

  resetPeak(): void {
    this.#peak = this.#live;
  }

  /** Errors that no scope caught since the last call. */
  takeErrors(): { outOfMemory: boolean; messages: string[] } {
    const taken = { outOfMemory: this.#outOfMemory, messages: this.#messages };
    this.#outOfMemory = false;
    this.#messages = [];
    return taken;
  }

  /** Wraps createBuffer and each buffer's destroy. A device has no other way to say how much it holds. */
  #count(): void {
    const create = this.device.createBuffer.bind(this.device);
    this.device.createBuffer = (descriptor) => {
      const buffer = create(descriptor);
      this.#live += descriptor.size;
      this.#peak = Math.max(this.#peak, this.#live);
      const destroy = buffer.destroy.bind(buffer);
      let alive = true;
      buffer.destroy = () => {
        if (alive) this.#live -= descriptor.size;
        alive = false;
        return destroy();
      };
      return buffer;
    };
  }
}

/** The adapter, or why there is none. */
export async function findAdapter(): Promise<{ adapter: GPUAdapter } | { why: 'no-webgpu' | 'no-adapter' }> {
  if (!navigator.gpu) return { why: 'no-webgpu' };
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  return adapter ? { adapter } : { why: 'no-adapter' };
}

/** One line for "about this device", and the key under which self-test results are remembered. */
export function adapterName(adapter: GPUAdapter): string {
  const { vendor, architecture, device, description } = adapter.info;
  return [vendor, architecture, device, description].filter((part) => part !== '').join(' ') || 'unknown adapter';
}

/** A GPU that is none: its dispatches may take as long as they like, and measuring its rate would take seconds. */
export function isSoftware(adapter: GPUAdapter): boolean {
  return adapter.info.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe/i.test(adapterName(adapter));
}

/**
 * ORT's flash attention shuffles between 8 or more lanes that are not there on small subgroups: it gave wrong numbers
 * at sizes 4 and 8. Adapters that do not say their size are taken as small.
 */
export function subgroupsTrusted(adapter: GPUAdapter): boolean {
  return adapter.features.has('subgroups') && (adapter.info.subgroupMinSize ?? 0) >= 16;
}

/**
 * Makes a device. Wishes that the adapter can't fulfil are left out.
 * An adapter makes one device only; ask for a new adapter for each.
 *
 * @throws EngineError 'no-engine' when the adapter refuses
 */
export async function makeGpu(adapter: GPUAdapter, wishes: DeviceWishes): Promise<Gpu> {
  const requiredFeatures: GPUFeatureName[] = [];
  if (wishes.f16 && adapter.features.has('shader-f16')) requiredFeatures.push('shader-f16');
  if (wishes.subgroups && subgroupsTrusted(adapter)) requiredFeatures.push('subgroups');
  const requiredLimits = Object.fromEntries(RAISED_LIMITS.map((name) => [name, adapter.limits[name]]));
  try {
    return new Gpu(adapter, await adapter.requestDevice({ requiredFeatures, requiredLimits }));
  } catch (cause) {
    throw new EngineError('no-engine', `requestDevice: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
