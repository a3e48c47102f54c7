/** An HDR photo as phones write it: a JPEG, and behind it the gain map as a second one (Ultra HDR 1.1, CIPA DC-007). */
import sharp from 'sharp';

const HDRGM = 'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"';
const CONTAINER =
  'xmlns:Container="http://ns.google.com/photos/1.0/container/" xmlns:Item="http://ns.google.com/photos/1.0/container/item/"';

function segment(marker: number, data: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(data.length + 2, 2);
  return Buffer.concat([head, data]);
}

const xmp = (names: string, attributes: string, body = ''): Buffer =>
  segment(
    0xe1,
    Buffer.from(
      `http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" ${names} ${attributes}>${body}</rdf:Description></rdf:RDF></x:xmpmeta>`,
    ),
  );

const item = (semantic: string, length: string): string =>
  `<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="${semantic}" Item:Mime="image/jpeg"${length}/></rdf:li>`;

/** CIPA DC-007: version, number of pictures, and for each its size and where it lies behind this block's byte order. */
function multiPicture(baseBytes: number, mapBytes: number, mapAt: number): Buffer {
  const block = Buffer.alloc(50 + 32);
  block.write('MM\0*', 0, 'latin1');
  block.writeUInt32BE(8, 4);
  block.writeUInt16BE(3, 8);
  const entry = (index: number, tag: number, type: number, count: number, value: number) => {
    const at = 10 + 12 * index;
    block.writeUInt16BE(tag, at);
    block.writeUInt16BE(type, at + 2);
    block.writeUInt32BE(count, at + 4);
    block.writeUInt32BE(value, at + 8);
  };
  entry(0, 0xb000, 7, 4, 0x30313030);
  entry(1, 0xb001, 4, 1, 2);
  entry(2, 0xb002, 7, 32, 50);
  block.writeUInt32BE(0x030000, 50);
  block.writeUInt32BE(baseBytes, 54);
  block.writeUInt32BE(mapBytes, 70);
  block.writeUInt32BE(mapAt, 74);
  return segment(0xe2, Buffer.concat([Buffer.from('MPF\0'), block]));
}

/** @returns the photo, and its base image as a JPEG of its own */
export async function gainMapJpeg(width: number, height: number): Promise<{ photo: Buffer; base: Buffer }> {
  const noise = Buffer.from(Uint8Array.from({ length: 3 * width * height }, (_, i) => 40 + ((i * 53) % 170)));
  const base = await sharp(noise, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 92 })
    .toBuffer();
  const plain = await sharp({ create: { width: width / 2, height: height / 2, channels: 3, background: '#808080' } })
    .toColourspace('b-w')
    .jpeg()
    .toBuffer();
  const gains = 'hdrgm:Version="1.0" hdrgm:GainMapMin="0" hdrgm:GainMapMax="2" hdrgm:HDRCapacityMax="2"';
  const map = Buffer.concat([plain.subarray(0, 2), xmp(HDRGM, gains), plain.subarray(2)]);
  const list = `<Container:Directory><rdf:Seq>${item('Primary', '')}${item('GainMap', ` Item:Length="${map.length}"`)}</rdf:Seq></Container:Directory>`;
  const own = xmp(`${HDRGM} ${CONTAINER}`, 'hdrgm:Version="1.0"', list);
  const iso = segment(0xe2, Buffer.concat([Buffer.from('urn:iso:std:iso:ts:21496:-1\0'), Buffer.alloc(4)]));
  const bytes = base.length + own.length + iso.length + multiPicture(0, 0, 0).length;
  // Offsets count from the byte order, 8 bytes behind the segment's marker.
  const pictures = multiPicture(bytes, map.length, bytes - (2 + own.length + iso.length + 8));
  return { photo: Buffer.concat([base.subarray(0, 2), own, iso, pictures, base.subarray(2), map]), base };
}
