/** Prefixes that wrappers put before the tensor names (realrestorer.md B.2); several may be stacked. */
const PREFIX = /^((inner_model|module|model)\.)+/;

export const withoutPrefix = (name: string) => name.replace(PREFIX, '');
