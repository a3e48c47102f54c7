/** Unpacks gzip. Throws (TypeError, from the platform) on bytes that are not gzip or end early. */
export async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}

/** True for gzip's magic bytes. Some servers unpack `.gzip` files on the way (Content-Encoding); then there is nothing to do. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}
