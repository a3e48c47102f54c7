import { describe, expect, it } from 'vitest';
import type { EngineState } from '../../bridge/engine.ts';
import { megabytes, reportText } from './report.ts';

const around = {
  browser: 'B/1',
  isolated: true,
  screen: '1 × 1 @ 1',
  cores: 2,
  storage: { usage: 3.21e7, quota: 1e9 },
};
const ready: EngineState = {
  state: 'ready',
  engine: {
    kind: 'wasm',
    bundle: 'wasm',
    mode: 'f32',
    why: 'no-adapter',
    adapter: '',
    threads: 2,
    limits: { maxBufferSize: 7 },
    features: [],
    selfTest: [{ name: 'matmul', ok: false, error: 0.5 }],
  },
  pack: {
    name: 'small',
    version: '1',
    title: 'Small',
    licence: 'x',
    bytes: 2e7,
    tasks: [],
    steps: { min: 1, default: 4, max: 8 },
    tile: 512,
    auto: false,
    conditions: 'table',
    experiments: {},
    stored: true,
  },
};

describe('reportText', () => {
  it('says engine, reason, self-test, limits, pack and storage', () => {
    const text = reportText(ready, around, null);
    for (const part of [
      'wasm',
      'no-adapter',
      'matmul FAILED 5.0e-1',
      'maxBufferSize 7',
      'small 1, 20 MB',
      '32.1 of 1000 MB',
    ])
      expect(text).toContain(part);
  });

  it('holds no file name of a photo', () => {
    const failure = { code: 'corrupt-image', detail: 'blob holiday-2024.JPEG and Me.heic broke' };
    const text = reportText({ state: 'idle' }, around, failure);
    expect(text).toContain('corrupt-image');
    expect(text).not.toMatch(/holiday|Me\b/);
  });
});

it('megabytes are decimal, one place', () => expect(megabytes(1_250_000)).toBe(1.3));
