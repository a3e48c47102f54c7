/** What of a photo's metadata goes into the file of its result. Pure. */
import type { Bytes } from '../bytes.ts';
import { exifWithoutPlace, uprightExif } from './exif.ts';
import { iptcWithoutPlace, resourcesWithoutDigest } from './iptc.ts';
import { type Metadata, NO_METADATA, type Privacy } from './metadata.ts';
import { type Recipe, uprightXmp, withRecipes, xmpAlone, xmpWithoutPlace } from './xmp.ts';

export interface Outgoing {
  /** px of the upright photo. */
  readonly width: number;
  readonly height: number;
  readonly privacy: Privacy;
  /** All that was done to the photo, oldest first; left out where anything is to be private. */
  readonly recipes: readonly Recipe[];
  /** The profile of the written pixels; colours need it whatever is to be private. */
  readonly icc: Bytes | null;
  /** Only JPEG takes extended XMP and other segments. */
  readonly jpeg: boolean;
}

export function outgoing(meta: Metadata, { width, height, privacy, recipes, icc, jpeg }: Outgoing): Metadata {
  if (privacy === 'nothing') return { ...NO_METADATA, icc };
  const isPrivate = privacy === 'no-place';
  const extended = jpeg && !isPrivate ? meta.xmpExtended : [];
  const exif = meta.exif && uprightExif(meta.exif, width, height);
  let xmp = meta.xmp && uprightXmp(meta.xmp, width, height);
  if (xmp && extended.length === 0) xmp = xmpAlone(xmp);
  if (isPrivate) {
    return {
      ...meta,
      exif: exif && exifWithoutPlace(exif),
      xmp: xmp && xmpWithoutPlace(withRecipes(xmp, [])),
      xmpExtended: [],
      iptc: meta.iptc && iptcWithoutPlace(meta.iptc),
      resources: meta.resources && resourcesWithoutDigest(meta.resources),
      icc,
      segments: [],
    };
  }
  return {
    ...meta,
    exif,
    xmp: recipes.length > 0 ? withRecipes(xmp, recipes) : xmp,
    xmpExtended: extended,
    icc,
    segments: jpeg ? meta.segments : [],
  };
}
