/**
 * Weights on the GPU. Blocks follow the weight plan: resident ones stay, the others flow through the slots of their graph,
 * at most one block ahead of the one that runs. All other instances (VAE, prologue, edges) are held as they are asked for,
 * the longest unused let go first.
 */
import type { Tensor as OrtTensor } from 'onnxruntime-web';
import type { Mode, Port } from '../packs/manifest.ts';
import type { Pack } from '../packs/pack.ts';
import { decodeWeight, fedDType } from '../packs/weights.ts';
import type { DType } from '../pipeline/backend.ts';
import { graphOf } from './graphs.ts';
import { otherWeightBytes, portBytes } from './memory-plan.ts';
import { type Held, Residency } from './residency.ts';
import { SLOTS, STAGES, type WeightPlan } from './weight-plan.ts';
import { type StagedCopy, WeightRing } from './weight-ring.ts';
import { isFedAsStored, weightOf } from './weights-load.ts';

export type Feeds = Readonly<Record<string, OrtTensor>>;
type Wrap = (buffer: GPUBuffer, dtype: DType, dims: readonly number[]) => OrtTensor;

/** Buffers for the weights of one instance, as the graph's ports want them. */
interface BufferSet extends Held {
  readonly feeds: Feeds;
  /** In the order of the graph's weights. */
  readonly buffers: readonly GPUBuffer[];
}

interface Slot {
  readonly set: BufferSet;
  /** The instance whose weights are in it, or on their way. */
  holds: string | null;
  ready: Promise<void>;
  /** Grows with every use: the slot with the smaller number is free to take the next block. */
  used: number;
}

export class GpuWeights {
  #plan: WeightPlan;
  readonly #device: GPUDevice;
  readonly #pack: Pack;
  readonly #mode: Mode;
  readonly #wrap: Wrap;
  /** Resident blocks; the plan sees to it that they fit. */
  readonly #blocks = new Residency<BufferSet>(Number.POSITIVE_INFINITY);
  readonly #others: Residency<BufferSet>;
  readonly #slots = new Map<string, Slot[]>();
  readonly #largestWeight: number;
  #ring: WeightRing | null = null;
  #uses = 0;

  constructor(device: GPUDevice, pack: Pack, mode: Mode, wrap: Wrap, plan: WeightPlan) {
    this.#device = device;
    this.#pack = pack;
    this.#mode = mode;
    this.#wrap = wrap;
    this.#plan = plan;
    this.#others = new Residency(otherWeightBytes(pack.manifest, mode));
    this.#largestWeight = Math.max(16, ...Object.keys(pack.manifest.instances).flatMap((id) => this.#portBytes(id)));
  }

  get plan(): WeightPlan {
    return this.#plan;
  }

  /** Bytes of blocks that stay and have arrived. */
  get residentBytes(): number {
    return this.#blocks.bytes;
  }

