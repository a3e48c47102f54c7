import { describe, expect, it } from 'vitest';
import { engineOptions } from './params.ts';

const base = 'https://example.org/tools/photo/';

describe('engineOptions', () => {
  it('takes pack and runtime from the folder the app lies in', () => {
    const options = engineOptions('', base, 'auto');
    expect(options.pack).toEqual({ kind: 'url', url: 'https://example.org/tools/photo/packs/small/' });
    expect(options.ortUrl).toBe('https://example.org/tools/photo/ort/');
    expect(options.threads).toBeUndefined();
  });

  it('lets the address overrule the settings', () => {
    const options = engineOptions(
      '?engine=wasm&bundle=asyncify&threads=2&gpuBytes=5&pack=packs/conformance',
      base,
      'webgpu',
    );
    expect(options).toMatchObject({ engine: 'wasm', bundle: 'asyncify', threads: 2, gpuBytes: 5 });
    expect(options.pack).toEqual({ kind: 'url', url: 'https://example.org/tools/photo/packs/conformance/' });
  });

  it('refuses values it does not know and packs of another origin', () => {
    const options = engineOptions('?engine=cuda&threads=1e9&pack=https://evil.example/p/', base, 'wasm');
    expect(options.engine).toBe('wasm');
    expect(options.threads).toBeUndefined();
    expect(options.pack).toEqual({ kind: 'url', url: 'https://example.org/tools/photo/packs/small/' });
    expect(engineOptions('?pack=//evil.example/p/', base, 'wasm').pack).toEqual(options.pack);
  });

  it('takes a stored pack from the settings unless the address names one', () => {
    const id = { name: 'big', version: '2' };
    expect(engineOptions('', base, 'auto', id).pack).toEqual({ kind: 'stored', ...id });
    expect(engineOptions('?pack=packs/small', base, 'auto', id).pack).toMatchObject({ kind: 'url' });
    expect(engineOptions('?pack=stored:big@2', base, 'auto').pack).toEqual({ kind: 'stored', ...id });
  });
});
