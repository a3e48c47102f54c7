/** The file inputs of the page; actions open them by name. */
const inputs = new Map<'file' | 'camera', HTMLInputElement>();

export function registerInput(name: 'file' | 'camera', input: HTMLInputElement | null): void {
  if (input) inputs.set(name, input);
  else inputs.delete(name);
}

export function pick(name: 'file' | 'camera'): void {
  const input = inputs.get(name);
  if (!input) return;
  // The same file may be chosen twice in a row.
  input.value = '';
  input.click();
}

/** Phones and tablets: a finger is the main pointer. */
export const hasCamera = (): boolean => matchMedia('(pointer: coarse)').matches;
