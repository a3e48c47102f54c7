/** Key names of the action registry: `Mod+S` (Ctrl, or Cmd on a Mac), `Shift+ArrowLeft`, `?`, `o`. */

export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  altKey: boolean;
}

export const isMac = (platform: string): boolean => /mac|iphone|ipad/i.test(platform);

/** Whether a key press is the one that `name` means. Shift counts only where it is named or makes no other character. */
export function matchesKey(event: KeyPress, name: string, mac: boolean): boolean {
  const parts = name.split('+');
  const key = parts.at(-1) || '+';
  const wants = (part: string) => parts.slice(0, -1).includes(part);
  if (event.altKey) return false;
  if ((mac ? event.metaKey : event.ctrlKey) !== wants('Mod')) return false;
  if (mac ? event.ctrlKey : event.metaKey) return false;
  const isCharacter = key.length === 1;
  if (!isCharacter && event.shiftKey !== wants('Shift')) return false;
  return isCharacter ? event.key.toLowerCase() === key.toLowerCase() : event.key === key;
}

/** A key without Mod: it would be typed into a text field. */
export const isSingleKey = (name: string): boolean => !name.includes('Mod+') && name.length === 1;

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
