type Input = 'file' | 'folder' | 'camera';

/** The file inputs of the page; actions open them by name. */
const inputs = new Map<Input, HTMLInputElement>();

export function registerInput(name: Input, input: HTMLInputElement | null): void {
  if (input) inputs.set(name, input);
  else inputs.delete(name);
}

export function pick(name: Input): void {
  inputs.get(name)?.click();
}

/** Phones and tablets: a finger is the main pointer. */
export const hasCamera = (): boolean => matchMedia('(pointer: coarse)').matches;
