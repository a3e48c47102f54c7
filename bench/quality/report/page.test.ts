import { describe, expect, it } from 'vitest';
import { pageOf } from './page.ts';

describe('the report', () => {
  it('escapes its texts and fetches nothing', () => {
    const cell = { label: 'ours, 30.1 dB <b>', source: 'data:image/jpeg;base64,AAAA' };
    const html = pageOf(
      'A & B',
      'intro',
      [{ title: 'noise', note: '', rows: [{ title: 'best', cells: [cell] }] }],
      'a < b',
    );
    expect(html).toContain('<h1>A &amp; B</h1>');
    expect(html).toContain('alt="ours, 30.1 dB &lt;b&gt;"');
    expect(html).toContain('<pre>a &lt; b</pre>');
    expect(html).not.toMatch(/https?:|<script|<link/);
  });
});
