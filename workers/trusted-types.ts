/**
 * The one Trusted Types policy: scripts come from this origin, and nothing may turn text into markup or code. Workers need
 * it in their own thread, because onnxruntime starts its threads with a plain address.
 */
interface Policies {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): unknown;
}

const hasPolicies = (scope: object): scope is { trustedTypes: Policies } => 'trustedTypes' in scope;

/** Importing this file is enough; it must be the first import of every thread. Browsers without Trusted Types go without. */
function allowOwnScripts(): void {
  const scope: object = globalThis;
  if (!hasPolicies(scope)) return;
  scope.trustedTypes.createPolicy('default', {
    createScriptURL: (url) => {
      const { origin } = new URL(url, location.href);
      if (origin !== location.origin) throw new TypeError(`scripts come from ${location.origin} only, not from ${url}`);
      return url;
    },
  });
}

allowOwnScripts();

export {};
