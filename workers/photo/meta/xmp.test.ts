import { describe, expect, it } from 'vitest';
import { announces, type Recipe, readRecipes, uprightXmp, withRecipes, xmpWithoutPlace } from './xmp.ts';

/** As Android writes it for an Ultra HDR motion photo, with another prefix than usual for tiff. */
const PACKET = `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:t="http://ns.adobe.com/tiff/1.0/"
 xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" xmlns:Container="http://ns.google.com/photos/1.0/container/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xmpGImg="http://ns.adobe.com/xap/1.0/g/img/"
 hdrgm:Version="1.0" t:Orientation="6" GCamera:MotionPhoto="1" exif:PixelXDimension="48" photoshop:City='Vienna'
 xmp:Rating="4"><t:ImageLength>32</t:ImageLength><exif:GPSLatitude>48,12.5N</exif:GPSLatitude>
 <xmp:Thumbnails><rdf:Alt><rdf:li xmpGImg:image="AAAA"/></rdf:Alt></xmp:Thumbnails>
 <Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"/></rdf:Seq></Container:Directory>
 </rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`;

describe('a packet of an HDR motion photo', () => {
  it('is known for what it is', () => {
    expect(announces(PACKET)).toEqual({ gainMap: true, video: true });
    expect(announces('<rdf:RDF xmlns:rdf="x"/>')).toEqual({ gainMap: false, video: false });
  });

  it('goes out upright, without what the new file does not have', () => {
    const out = uprightXmp(PACKET, 32, 64);
    expect(out).toContain('t:Orientation="1"');
    expect(out).toContain('exif:PixelXDimension="32"');
    expect(out).toContain('<t:ImageLength>64</t:ImageLength>');
    expect(out).toContain('xmp:Rating="4"');
    for (const gone of ['hdrgm:Version', 'MotionPhoto', 'Container:Directory>', 'Thumbnails', 'AAAA']) {
      expect(out).not.toContain(gone);
    }
  });

  it('can go out without its place', () => {
    const out = xmpWithoutPlace(PACKET);
    expect(out).not.toMatch(/Vienna|48,12/);
    expect(out).toContain('xmp:Rating="4"');
  });
});

describe('recipes', () => {
  const recipe: Recipe = {
    task: 'noise',
    steps: 2,
    seed: 5,
    kept: 1,
    amount: 0.25,
    strength: 0.5,
    masked: false,
    pack: 'a <b> & "c" &lt;',
    packVersion: '1',
    packHash: 'ff',
    app: '0.1.0',
  };

  it('come back as they were, whatever is in them', () => {
    expect(readRecipes(withRecipes(null, [recipe]))).toEqual([recipe]);
    expect(readRecipes(withRecipes(PACKET, [recipe, { ...recipe, task: 'haze' }]))).toHaveLength(2);
  });

  it('tell the experiments that were on, and an approximation; what is not known makes no sense', () => {
    const tried = { referenceId: 1, posterior: 'sample', prompt: 'Take "this" away & <that>' } as const;
    const both: Recipe[] = [
      { ...recipe, tried: { seen: 'grey' } },
      { ...recipe, tried, approximate: true },
    ];
    const packet = withRecipes(PACKET, both);
    expect(readRecipes(packet)).toEqual(both);
    expect(readRecipes(packet.replace('posterior', 'afterlife'))).toEqual([]);
    expect(readRecipes(packet.replace(/(<prr:tried>)[^<]*/, '$1{'))).toEqual([]);
  });

  it('of earlier versions, which did not say the step and the amount, are of the last step and all of it', () => {
    const old = withRecipes(null, [recipe]).replace(/<prr:(kept|amount)>.*?<\/prr:\1>/g, '');
    expect(readRecipes(old)).toEqual([{ ...recipe, kept: 2, amount: 1 }]);
    const absurd = withRecipes(null, [{ ...recipe, kept: 9, amount: -1 }]);
    expect(readRecipes(absurd)).toEqual([{ ...recipe, kept: 2, amount: 1 }]);
  });

  it('are replaced, not piled up, and leave a packet alone that they do not fit', () => {
    const once = withRecipes(PACKET, [recipe]);
    expect(withRecipes(once, [recipe])).toBe(once);
    expect(withRecipes(once, [])).not.toContain('prr:');
    expect(withRecipes('<not rdf>', [recipe])).toBe('<not rdf>');
  });
});
