/** Prefixes that wrappers put before the tensor names (realrestorer.md B.2); several may be stacked. */
const PREFIX = /^((inner_model|module|model)\.)+/;

/** The text encoder's tensors, in either generation of names (`model.layers.…`, `model.language_model.layers.…`). */
const TEXT = /^(?:language_model\.(?:model\.)?)?(layers\.|embed_tokens\.|norm\.weight$|lm_head\.)/;

/** The name that the builder uses: without prefixes, and with `text.` before those of the text encoder. */
export function withoutPrefix(name: string): string {
  const bare = name.replace(PREFIX, '');
  if (bare.startsWith('visual.')) return `text.${bare}`;
  return bare.replace(TEXT, 'text.$1');
}
