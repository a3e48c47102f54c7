/**
 * Serves dist/ on localhost with the headers of src/headers.json, and prints the address.
 *   node tools/serve.mjs [--port 4173] [--strict-port] [--base /sub/path/] [--no-headers] [--log] [--packs FOLDER] [--dist FOLDER]
 *     [--quiet]
 * PORT in the environment does what --port does. When the port is taken, a free one is used.
 * --no-headers imitates a static host where no headers can be set (the service worker then adds them).
 * --log prints every request. For tests: --packs serves one more folder of packs beside those of the build, --dist another
 * build than that of dist/.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sirv from 'sirv';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: process.env.PORT ?? '4173' },
    'strict-port': { type: 'boolean', default: false },
    base: { type: 'string', default: '/' },
    'no-headers': { type: 'boolean', default: false },
    packs: { type: 'string' },
    dist: { type: 'string', default: fileURLToPath(new URL('../dist', import.meta.url)) },
    log: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
});
const base = `/${values.base.replace(/^\/+|\/+$/g, '')}/`.replace('//', '/');
const { dist } = values;
if (!existsSync(`${dist}/index.html`)) {
  console.error(`There is no build in ${dist}. Run "npm run build" first, or "npm start", which does both.`);
  process.exit(1);
}
const headers = values['no-headers']
  ? {}
  : JSON.parse(readFileSync(new URL('../src/headers.json', import.meta.url), 'utf8'));

/** @type {import('sirv').Options} */
const options = {
  etag: true,
  dotfiles: false,
  setHeaders(response, path) {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    // Vite puts a hash into these names; everything else may change under the same name.
    response.setHeader('Cache-Control', path.startsWith('/assets/') ? 'max-age=31536000, immutable' : 'no-cache');
    if (path.endsWith('.gzip')) response.setHeader('Content-Type', 'application/octet-stream');
  },
};
const files = sirv(dist, options);
const morePacks = values.packs === undefined ? null : sirv(values.packs, options);

const server = createServer((request, response) => {
  const url = request.url ?? '/';
  if (values.log) console.log(`${request.method} ${url}`);
  if (`${url}/` === base) {
    response.writeHead(308, { Location: base }).end();
    return;
  }
  if (!url.startsWith(base)) {
    response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Not found');
    return;
  }
  request.url = `/${url.slice(base.length)}`;
  const missing = () => response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Not found');
  files(request, response, () => {
    if (!morePacks || !request.url?.startsWith('/packs/')) return missing();
    request.url = request.url.slice('/packs'.length);
    morePacks(request, response, missing);
  });
});
server.on('error', (error) => {
  if ('code' in error && error.code === 'EADDRINUSE' && !values['strict-port']) server.listen(0, 'localhost');
  else throw error;
});
server.on('listening', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : values.port;
  console.log(`http://localhost:${port}${base}`);
  if (!values.quiet) console.log('Open this address in a browser. Ctrl+C stops the server.');
});
server.listen(Number(values.port), 'localhost');
