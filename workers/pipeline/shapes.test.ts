import { describe, expect, it } from 'vitest';
import { bindShapes, resolveShape } from './shapes.ts';

const photo = { name: 'photo', shape: [1, 3, 'H', 'W'] };
const latents = { name: 'latents', shape: [1, 16, 'h', 'w'] };

describe('shapes', () => {
  it('binds plain symbols and resolves products and quotients', () => {
    const bindings = bindShapes([photo], { photo: [1, 3, 64, 96] });
    expect(resolveShape([1, 16, 'H/8', 'W/8'], bindings)).toEqual([1, 16, 8, 12]);
    expect(resolveShape([1, 3, 'H*2', 5], bindings)).toEqual([1, 3, 128, 5]);
  });

  it('binds through a product or a quotient', () => {
    expect(bindShapes([{ name: 'a', shape: ['H/8', 'w*4'] }], { a: [4, 12] })).toEqual(
      new Map([
        ['H', 32],
        ['w', 3],
      ]),
    );
  });

  it('says null where a symbol is free, and takes what is known', () => {
    expect(resolveShape([1, 'n', 8], bindShapes([latents], { latents: [1, 16, 2, 2] }))).toBeNull();
    expect(resolveShape([1, 'n', 8], bindShapes([latents], { latents: [1, 16, 2, 2] }, { n: 6 }))).toEqual([1, 6, 8]);
  });

  it('refuses shapes that disagree', () => {
    expect(() => bindShapes([photo], { photo: [1, 4, 64, 96] })).toThrow(/declared/);
    expect(() => bindShapes([photo], { photo: [1, 3, 64] })).toThrow(/declared/);
    const skip = { name: 'skip', shape: ['H/8'] };
    expect(() => bindShapes([photo, skip], { photo: [1, 3, 64, 96], skip: [9] })).toThrow(/skip/);
    expect(() => resolveShape(['H/7'], new Map([['H', 64]]))).toThrow(/whole/);
    expect(() => resolveShape(['H-1'], new Map())).toThrow(/dimension/);
  });
});
