/** Token ids of a prompt of people's own, as the reference makes them (realrestorer.md D.1). */

/** Token ids of a text, without special tokens. */
export type Encode = (text: string) => readonly number[];

const OPEN = '“';
const CLOSE = '”';
const QUOTE = '"';

/**
 * Straight, single and curly quotes count as one kind. Words between two of them are meant literally: the reference encodes
 * them one character at a time, each in curly quotes of its own whose tokens are then dropped. A quote without a partner is
 * left as it is, where the reference would spell out the rest of its own template. Tokens with id 0 (a bare "!") are dropped:
 * the reference masks them out.
 *
 * @param text without a line break at its ends
 */
export function ownPromptIds(text: string, encode: Encode): number[] {
  const parts = text.replace(/['“”]/g, QUOTE).split(QUOTE);
  const paired = parts.length - (parts.length % 2 === 0 ? 1 : 0);
  const ids: number[] = [];
  let plain = '';
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as string;
    const quoted = i % 2 === 1 && i < paired;
    if (!quoted) {
      plain += i === 0 ? part : QUOTE + part;
      continue;
    }
    // The opening quote ends the text before it, the closing one begins the text behind.
    ids.push(...encode(plain + QUOTE));
    plain = '';
    for (const character of part) ids.push(...literal(character, encode));
  }
  if (plain !== '') ids.push(...encode(plain));
  return ids.filter((id) => id !== 0);
}

/** The character's own tokens: those of the quotes around it are cut off where they stand alone. */
function literal(character: string, encode: Encode): readonly number[] {
  const [open] = encode(OPEN);
  const [close] = encode(CLOSE);
  const ids = encode(OPEN + character + CLOSE);
  return ids[0] === open && ids.at(-1) === close ? ids.slice(1, -1) : ids;
}
