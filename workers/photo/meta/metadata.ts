/** What a photo's file says beside its pixels, in a form that any of the written formats can take up. */
import type { Bytes } from '../bytes.ts';

export interface Metadata {
  /** A TIFF structure, as in JPEG's APP1 behind "Exif\0\0", in PNG's eXIf and in WebP's EXIF. */
  readonly exif: Bytes | null;
  /** The packet, RDF/XML. */
  readonly xmp: string | null;
  /** JPEG only: extended XMP segments, whole, without marker and length. */
  readonly xmpExtended: readonly Bytes[];
  /** IPTC-IIM datasets, without Photoshop's resource around them. */
  readonly iptc: Bytes | null;
  /** Photoshop's other image resources, without thumbnails. */
  readonly resources: Bytes | null;
  readonly icc: Bytes | null;
  readonly comments: readonly string[];
  /** PNG's text chunks, whole, without length and CRC; those that hold other metadata are left out. */
  readonly texts: readonly { readonly type: string; readonly data: Bytes }[];
  /** JFIF's density: unit 0 (aspect), 1 (inch) or 2 (cm). */
  readonly density: { readonly unit: number; readonly x: number; readonly y: number } | null;
  /** Other JPEG application segments, with their marker, without length. */
  readonly segments: readonly { readonly marker: number; readonly data: Bytes }[];
  /** EXIF orientation, 1 to 8, that is still to be applied to the decoded pixels as the file stores them. */
  readonly orientation: number;
  /** What the file has and no result can carry. */
  readonly lost: readonly Loss[];
}

/**
 * - `gain-map`: the HDR part of a photo; its base image is kept
 * - `video`: the film of a motion photo
 * - `more-pictures`: further pictures in the file
 * - `profile`: a colour profile that is not a matrix; the photo goes on in sRGB
 * - `depth`: more than 8 bits a channel that the decoder does not give
 * - `credentials`: content credentials (C2PA), which are not valid for changed pixels
 * - `maker-note`, `xmp`: too large for the format that was saved to
 * - `iptc`: has no place in the format that was saved to
 * - `raw`: of a raw file, its own developed picture is used
 * - `damaged`: metadata that can't be read
 */
export type Loss =
  | 'gain-map'
  | 'video'
  | 'more-pictures'
  | 'profile'
  | 'depth'
  | 'credentials'
  | 'maker-note'
  | 'xmp'
  | 'iptc'
  | 'raw'
  | 'damaged';

export const NO_METADATA: Metadata = {
  exif: null,
  xmp: null,
  xmpExtended: [],
  iptc: null,
  resources: null,
  icc: null,
  comments: [],
  texts: [],
  density: null,
  segments: [],
  orientation: 1,
  lost: [],
};

/** What a person lets go out: everything, everything but the place, or nothing. */
export type Privacy = 'keep' | 'no-place' | 'nothing';
