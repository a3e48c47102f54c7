import type { Tensor } from './backend.ts';

/**
 * Owns tensors, so that each is disposed exactly once however a stage ends: a scope is closed in a `finally`.
 */
export class TensorScope {
  readonly #live = new Set<Tensor>();

  add<T extends Tensor>(tensor: T): T {
    this.#live.add(tensor);
    return tensor;
  }

  /** Disposes a tensor before its time. Does nothing for a tensor that is not of this scope. */
  drop(tensor: Tensor): void {
    if (this.#live.delete(tensor)) tensor.dispose();
  }

  /** Hands a tensor to another scope. */
  move<T extends Tensor>(tensor: T, to: TensorScope): T {
    this.#live.delete(tensor);
    return to.add(tensor);
  }

  has(tensor: Tensor): boolean {
    return this.#live.has(tensor);
  }

  close(): void {
    for (const tensor of this.#live) tensor.dispose();
    this.#live.clear();
  }
}

/** Runs `work` with a scope of its own, which is closed afterwards. */
export async function withScope<T>(work: (scope: TensorScope) => Promise<T>): Promise<T> {
  const scope = new TensorScope();
  try {
    return await work(scope);
  } finally {
    scope.close();
  }
}