  /** Changes which blocks stay, at any time between two runs: the same weights reach the same graphs. */
  async setPlan(plan: WeightPlan): Promise<void> {
    await this.#dropSlots();
    for (const id of this.#plan.resident) if (!plan.resident.has(id)) this.#blocks.drop(id);
    this.#plan = plan;
  }

  /** The weights of an instance, to be fed to a run that is submitted before the next `use`. */
  async use(instance: string): Promise<Feeds> {
    if (this.#plan.streamed.has(instance)) {
      const slot = this.#slotFor(instance);
      slot.used = ++this.#uses;
      await slot.ready;
      return slot.set.feeds;
    }
    const held = this.#plan.resident.has(instance) ? this.#blocks : this.#others;
    const set = await held.use(instance, this.#bytesOf(instance), () => this.#load(instance));
    return set.feeds;
  }

  /** Starts to bring the weights of a streamed block that runs after the present one. */
  prefetch(instance: string): void {
    if (!this.#plan.streamed.has(instance)) return;
    // What goes wrong here goes wrong again when the block is used, and is told there.
    this.#slotFor(instance).ready.catch(() => undefined);
  }

  release(instance: string): void {
    this.#others.drop(instance);
  }

  /** Lets go of resident weights until at most `bytes` of blocks and others are held, and of all slots. */
  async shrinkTo(bytes: number): Promise<void> {
    await this.#dropSlots();
    this.#others.shrinkTo(Math.max(0, bytes - this.#blocks.bytes));
    this.#blocks.shrinkTo(Math.max(0, bytes - this.#others.bytes));
  }

  /** Slots and ring, once nothing is on its way: buffers that a copy is encoded for must not be destroyed. */
  async #dropSlots(): Promise<void> {
    await Promise.allSettled([...this.#slots.values()].flat().map(({ ready }) => ready));
    for (const slots of this.#slots.values()) for (const { set } of slots) set.dispose();
    this.#slots.clear();
    await this.#ring?.destroy();
    this.#ring = null;
  }

  /** A staging buffer holds a streamed block, and any single weight of any instance. */
  get #stageBytes(): number {
    return Math.max(this.#largestWeight, this.#plan.stagingBytes / STAGES);
  }

  #bytesOf(instance: string): number {
    return this.#portBytes(instance).reduce((all, bytes) => all + bytes, 0);
  }

  /** Bytes of each weight's buffer. */
  #portBytes(instance: string): number[] {
    return portBytes(this.#pack.manifest, this.#mode, instance);
  }

  /** The slot that holds the instance, or the longer unused one of its graph, which is being filled from now on. */
  #slotFor(instance: string): Slot {
    const { id } = graphOf(this.#pack.manifest, instance);
    const slots = this.#slots.get(id) ?? [];
    this.#slots.set(id, slots);
    const known = slots.find(({ holds }) => holds === instance);
    if (known) return known;
    let slot = slots.toSorted((a, b) => a.used - b.used)[0];
    if (!slot || slots.length < SLOTS) {
      slot = { set: this.#allocate(instance), holds: null, ready: Promise.resolve(), used: 0 };
      slots.push(slot);
    }
    slot.holds = instance;
    slot.ready = this.#fill(instance, slot.set).catch((cause) => {
      if (slot.holds === instance) slot.holds = null;
      throw cause;
    });
    return slot;
  }

  async #load(instance: string): Promise<BufferSet> {
    const set = this.#allocate(instance);
    try {
      await this.#fill(instance, set);
      return set;
    } catch (cause) {
      set.dispose();
      throw cause;
    }
  }

  #allocate(instance: string): BufferSet {
    const { graph } = graphOf(this.#pack.manifest, instance);
    const feeds: Record<string, OrtTensor> = {};
    const sizes = this.#portBytes(instance);
    const buffers = graph.weights.map((port, at) => {
      const { STORAGE, COPY_DST } = GPUBufferUsage;
      const buffer = this.#device.createBuffer({ size: sizes[at] as number, usage: STORAGE | COPY_DST });
      feeds[port.name] = this.#wrap(
        buffer,
        fedDType(port, this.#mode),
        weightOf(this.#pack.manifest, instance, port).shape,
      );
      return buffer;
    });
    const dispose = () => {
      for (const buffer of buffers) buffer.destroy();
    };
    return { feeds, buffers, bytes: sizes.reduce((all, bytes) => all + bytes, 0), dispose };
  }

  /** As many weights at a time as a staging buffer holds: all of a streamed block. */
  async #fill(instance: string, { buffers }: BufferSet): Promise<void> {
    const ports = graphOf(this.#pack.manifest, instance).graph.weights;
    this.#ring ??= new WeightRing(this.#device, this.#stageBytes, STAGES);
    const ring = this.#ring;
    // One for all that is widened: fresh memory for each weight would cost more to get than to fill.
    const scratch = new Scratch();
    for (let next = 0; next < ports.length; ) {
      const copies: StagedCopy[] = [];
      const first = next;
      for (let offset = 0; next < ports.length; next++) {
        const buffer = buffers[next] as GPUBuffer;
        if (offset + buffer.size > this.#stageBytes) break;
        copies.push({ offset, bytes: buffer.size, buffer });
        offset += buffer.size;
      }
      const staged = ports.slice(first, next);
      await ring.fill((mapped) => this.#read(instance, staged, copies, mapped, scratch), copies);
    }
  }

  /** What is stored as it is fed is read straight into mapped memory; the rest is widened into it. */
  async #read(
    instance: string,
    ports: readonly Port[],
    copies: readonly StagedCopy[],
    mapped: ArrayBuffer,
    scratch: Scratch,
  ) {
    for (const [at, port] of ports.entries()) {
      const spec = weightOf(this.#pack.manifest, instance, port);
      const dtype = fedDType(port, this.#mode);
      const { offset } = copies[at] as StagedCopy;
      if (isFedAsStored(spec.stored, dtype)) {
        await this.#pack.readInto(spec, new Uint8Array(mapped, offset, spec.bytes));
      } else {
        const stored = scratch.view(spec.bytes);
        await this.#pack.readInto(spec, stored);
        decodeWeight(stored, spec, dtype, mapped, offset);
      }
    }
  }
}

/** Memory that grows to the largest view asked for. */
class Scratch {
  #bytes = new Uint8Array();

  view(bytes: number): Uint8Array {
    if (this.#bytes.byteLength < bytes) this.#bytes = new Uint8Array(bytes);
    return this.#bytes.subarray(0, bytes);
  }
}
