import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../errors.ts';
import { checkGraph } from './graph-check.ts';
import { loadManifest } from './manifest-load.ts';

const FOLDER = new URL('../../public/packs/small/', import.meta.url);
const manifest = loadManifest(readFileSync(new URL('manifest.json', FOLDER)));

describe('checkGraph', () => {
  const all = Object.entries(manifest.graphs).flatMap(([id, graph]) =>
    graph.variants.map((variant) => ({ id, graph, ...variant })),
  );

  it.each(all)('takes $file of the embedded pack in mode $mode', ({ graph, mode, file }) => {
    const bytes = readFileSync(new URL(file, FOLDER));
    const check = () => checkGraph(file, bytes, graph, mode);
    check();
    // The same graph says something else in the manifest: refused.
    const others = Object.values(manifest.graphs).filter((other) => other !== graph);
    for (const other of others) expect(() => checkGraph(file, bytes, other, mode)).toThrow(EngineError);
  });
});
