/**
 * Edits of an XMP packet as text: RDF/XML is written by many hands, and what is not touched must stay as it is. Prefixes
 * are looked up by their namespace. Pure.
 */
import { type Tried, triedSchema } from '../../pipeline/experiments.ts';

const NS = {
  tiff: 'http://ns.adobe.com/tiff/1.0/',
  exif: 'http://ns.adobe.com/exif/1.0/',
  xmp: 'http://ns.adobe.com/xap/1.0/',
  photoshop: 'http://ns.adobe.com/photoshop/1.0/',
  iptcCore: 'http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/',
  iptcExt: 'http://iptc.org/std/Iptc4xmpExt/2008-02-29/',
  drone: 'http://www.dji.com/drone-dji/1.0/',
  gainMap: 'http://ns.adobe.com/hdr-gain-map/1.0/',
  container: 'http://ns.google.com/photos/1.0/container/',
  camera: 'http://ns.google.com/photos/1.0/camera/',
  note: 'http://ns.adobe.com/xmp/note/',
} as const;

const RDF = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#';
/** Prefixes longer than this are not looked for: a pattern is made of them. */
const PREFIX = /^[\w-]{1,40}$/;

/** Prefixes that a packet gives to a namespace. */
export function prefixesOf(packet: string, namespace: string): string[] {
  const found = new Set<string>();
  for (const [, prefix = '', , value] of packet.matchAll(/xmlns:([^\s=]{1,60})\s*=\s*(["'])(.*?)\2/g)) {
    if (value === namespace && PREFIX.test(prefix)) found.add(prefix);
  }
  return [...found];
}

/** Takes properties out, written as attribute or as element. `name` is a pattern of local names. */
function without(packet: string, namespace: string, name: string): string {
  let out = packet;
  for (const prefix of prefixesOf(packet, namespace)) {
    const full = `${prefix}:(?:${name})`;
    out = out
      .replace(new RegExp(`\\s+${full}\\s*=\\s*("[^"]*"|'[^']*')`, 'g'), '')
      .replace(new RegExp(`<${full}(?:\\s[^<>]*)?/>\\s*`, 'g'), '')
      .replace(new RegExp(`<(${full})(?:\\s[^<>]*)?>[\\s\\S]*?</\\1\\s*>\\s*`, 'g'), '');
  }
  return out;
}

/** Sets a simple property where the packet has it. */
function withValue(packet: string, namespace: string, name: string, value: number): string {
  let out = packet;
  for (const prefix of prefixesOf(packet, namespace)) {
    const full = `${prefix}:${name}`;
    out = out
      .replace(new RegExp(`(\\s${full}\\s*=\\s*)("[^"]*"|'[^']*')`, 'g'), `$1"${value}"`)
      .replace(new RegExp(`(<${full}\\s*>)[^<]*(</${full}\\s*>)`, 'g'), `$1${value}$2`);
  }
  return out;
}

/** Orientation, sizes, no thumbnails, and nothing of an HDR part or a film that the new file does not have. */
export function uprightXmp(packet: string, width: number, height: number): string {
  let out = withValue(packet, NS.tiff, 'Orientation', 1);
  for (const [namespace, names] of [
    [NS.tiff, ['ImageWidth', 'ImageLength']],
    [NS.exif, ['PixelXDimension', 'PixelYDimension']],
  ] as const) {
    out = withValue(out, namespace, names[0], width);
    out = withValue(out, namespace, names[1], height);
  }
  out = without(out, NS.xmp, 'Thumbnails');
  out = without(out, NS.gainMap, '[\\w-]+');
  out = without(out, NS.container, 'Directory');
  return without(out, NS.camera, 'MotionPhoto\\w*|MicroVideo\\w*');
}

export function xmpWithoutPlace(packet: string): string {
  let out = without(packet, NS.exif, 'GPS\\w+');
  out = without(out, NS.photoshop, 'City|State|Country');
  out = without(out, NS.iptcCore, 'Location|CountryCode');
  out = without(out, NS.iptcExt, 'LocationCreated|LocationShown');
  return without(out, NS.drone, 'Gps\\w+|Latitude|Longitude|AbsoluteAltitude');
}

/** Without the reference to extended XMP, which other formats than JPEG don't have. */
export const xmpAlone = (packet: string): string => without(packet, NS.note, 'HasExtendedXMP');

/** Says whether the file announces an HDR gain map or a film. */
export function announces(packet: string): { gainMap: boolean; video: boolean } {
  // A namespace that is only declared is what is left of a map that was taken out.
  const used = (prefix: string) => new RegExp(`[\\s<]${prefix}:[\\w-]`).test(packet);
  return {
    gainMap: prefixesOf(packet, NS.gainMap).some(used) || /apdi:AuxiliaryImageType|HDRGainMap/.test(packet),
    video: prefixesOf(packet, NS.camera).some((prefix) =>
      new RegExp(`${prefix}:(MotionPhoto|MicroVideo)\\b`).test(packet),
    ),
  };
}

/** What the app did to a photo. */
export interface Recipe {
  readonly task: string;
  readonly steps: number;
  readonly seed: number;
  /** The step whose picture was kept; `steps` for the last. */
  readonly kept: number;
  /** Share of the change that the job made, 0 to 1: below 1 where Auto found little damage. */
  readonly amount: number;
  /** What the person set afterwards, 0 to 1. */
  readonly strength: number;
  /** Whether a mask limited where. */
  readonly masked: boolean;
  readonly pack: string;
  readonly packVersion: string;
  /** SHA-256 of the pack's manifest, in hex. */
  readonly packHash: string;
  readonly app: string;
  /** Experiments that were on; absent where everything was as the pack has it. */
  readonly tried?: Tried;
  /** The pack's language model never saw the photo: an approximation that its authors did not test. */
  readonly approximate?: true;
}

const RECIPE = 'tag:photo-restorer,2026:recipe/1.0/';
const escaped = (text: string) =>
  text.replace(/[<>&"']/g, (letter) => `&#${letter.charCodeAt(0)};`).replace(/[^\t\n\r -\uffff]/gu, '');
const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
/** In one go, or an escaped "&" would begin another reference. */
const unescaped = (text: string) =>
  text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w{2,4}));/g, (all, ten?: string, hex?: string, name?: string) => {
    const code = ten ? Number(ten) : hex ? Number.parseInt(hex, 16) : null;
    if (code === null) return NAMED[name ?? ''] ?? all;
    return code <= 0x10ffff ? String.fromCodePoint(code) : '';
  });

const EMPTY =
  '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n' +
  ` <rdf:RDF xmlns:rdf="${RDF}">\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>`;

/** Oldest first, as `readRecipes` gives them: all that was done to the photo. Replaces what the packet said before. */
export function withRecipes(packet: string | null, recipes: readonly Recipe[]): string {
  const own = '\\s*<rdf:Description[^<>]*xmlns:prr="tag:photo-restorer[\\s\\S]*?</rdf:Description>\\s*';
  const base = (packet ?? EMPTY).replace(new RegExp(own, 'g'), '');
  const last = recipes.at(-1);
  // rdf: is the prefix that everybody uses; a packet with another one is left alone.
  const end = base.lastIndexOf('</rdf:RDF>');
  if (end < 0) return packet ?? '';
  if (!last) return packet ? base : '';
  const property = ([name, value]: [string, unknown]) => {
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    return `   <prr:${name}>${escaped(text)}</prr:${name}>\n`;
  };
  const earlier = recipes.slice(0, -1);
  const chain = earlier.length > 0 ? property(['earlier', earlier]) : '';
  const body = Object.entries(last).map(property).join('');
  const description = `\n <rdf:Description rdf:about="" xmlns:prr="${RECIPE}">\n${body}${chain}  </rdf:Description>\n `;
  return base.slice(0, end).trimEnd() + description + base.slice(end);
}

/** What the app did to a photo that it saved, oldest first; empty for other photos, and for what makes no sense. */
export function readRecipes(packet: string | null): Recipe[] {
  const [prefix] = packet ? prefixesOf(packet, RECIPE) : [];
  if (!packet || !prefix) return [];
  const value = (name: string) => {
    const element = new RegExp(`<${prefix}:${name}\\s*>([^<]*)<`).exec(packet)?.[1];
    // Other programs may write the same as an attribute.
    return unescaped(element ?? new RegExp(`\\s${prefix}:${name}\\s*=\\s*"([^"]*)"`).exec(packet)?.[1] ?? '');
  };
  const last = checked({
    task: value('task'),
    steps: Number(value('steps')),
    seed: Number(value('seed')),
    kept: value('kept') || undefined,
    amount: value('amount') || undefined,
    strength: Number(value('strength')),
    masked: value('masked').toLowerCase() === 'true',
    pack: value('pack'),
    packVersion: value('packVersion'),
    packHash: value('packHash'),
    app: value('app'),
    tried: value('tried') === '' ? undefined : parsed(value('tried')),
    approximate: value('approximate').toLowerCase() === 'true',
  });
  const earlier = parsed(value('earlier'));
  const before = Array.isArray(earlier) ? earlier.slice(0, 50).flatMap((one) => checked(one) ?? []) : [];
  return last ? [...before, last] : [];
}

/** Null for what is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function checked(from: unknown): Recipe | null {
  if (typeof from !== 'object' || from === null) return null;
  const one = new Map<string, unknown>(Object.entries(from));
  const text = (name: string) => String(one.get(name) ?? '').slice(0, 200);
  const [steps, seed, strength] = ['steps', 'seed', 'strength'].map((name) => Number(one.get(name)));
  if (!/^[a-z][a-z-]{0,40}$/.test(text('task'))) return null;
  if (!Number.isInteger(steps) || !Number.isInteger(seed) || !((strength ?? -1) >= 0 && (strength ?? 2) <= 1))
    return null;
  // Settings that this version does not know: without them the result would be another one.
  const tried = triedSchema.optional().safeParse(one.get('tried'));
  if (!tried.success) return null;
  // Files of earlier versions do not say these two.
  const kept = Number(one.get('kept') ?? steps);
  const amount = Number(one.get('amount') ?? 1);
  return {
    task: text('task'),
    steps: steps ?? 0,
    seed: seed ?? 0,
    kept: Number.isInteger(kept) && kept >= 1 && kept <= (steps ?? 0) ? kept : (steps ?? 0),
    amount: amount > 0 && amount <= 1 ? amount : 1,
    strength: strength ?? 1,
    masked: one.get('masked') === true,
    pack: text('pack'),
    packVersion: text('packVersion'),
    packHash: text('packHash'),
    app: text('app'),
    ...(tried.data && { tried: tried.data }),
    ...(one.get('approximate') === true && { approximate: true }),
  };
}
