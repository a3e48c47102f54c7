/**
 * One call at a time, in the order of asking. onnxruntime-web needs it: two `run()` at once hang the worker or corrupt
 * its memory, and a second `create()` during a first one is refused.
 */
export class Mutex {
  #tail: Promise<unknown> = Promise.resolve();

  /** Runs `task` once every earlier task has ended, well or badly. Answers with what `task` answers. */
  run<T>(task: () => Promise<T> | T): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
