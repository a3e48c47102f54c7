/** Makes every icon in public/icons/ from tools/icons/icon.svg: `npm run icons`. */
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const source = fileURLToPath(new URL('icon.svg', import.meta.url));
const out = fileURLToPath(new URL('../../public/icons/', import.meta.url));

await mkdir(out, { recursive: true });
await copyFile(source, `${out}icon.svg`);
for (const size of [192, 512]) {
  await sharp(source, { density: 192 })
    .resize(size, size)
    .png({ compressionLevel: 9 })
    .toFile(`${out}icon-${size}.png`);
}
// Masked icons lose up to a fifth on every side: square ground, and the drawing at 80 %.
const square = (await readFile(source, 'utf8')).replace('rx="112"', '');
const inner = square
  .replace('viewBox="0 0 512 512"', 'viewBox="-64 -64 640 640"')
  .replace(/<rect id="ground"[^>]*>/, '');
for (const [name, size] of [
  ['maskable-512.png', 512],
  ['apple-touch-icon.png', 180],
] as const) {
  await sharp(Buffer.from(inner), { density: 192 })
    .resize(size, size)
    .flatten({ background: '#1d1f24' })
    .png({ compressionLevel: 9 })
    .toFile(`${out}${name}`);
}
