/** Key names of the action registry: `Mod+S` (Ctrl, or Cmd on a Mac), `Shift+ArrowLeft`, `?`, `o`. */

export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  altKey: boolean;
}

export const isMac = (platform: string): boolean => /mac|iphone|ipad/i.test(platform);

/**
 * Whether a key press is the one that `name` means. Shift counts where it is named or makes no other character, and with Mod
 * and a letter: Mod+Z is not Mod+Shift+Z. Of other characters it is a part (`?`).
 */
export function matchesKey(event: KeyPress, name: string, mac: boolean): boolean {
  const parts = name.split('+');
  const key = parts.at(-1) || '+';
  const wants = (part: string) => parts.slice(0, -1).includes(part);
  if (event.altKey) return false;
  if ((mac ? event.metaKey : event.ctrlKey) !== wants('Mod')) return false;
  if (mac ? event.ctrlKey : event.metaKey) return false;
  const isCharacter = key.length === 1;
  const shiftCounts = !isCharacter || wants('Shift') || (wants('Mod') && /[a-z]/i.test(key));
  if (shiftCounts && event.shiftKey !== wants('Shift')) return false;
  return isCharacter ? event.key.toLowerCase() === key.toLowerCase() : event.key === key;
}

/** A key without Mod: it would be typed into a text field. */
export const isSingleKey = (name: string): boolean => !name.includes('Mod+') && name.length === 1;

/** With Mod, what text fields do themselves: delete a word or the line, undo, redo. */
const EDITING: readonly string[] = ['Mod+Backspace', 'Mod+Z', 'Mod+Shift+Z', 'Mod+Y'];

/** Where a key is pressed. */
export interface Where {
  mac: boolean;
  /** The focus is in a text field. */
  typed: boolean;
  /** The setting for single-key shortcuts. */
  singleKeys: boolean;
}

/** Whether a key press means `name` there. A text field keeps what is typed into it and what edits it. */
export function meansKey(event: KeyPress, name: string, { mac, typed, singleKeys }: Where): boolean {
  if (!matchesKey(event, name, mac) || (!singleKeys && isSingleKey(name))) return false;
  return !typed || name === 'Escape' || (name.includes('Mod+') && !EDITING.includes(name));
}

const SHOWN: Record<string, string> = {
  ArrowLeft: '←',
  ArrowRight: '→',
  ArrowUp: '↑',
  ArrowDown: '↓',
  Escape: 'Esc',
  ' ': 'Space',
};

/** The parts of a key as they stand on keycaps. */
export function keyCaps(name: string, mac: boolean): string[] {
  const parts = name === '+' ? ['+'] : name.split('+');
  return parts.map((part) =>
    part === 'Mod' ? (mac ? '⌘' : 'Ctrl') : (SHOWN[part] ?? (part.length === 1 ? part.toUpperCase() : part)),
  );
}
