/** What the browser's own tools tell of a worker: bytes of its JavaScript heap, and where its time goes. */
import type { Page } from '@playwright/test';

interface Heap {
  usedSize: number;
  backingStorageSize: number;
}

interface Profile {
  nodes: { id: number; callFrame: { functionName: string } }[];
  samples: number[];
  /** µs since the sample before. */
  timeDeltas: number[];
}

/** Time in which no script runs. */
const NO_SCRIPT = new Set(['(idle)', '(program)', '(root)']);

/** What of a session of DevTools' protocol is used here. */
export interface Targets {
  send(method: 'Target.sendMessageToTarget', params: { sessionId: string; message: string }): Promise<unknown>;
  on(event: 'Target.receivedMessageFromTarget', heard: (told: { sessionId: string; message: string }) => void): unknown;
}

export class WorkerProbe {
  readonly #session: Targets;
  readonly #target: string;
  readonly #waiting = new Map<number, (answer: { result?: unknown; error?: { message: string } }) => void>();
  #ids = 0;

  private constructor(session: Targets, target: string) {
    this.#session = session;
    this.#target = target;
    session.on('Target.receivedMessageFromTarget', ({ sessionId, message }) => {
      if (sessionId !== target) return;
      const answer = JSON.parse(message) as { id?: number; result?: unknown; error?: { message: string } };
      if (answer.id === undefined) return;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
  }

  /** @param name part of the URL of a worker that the page has */
  static async attach(page: Page, name: string): Promise<WorkerProbe> {
    const session = await page.context().newCDPSession(page);
    const found = new Promise<string>((resolve) => {
      session.on('Target.attachedToTarget', ({ targetInfo, sessionId }) => {
        if (targetInfo.url.includes(name)) resolve(sessionId);
      });
    });
    // Not flat: Playwright has no door to the sessions of workers.
    await session.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
    return new WorkerProbe(session, await found);
  }

  /** @param target a session of the worker within `session` */
  static of(session: Targets, target: string): WorkerProbe {
    return new WorkerProbe(session, target);
  }

  /** Objects on the heap and their array buffers, after a collection. WebAssembly's memory is not among them. */
  async heapBytes(): Promise<{ used: number; buffers: number }> {
    await this.#ask('HeapProfiler.collectGarbage');
    return this.#heap();
  }

  /** Looks four times a second from now on; the answer tells the most that was used, garbage included. */
  watchHeap(): () => Promise<{ used: number; buffers: number }> {
    const most = { used: 0, buffers: 0 };
    const look = async () => {
      const { used, buffers } = await this.#heap();
      most.used = Math.max(most.used, used);
      most.buffers = Math.max(most.buffers, buffers);
    };
    const timer = setInterval(() => void look().catch(() => undefined), 250);
    return async () => {
      clearInterval(timer);
      await look();
      return most;
    };
  }

  /** Runs `work` and answers with its value and the ms of script in the worker by function, collection of garbage included. */
  async profile<T>(work: () => Promise<T>): Promise<{ value: T; ms: Map<string, number> }> {
    await this.#ask('Profiler.enable');
    await this.#ask('Profiler.setSamplingInterval', { interval: 500 });
    await this.#ask('Profiler.start');
    const value = await work();
    const { profile } = (await this.#ask('Profiler.stop')) as { profile: Profile };
    const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame.functionName || '(anonymous)']));
    const ms = new Map<string, number>();
    for (const [at, node] of profile.samples.entries()) {
      const name = names.get(node) ?? '';
      // A delta tells how long the sample before it lasted.
      if (!NO_SCRIPT.has(name)) ms.set(name, (ms.get(name) ?? 0) + (profile.timeDeltas[at + 1] ?? 0) / 1000);
    }
    return { value, ms };
  }

  async #heap(): Promise<{ used: number; buffers: number }> {
    const { usedSize, backingStorageSize } = (await this.#ask('Runtime.getHeapUsage')) as Heap;
    return { used: usedSize, buffers: backingStorageSize };
  }

  #ask(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#ids;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => (error ? reject(new Error(error.message)) : resolve(result)));
      const message = JSON.stringify({ id, method, params });
      this.#session.send('Target.sendMessageToTarget', { sessionId: this.#target, message }).catch(reject);
    });
  }
}
