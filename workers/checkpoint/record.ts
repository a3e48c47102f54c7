/**
 * The container of everything that a checkpoint writes, so that what was cut off, overwritten in part or made by another
 * version is never taken for whole:
 *
 *   "JOB" 0x01 · u32 length of the header (little-endian) · header, JSON in UTF-8 · SHA-256 of all before it · payload
 *
 * The header names the payload's length and SHA-256. The byte behind "JOB" is the version of the format.
 */
import { sha256Hex } from '../packs/store.ts';

const MAGIC = Uint8Array.of(0x4a, 0x4f, 0x42, 1);
const HASH_BYTES = 32;
const MAX_HEADER = 64 * 1024;

interface Header {
  readonly body: unknown;
  readonly payload: { readonly bytes: number; readonly sha256: string };
}

export interface OpenRecord {
  /** As it was given to `encodeRecord`, through JSON. The caller checks it. */
  readonly body: unknown;
  /** Where the payload begins in the file. */
  readonly start: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** @returns what comes before the payload in the file */
export async function encodeRecord(body: unknown, payload: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const header: Header = { body, payload: { bytes: payload.byteLength, sha256: await sha256Hex(payload) } };
  const text = new TextEncoder().encode(JSON.stringify(header));
  if (text.byteLength > MAX_HEADER) throw new RangeError(`a header of ${text.byteLength} bytes`);
  const out = new Uint8Array(8 + text.byteLength + HASH_BYTES);
  out.set(MAGIC);
  new DataView(out.buffer).setUint32(4, text.byteLength, true);
  out.set(text, 8);
  const hashed = out.slice(0, 8 + text.byteLength);
  out.set(new Uint8Array(await crypto.subtle.digest('SHA-256', hashed)), hashed.byteLength);
  return out;
}

/** The most bytes that `openRecord` needs to see of a file. */
export const RECORD_HEAD = 8 + MAX_HEADER + HASH_BYTES;

/**
 * Reads what comes before the payload; null where it is not whole, or the payload can't be.
 *
 * @param head the file's first `RECORD_HEAD` bytes, or all of it
 * @param size bytes of the whole file
 */
export async function openRecord(head: Uint8Array<ArrayBuffer>, size: number): Promise<OpenRecord | null> {
  if (head.byteLength < 8 || MAGIC.some((byte, i) => head[i] !== byte)) return null;
  const length = new DataView(head.buffer, head.byteOffset).getUint32(4, true);
  const end = 8 + length;
  if (length > MAX_HEADER || head.byteLength < end + HASH_BYTES) return null;
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', head.slice(0, end)));
  if (hash.some((byte, i) => head[end + i] !== byte)) return null;
  // The hash says that `encodeRecord` wrote this.
  const { body, payload } = JSON.parse(new TextDecoder().decode(head.subarray(8, end))) as Header;
  const start = end + HASH_BYTES;
  return size === start + payload.bytes ? { body, start, ...payload } : null;
}

/** Whether a payload is the one that was written. */
export async function isWhole({ bytes, sha256 }: OpenRecord, payload: Uint8Array<ArrayBuffer>): Promise<boolean> {
  return payload.byteLength === bytes && (await sha256Hex(payload)) === sha256;
}
