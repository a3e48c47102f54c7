import { describe, expect, it } from 'vitest';
import { ByteReader, Memory } from './byte-reader.ts';

const SOURCE = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) & 0xff);

/** In chunks of 64 bytes, as bodies of answers come (`bytes`) or as a ZIP is unpacked. */
function stream(bytes: boolean): ReadableStream<Uint8Array> {
  let at = 0;
  const next = () => {
    at += 64;
    return SOURCE.slice(at - 64, at);
  };
  if (!bytes) {
    return new ReadableStream<Uint8Array>({
      pull: (controller) => (at < SOURCE.length ? controller.enqueue(next()) : controller.close()),
    });
  }
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (at < SOURCE.length) return controller.enqueue(next());
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
}

async function readAll(reader: ByteReader, memory: Memory, limit: number): Promise<number> {
  let got = 0;
  for (let more = 1; more > 0; got += more) more = await reader.read(memory, got, Math.min(limit, 1001 - got));
  return got;
}

describe('a reader of bytes', () => {
  for (const [name, bytes] of [
    ['a stream that writes into its memory', true],
    ['a stream of chunks', false],
  ] as const) {
    for (const limit of [1, 50, 64, 1001]) {
      it(`reads ${name}, at most ${limit} bytes at a time`, async () => {
        const memory = new Memory(1001);
        const got = await readAll(new ByteReader(stream(bytes)), memory, limit);
        expect(got).toBe(SOURCE.length);
        expect(memory.view(0, got)).toEqual(SOURCE);
      });
    }

    it(`hands on what breaks ${name}`, async () => {
      const type = bytes ? ('bytes' as const) : undefined;
      const broken = new ReadableStream<Uint8Array>({
        type: type as undefined,
        pull: () => Promise.reject(new Error('broken')),
      });
      await expect(new ByteReader(broken).read(new Memory(8), 0, 8)).rejects.toThrow('broken');
    });
  }

  it('leaves memory alone that was taken for something else while nobody waited', async () => {
    let late: ReadableByteStreamController | undefined;
    const slow = new ReadableStream({
      type: 'bytes',
      start: (controller) => {
        late = controller;
      },
    });
    const memory = new Memory(8);
    const given = new ByteReader(slow).read(memory, 0, 8);
    memory.view(0, 8).fill(7);
    late?.enqueue(new Uint8Array(8).fill(1));
    await given;
    expect(memory.view(0, 8)).toEqual(new Uint8Array(8).fill(7));
  });
});
