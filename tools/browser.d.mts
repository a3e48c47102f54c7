/** Path of the browser found last, or undefined before the first search. */
export function knownBrowser(): string | undefined;
/** Finds or installs Chromium and remembers where it is. Throws a plain sentence when there is none. */
export function findBrowser(): Promise<string>;
