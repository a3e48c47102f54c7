/** The app's window among those of its origin, where other pages may lie, too. The browser lists the last used one first. */
export const ownWindow = <W extends { readonly url: string }>(windows: readonly W[], scope: string): W | undefined =>
  windows.find(({ url }) => url.startsWith(scope));
