/**
 * Runs single blocks of a pack on the app's own backends, without the pipeline around them. Bundled by build.ts for
 * true-width.spec.ts; no part of the app.
 */
import '../../../workers/trusted-types.ts';
import { expose } from 'comlink';
import { type Block, blockFeeds, runBlock } from '../../../tools/conformance/block-calls.ts';
import { Pack } from '../../../workers/packs/pack.ts';
import { Store } from '../../../workers/packs/store.ts';
import { GpuBackend } from '../../../workers/runtime/backend-gpu.ts';
import { WasmBackend } from '../../../workers/runtime/backend-wasm.ts';
import { chooseRuntime } from '../../../workers/runtime/choose.ts';

let opened: { pack: Pack; backend: GpuBackend | WasmBackend } | null = null;

const runner = {
  /**
   * Opens the pack and starts an engine, which must be the one that is asked for; no node may fall back to the CPU.
   *
   * @param packUrl, ortUrl folders, ending in "/"
   * @returns name of the adapter, empty on wasm
   */
  async open(packUrl: string, ortUrl: string, engine: 'wasm' | 'webgpu'): Promise<string> {
    const store = new Store({ cache: null });
    const pack = await Pack.open(store, packUrl, ['dit']);
    const wishes = { ortUrl, engine, bundle: 'auto', allowed: { modes: ['f32'], subgroups: true } } as const;
    const { loaded, gpu, info } = await chooseRuntime(wishes, store, () => undefined);
    const backend = gpu
      ? new GpuBackend(loaded, gpu, pack, { mode: info.mode, strict: true })
      : new WasmBackend(loaded, pack);
    opened = { pack, backend };
    return info.adapter;
  },

  /** Outputs of one call of a block on its drawn inputs, by name. */
  async run(block: Block): Promise<Record<string, number[]>> {
    if (!opened) throw new Error('not opened');
    const { pack, backend } = opened;
    const outputs = await runBlock(backend, block, blockFeeds(pack.manifest, block));
    // The next block needs the room.
    await backend.trim();
    return Object.fromEntries(Object.entries(outputs).map(([name, values]) => [name, [...values]]));
  },
};
export type BlockRunner = typeof runner;

expose(runner);
