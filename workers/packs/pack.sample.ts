import { sampleManifest } from './manifest.sample.ts';
import { Store, sha256Hex } from './store.ts';

export const BASE = 'https://example.test/packs/sample/';

/** The sample pack as files for tests, served by a function; asked for without a cache, so that the store keeps them in memory. */
export async function servePack(change: (files: Map<string, Uint8Array<ArrayBuffer>>) => void = () => undefined) {
  const manifest = sampleManifest();
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [name, file] of Object.entries(manifest.files)) {
    const bytes = Uint8Array.from({ length: file.bytes }, (_, i) => (i * 7 + name.length) % 256);
    // Scales are halves: 0x3c00 is 1.
    if (name === 'weights-0.bin') for (let at = 512; at < 576; at += 2) bytes.set([0x00, 0x3c], at);
    file.sha256 = await sha256Hex(bytes);
    file.pieces = [file.sha256];
    files.set(name, bytes);
  }
  files.set('manifest.json', new TextEncoder().encode(JSON.stringify(manifest)));
  change(files);
  const asked: string[] = [];
  const fetch = async (url: string) => {
    const name = url.slice(BASE.length);
    asked.push(name);
    const bytes = files.get(name);
    return bytes ? new Response(bytes) : new Response(null, { status: 404 });
  };
  return { store: new Store({ cache: null, fetch }), asked, files };
}
