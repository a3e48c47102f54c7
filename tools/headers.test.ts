import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import headers from '../src/headers.json' with { type: 'json' };

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

describe('headers', () => {
  it.each(Object.entries(headers))('%s is the same in _headers and three times in docs/deploy.md', (name, value) => {
    expect(read('public/_headers')).toContain(`  ${name}: ${value}\n`);
    const docs = read('docs/deploy.md');
    expect(docs).toContain(`  ${name}: ${value}\n`);
    expect(docs.split(`add_header ${name} "${value}" always;`)).toHaveLength(3);
    expect(docs).toContain(`\t\t${name} "${value}"\n`);
  });

  it('lets scripts and connections come from this origin only', () => {
    const policy = new Map(
      headers['Content-Security-Policy'].split('; ').map((part) => {
        const [name = '', ...sources] = part.split(' ');
        return [name, sources];
      }),
    );
    expect(policy.get('default-src')).toEqual(["'none'"]);
    expect(policy.get('connect-src')).toEqual(["'self'"]);
    expect(policy.get('script-src')).toEqual(["'self'", "'wasm-unsafe-eval'"]);
    expect(policy.get('require-trusted-types-for')).toEqual(["'script'"]);
    expect(headers['Content-Security-Policy']).not.toMatch(/'unsafe-(inline|eval)'|\*/);
  });
});
