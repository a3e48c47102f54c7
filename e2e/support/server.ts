import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { pathOf } from './files.ts';

/** tools/serve.mjs on a port of its own, whose log can be read and which can be stopped: the network is then off. */
export class Server {
  readonly url: string;
  /** Paths of GET requests, relative to the app's base, without queries. */
  readonly gets: string[];
  readonly #child: ChildProcess;

  private constructor(url: string, gets: string[], child: ChildProcess) {
    this.url = url;
    this.gets = gets;
    this.#child = child;
  }

  /** @param args of tools/serve.mjs, e.g. `--no-headers`, `--base /photos/` */
  static async start(...args: string[]): Promise<Server> {
    const child = spawn('node', [pathOf('tools/serve.mjs'), '--port', '0', '--log', '--quiet', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const gets: string[] = [];
    const lines = createInterface({ input: child.stdout });
    const [first] = (await once(lines, 'line')) as [string];
    const base = new URL(first).pathname;
    lines.on('line', (line: string) => {
      const path = /^GET ([^ ?]+)/.exec(line)?.[1];
      if (path?.startsWith(base)) gets.push(path.slice(base.length));
    });
    return new Server(first, gets, child);
  }

  /** How often each path that matches was asked for. */
  counts(pattern: RegExp): Map<string, number> {
    const counts = new Map<string, number>();
    for (const path of this.gets) if (pattern.test(path)) counts.set(path, (counts.get(path) ?? 0) + 1);
    return counts;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill();
    await gone;
  }
}
