/**
 * The door to the packs worker (workers/packs/protocol.ts says what each call does). The worker is made on first use, and
 * made anew when it crashes or when the allowed hosts change: its policy is fixed when it starts.
 */
import { type Remote, wrap } from 'comlink';
import type {
  GivenPack,
  PackEvent,
  PackList,
  PackOffer,
  PacksApi,
  StoredId,
  TransferOptions,
  VerifyReport,
} from '../../workers/packs/protocol.ts';
import type { Outcome } from '../../workers/protocol.ts';
import { allowedHosts, originOf, setAllowedHosts } from './hosts.ts';
import { fail, type Result, settle } from './outcome.ts';
import { callback } from './session.ts';

interface Life {
  readonly worker: Worker;
  readonly api: Remote<PacksApi>;
  /** Ends every call when the worker is ended. */
  readonly dead: Promise<Result<never>>;
  readonly end: (result: Result<never>) => void;
}

export class PacksBridge {
  readonly #onEvent: (event: PackEvent) => void;
  readonly #base: string;
  #life: Life | null = null;

  /** @param onEvent told of every change of a pack's status @param base URL of the app's folder */
  constructor(onEvent: (event: PackEvent) => void, base: string = document.baseURI) {
    this.#onEvent = onEvent;
    this.#base = base;
  }

  list(): Promise<Result<PackList>> {
    return this.#call((api) => api.list());
  }

  /**
   * What a pack is and needs, from its manifest alone.
   *
   * @param url of `manifest.json` or its folder; relative to the app's folder, or absolute
   * 'host-blocked' (values: host) for a host that `allowHost` was not called for
   */
  async inspect(url: string): Promise<Result<PackOffer>> {
    const checked = await this.#address(url);
    return checked.ok ? this.#call((api) => api.inspect(checked.value)) : checked;
  }

  inspectGiven(given: GivenPack): Promise<Result<PackOffer>> {
    return this.#call((api) => api.inspectGiven(given));
  }

  /** Asks the browser to keep what is stored, then gets the pack. Progress comes as events. */
  async download(url: string, options?: TransferOptions): Promise<Result<StoredId>> {
    const checked = await this.#address(url);
    if (!checked.ok) return checked;
    await this.persist();
    return this.#call((api) => api.download(checked.value, options));
  }

  async resume(id: StoredId, options?: TransferOptions): Promise<Result<StoredId>> {
    await this.persist();
    return this.#call((api) => api.resume(id, options));
  }

  async importGiven(given: GivenPack): Promise<Result<StoredId>> {
    await this.persist();
    return this.#call((api) => api.importGiven(given));
  }

  pause(id: StoredId): Promise<void> {
    return this.#post((api) => api.pause(id));
  }

  cancel(id: StoredId): Promise<void> {
    return this.#post((api) => api.cancel(id));
  }

  verify(id: StoredId): Promise<Result<VerifyReport>> {
    return this.#call((api) => api.verify(id));
  }

  repair(id: StoredId, given?: GivenPack): Promise<Result<StoredId>> {
    return this.#call((api) => api.repair(id, given));
  }

  /** The engine must have let go of the pack: restart it with another one first. */
  remove(id: StoredId): Promise<Result<{ freed: number }>> {
    return this.#call((api) => api.remove(id));
  }

  checkUpdate(id: StoredId): Promise<Result<PackOffer | null>> {
    return this.#call((api) => api.checkUpdate(id));
  }

  exportTo(id: StoredId, folder: FileSystemDirectoryHandle): Promise<Result<{ files: number; bytes: number }>> {
    return this.#call((api) => api.exportTo(id, folder));
  }

  /** Asks the browser not to throw stored packs away when room gets scarce. Answers whether it agreed. */
  async persist(): Promise<boolean> {
    return (await navigator.storage?.persist?.().catch(() => false)) ?? false;
  }

  /** Origins that packs may come from beside the app's own. */
  hosts(): Promise<string[]> {
    return allowedHosts(this.#base);
  }

  /**
   * Lets packs come from the host of `address`. The packs worker is made anew, because its policy is fixed when it starts:
   * a download under way stops as `cancelled` and can be taken up again.
   *
   * @returns the origin that was added; null for an address that can't be allowed (not https)
   */
  async allowHost(address: string): Promise<string | null> {
    const origin = originOf(address);
    if (origin) await this.#setHosts([...(await this.hosts()), origin]);
    return origin;
  }

  async forbidHost(origin: string): Promise<void> {
    await this.#setHosts((await this.hosts()).filter((host) => host !== origin));
  }

  /** Ends the worker: downloads stop, what is verified stays stored. */
  stop(): void {
    this.#life?.worker.terminate();
    this.#life?.end(fail('cancelled'));
    this.#life = null;
  }

  async #setHosts(origins: string[]): Promise<void> {
    await setAllowedHosts(this.#base, origins);
    this.stop();
  }

  async #address(url: string): Promise<Result<string>> {
    if (!URL.canParse(url, this.#base)) return fail('pack-missing', `${url} is not an address`, { file: url });
    const { href, origin } = new URL(url, this.#base);
    if (origin === new URL(this.#base).origin || (await this.hosts()).includes(origin))
      return { ok: true, value: href };
    return fail('host-blocked', href, { host: origin });
  }

  #call<T>(make: (api: Remote<PacksApi>) => Promise<Outcome<T>>): Promise<Result<T>> {
    const { api, dead } = this.#live();
    return Promise.race([settle(make(api)), dead]);
  }

  async #post(make: (api: Remote<PacksApi>) => Promise<void>): Promise<void> {
    const { api, dead } = this.#live();
    await Promise.race([make(api).catch(() => {}), dead]);
  }

  #live(): Life {
    this.#life ??= this.#create();
    return this.#life;
  }

  #create(): Life {
    const worker = new Worker(new URL('../../workers/packs.worker.ts', import.meta.url), { type: 'module' });
    const { promise: dead, resolve: end } = Promise.withResolvers<Result<never>>();
    const api = wrap<PacksApi>(worker);
    const life = { worker, api, dead, end };
    worker.addEventListener('error', (event) => {
      end(fail('internal', event.message || 'the packs worker did not load'));
      if (this.#life === life) this.#life = null;
    });
    void api.watch(callback(this.#onEvent));
    return life;
  }
}
