/**
 * A page that Playwright does not know. In its own pages and their workers it turns on the network log of DevTools, and with that
 * Chromium keeps a copy of every answer of up to 16 MB: most of what a download in pieces costs there, and nothing that a person
 * with closed tools ever pays.
 */
import type { Browser } from '@playwright/test';
import type { Targets } from '../../e2e/support/worker-probe.ts';

interface Thrown {
  text: string;
  exception?: { description?: string };
}
interface Message {
  id?: number;
  error?: { message: string };
  result?: object & { result?: { value?: unknown }; exceptionDetails?: Thrown };
  method?: string;
  params?: unknown;
}
type Heard = (told: { sessionId: string; message: string }) => void;

/** tsx wraps named functions in this helper. */
const HELPER = 'globalThis.__name ??= (value) => value';

/** A page or a worker in which functions can be run. */
export class Bare implements Targets {
  readonly #parent: Targets;
  readonly #session: string;
  readonly #waiting = new Map<number, (answer: Message) => void>();
  readonly #heard: Heard[] = [];
  /** Sessions of workers. */
  readonly #workers: string[] = [];
  #ids = 0;

  private constructor(parent: Targets, session: string) {
    this.#parent = parent;
    this.#session = session;
    parent.on('Target.receivedMessageFromTarget', ({ sessionId, message }) => {
      if (sessionId === session) this.#take(JSON.parse(message) as Message);
    });
  }

  /** In the browser's first profile, which lies on the disk; those of `newContext` keep files in memory. */
  static async open(browser: Browser, url: string): Promise<Bare> {
    const session = await browser.newBrowserCDPSession();
    const { targetId } = await session.send('Target.createTarget', { url });
    const { sessionId } = await session.send('Target.attachToTarget', { targetId, flatten: false });
    const page = new Bare(session, sessionId);
    await page.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
    return page;
  }

  async send(method: string, params: object): Promise<Message> {
    const id = ++this.#ids;
    const message = JSON.stringify({ id, method, params });
    const answer = await new Promise<Message>((resolve, reject) => {
      this.#waiting.set(id, resolve);
      this.#parent.send('Target.sendMessageToTarget', { sessionId: this.#session, message }).catch(reject);
    });
    if (answer.error) throw new Error(answer.error.message);
    return answer;
  }

  on(_event: 'Target.receivedMessageFromTarget', heard: Heard): void {
    this.#heard.push(heard);
  }

  /** @param name part of the address of a worker of this page that lives */
  async worker(name: string): Promise<{ worker: Bare; session: string }> {
    for (const session of this.#workers) {
      const worker = new Bare(this, session);
      if ((await worker.evaluate(() => location.href)).includes(name)) return { worker, session };
    }
    throw new Error(`no worker ${name}`);
  }

  /** @param argument goes there as JSON, the answer comes back as JSON */
  async evaluate<T, A = undefined>(work: (argument: A) => T, argument?: A): Promise<Awaited<T>> {
    const expression = `${HELPER}; (${work})(${JSON.stringify(argument)})`;
    const { result } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    const thrown = result?.exceptionDetails;
    if (thrown) throw new Error(thrown.exception?.description ?? thrown.text);
    return result?.result?.value as Awaited<T>;
  }

  /** Asks again until the answer is true. */
  async until(work: () => boolean): Promise<void> {
    while (!(await this.evaluate(work).catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  #take(message: Message): void {
    if (message.id !== undefined) {
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    } else if (message.method === 'Target.receivedMessageFromTarget') {
      for (const heard of this.#heard) heard(message.params as Parameters<Heard>[0]);
    } else if (message.method === 'Target.attachedToTarget') {
      const { sessionId, targetInfo } = message.params as { sessionId: string; targetInfo: { type: string } };
      if (targetInfo.type === 'worker') this.#workers.push(sessionId);
    } else if (message.method === 'Target.detachedFromTarget') {
      const { sessionId } = message.params as { sessionId: string };
      this.#workers.splice(0, this.#workers.length, ...this.#workers.filter((each) => each !== sessionId));
    }
  }
}
