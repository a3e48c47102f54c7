/** What exiftool says of a photo before and after, for every format in and out. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALL } from '../../workers/photo/blend.ts';
import { encodePhoto, type SaveOptions } from '../../workers/photo/encode.ts';
import type { Privacy } from '../../workers/photo/meta/metadata.ts';
import { outgoing } from '../../workers/photo/meta/outgoing.ts';
import { readMetadata } from '../../workers/photo/meta/read.ts';
import { webpWith } from '../../workers/photo/meta/webp.ts';
import { type Recipe, readRecipes } from '../../workers/photo/meta/xmp.ts';
import type { ExportFormat } from '../../workers/protocol.ts';
import { findExiftool } from '../exiftool.mjs';
import { fileOf, fixture, nodePhoto } from './node-photo.ts';

type Tags = Record<string, unknown>;

const known = new Map(
  (JSON.parse(readFileSync(fixture('exiftool.json'), 'utf8')) as Tags[]).map((tags) => [String(tags.SourceFile), tags]),
);
const live = findExiftool();
const folder = mkdtempSync(join(tmpdir(), 'photos-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** One call for all files: starting perl is what takes long. */
function exiftool(paths: readonly string[]): Map<string, Tags> {
  const { stdout } = spawnSync('exiftool', ['-j', '-G1', '-struct', ...paths], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return new Map((JSON.parse(stdout) as Tags[]).map((tags) => [String(tags.SourceFile), tags]));
}

/**
 * Tags that describe the file, not the photo, or that must change: sizes, orientation, the thumbnail's directory, what is
 * computed from others.
 */
const NOT_COMPARED = [
  /^(SourceFile|File:|System:|ExifTool:|Composite:|PNG-pHYs:|Photoshop:|JFIF:|RIFF:|Meta:|Jpeg|QuickTime:|IFD1:|HEIC|AVIF)/,
  /^PNG:(ImageWidth|ImageHeight|BitDepth|ColorType|Compression|Filter|Interlace|ProfileName|Gamma|BackgroundColor|WhitePoint|Red|Green|Blue|Srgb|Modify|Datecreate|Datemodify)/i,
  /^IFD0:(ImageWidth|ImageHeight|BitsPerSample|Compression|PhotometricInterpretation|FillOrder|StripOffsets|SamplesPerPixel|RowsPerStrip|StripByteCounts|PlanarConfiguration|Predictor|ExtraSamples|Tile\w+|PageNumber|SampleFormat|Orientation|DNGVersion|SubfileType|ThumbnailTIFF|YCbCrPositioning)$/,
  /^ExifIFD:(ExifImageWidth|ExifImageHeight)$/,
  /^XMP-tiff:Orientation$/,
  /^XMP-x:/,
];
/** Not a tag of the photo where a format has no place for it; said in `lost` or in the documentation. */
const NO_PLACE: Record<ExportFormat, RegExp> = {
  png: /^$/,
  jpeg: /^PNG:/,
  webp: /^(IPTC:|PNG:)/,
  tiff: /^PNG:/,
};

/** WebP's RGB has no profile for grey. */
const isGreyWebp = (name: string, format: ExportFormat) => format === 'webp' && name.startsWith('grey');

const compared = (tags: Tags, format: ExportFormat): [string, unknown][] =>
  Object.entries(tags).filter(([tag]) => !NOT_COMPARED.some((rule) => rule.test(tag)) && !NO_PLACE[format].test(tag));

const RECIPE: Recipe = {
  task: 'low-light',
  steps: 2,
  seed: 77,
  kept: 1,
  amount: 0.6,
  strength: 0.8,
  masked: true,
  pack: 'small <&"\'> &lt;',
  packVersion: '1.2.0',
  packHash: 'ab12'.repeat(16),
  app: '0.1.0',
};

async function save(
  name: string,
  format: ExportFormat,
  privacy: Privacy,
  recipes: readonly Recipe[] = [RECIPE],
): Promise<string> {
  const photo = await nodePhoto(fileOf(fixture(name)));
  const options: SaveOptions = { format, quality: 0.9, blend: ALL, privacy, recipes };
  const path = pathOf(name, format, privacy);
  let file: Blob;
  if (format === 'webp') {
    // The browser's WebP is sharp's here.
    const { width, height, source, layout } = photo;
    const raw = { width, height, channels: 3 as const };
    const picture = new Blob([new Uint8Array(await sharp(photo.rgb, { raw }).webp().toBuffer())]);
    const icc = layout.channels < 3 ? null : source.icc;
    ({ file } = await webpWith(
      picture,
      outgoing(source.meta, { ...options, width, height, icc, jpeg: false }),
      width,
      height,
    ));
  } else ({ file } = await encodePhoto(photo, photo.rgb, options));
  writeFileSync(path, new Uint8Array(await file.arrayBuffer()));
  return path;
}

const NAMES = [
  'rich.jpg',
  'rgb16-p3.png',
  'rgb16-adobe.tif',
  'p3.webp',
  'p3.avif',
  'p3.heic',
  'p3-16.jxl',
  'grey.jpg',
  'raw.dng',
];
const FORMATS: readonly ExportFormat[] = ['jpeg', 'png', 'tiff', 'webp'];

const pathOf = (name: string, format: ExportFormat, privacy: Privacy): string =>
  join(folder, `${name}-${privacy}.${format}`);

let said = new Map<string, Tags>();

beforeAll(async () => {
  const paths: string[] = [];
  for (const format of FORMATS) {
    for (const name of NAMES) paths.push(await save(name, format, 'keep'));
    for (const privacy of ['nothing', 'no-place'] as const) paths.push(await save('rich.jpg', format, privacy));
  }
  if (live) said = exiftool(paths);
  else console.log('exiftool is not here: its answers are not asked for');
});

describe('fixtures', () => {
  it.runIf(live)('are what exiftool says today', () => {
    const tags = exiftool([fixture('rich.jpg')]).get(fixture('rich.jpg')) ?? {};
    const stored = known.get('rich.jpg') ?? {};
    for (const tag of ['IFD0:Make', 'Canon:OwnerName', 'GPS:GPSLatitude', 'XMP-dc:Title', 'IPTC:City']) {
      expect(tags[tag], tag).toEqual(stored[tag]);
    }
  });
});

describe('metadata kept', () => {
  it.each(NAMES.flatMap((name) => FORMATS.map((format) => [name, format] as const)))(
    '%s as %s',
    async (name, format) => {
      const path = pathOf(name, format, 'keep');
      const before = compared(known.get(name) ?? {}, format).filter(
        ([tag]) => !(isGreyWebp(name, format) && /^ICC/.test(tag)),
      );
      // The picture itself is readable to somebody else.
      const { width, height } = await sharp(path).metadata();
      const photo = await nodePhoto(fileOf(fixture(name)));
      expect([width, height]).toEqual([photo.width, photo.height]);
      const again = await readMetadata(format, fileOf(path));
      expect(readRecipes(again.xmp).at(-1)).toEqual(RECIPE);
      expect(again.orientation).toBe(1);
      if (!live) return;
      const after = said.get(path) ?? {};
      expect(after['ExifTool:Warning'], `${name} as ${format}`).toBeUndefined();
      const missing = before.filter(([tag, value]) => JSON.stringify(after[tag]) !== JSON.stringify(value));
      expect(Object.fromEntries(missing.map(([tag, value]) => [tag, [value, after[tag]]]))).toEqual({});
      const sizes = [after['ExifIFD:ExifImageWidth'], after['ExifIFD:ExifImageHeight']];
      if (known.get(name)?.['ExifIFD:ExifImageWidth'] !== undefined) expect(sizes).toEqual([width, height]);
      expect(after['IFD0:Orientation'] ?? 'Horizontal (normal)').toBe('Horizontal (normal)');
      expect(after['XMP-tiff:Orientation'] ?? 'Horizontal (normal)').toBe('Horizontal (normal)');
      expect(Object.keys(after).filter((tag) => tag.startsWith('IFD1:'))).toEqual([]);
      expect(after['XMP-prr:Task']).toBe('low-light');
      expect(after['XMP-prr:Seed']).toBe(77);
    },
  );
});

describe('privacy', () => {
  it.each(FORMATS)('nothing but colour in a %s', async (format) => {
    const path = pathOf('rich.jpg', format, 'nothing');
    const bytes = readFileSync(path).toString('latin1');
    for (const word of ['Canon', 'Zo', 'Vienna', 'EOS', 'low-light', '2024:05', 'Object'])
      expect(bytes).not.toContain(word);
    const meta = await readMetadata(format, fileOf(path));
    expect([meta.exif, meta.xmp, meta.iptc, meta.comments]).toEqual([
      format === 'tiff' ? meta.exif : null,
      null,
      null,
      [],
    ]);
    expect(meta.icc?.length).toBeGreaterThan(100);
    if (!live) return;
    const tags = Object.keys(said.get(path) ?? {}).filter((tag) => /^(ExifIFD|GPS|IPTC|XMP|Canon|IFD1)/.test(tag));
    expect(tags).toEqual([]);
  });

  it.each(FORMATS)('everything but the place in a %s', async (format) => {
    const path = pathOf('rich.jpg', format, 'no-place');
    const bytes = readFileSync(path).toString('latin1');
    expect(bytes).not.toContain('Vienna');
    expect(bytes).not.toContain('low-light');
    if (!live) return;
    const after = said.get(path) ?? {};
    expect(Object.keys(after).filter((tag) => /GPS|City/.test(tag))).toEqual([]);
    const before = compared(known.get('rich.jpg') ?? {}, format).filter(([tag]) => !/GPS|City/.test(tag));
    const missing = before.filter(([tag, value]) => JSON.stringify(after[tag]) !== JSON.stringify(value));
    expect(missing).toEqual([]);
  });
});

describe('recipe', () => {
  it('adds up over several restorations and replaces what an earlier file said', async () => {
    const second = { ...RECIPE, task: 'noise', masked: false };
    const path = await save('p3-16.jxl', 'png', 'keep', [RECIPE, second]);
    const { xmp } = await readMetadata('png', fileOf(path));
    expect(readRecipes(xmp)).toEqual([RECIPE, second]);
    expect(xmp?.match(/prr:task>/g)?.length).toBe(2);
  });

  it('does not go out with a photo that was restored before, where anything is to be private', async () => {
    const path = await save('p3-16.jxl', 'png', 'keep', [RECIPE]);
    const again = await nodePhoto(fileOf(path));
    expect(readRecipes(again.source.meta.xmp)).toEqual([RECIPE]);
    for (const privacy of ['no-place', 'nothing'] as const) {
      const options: SaveOptions = { format: 'png', quality: 1, blend: ALL, privacy, recipes: [RECIPE] };
      const { file } = await encodePhoto(again, again.rgb, options);
      expect(readRecipes((await readMetadata('png', file)).xmp)).toEqual([]);
    }
  });

  it('is not believed where it makes no sense', () => {
    const broken = (text: string) =>
      `<rdf:RDF><rdf:Description xmlns:prr="tag:photo-restorer,2026:recipe/1.0/">${text}</rdf:Description></rdf:RDF>`;
    expect(readRecipes(null)).toEqual([]);
    expect(readRecipes(broken('<prr:task>../x</prr:task><prr:steps>2</prr:steps>'))).toEqual([]);
    expect(readRecipes(broken('<prr:task>noise</prr:task><prr:steps>2</prr:steps><prr:seed>1e400</prr:seed>'))).toEqual(
      [],
    );
    expect(
      readRecipes(
        broken(
          '<prr:task>noise</prr:task><prr:steps>1</prr:steps><prr:seed>1</prr:seed><prr:strength>7</prr:strength>',
        ),
      ),
    ).toEqual([]);
  });
});
