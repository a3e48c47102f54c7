/** Takes the missing pieces of a pack out of what a person gave. */
import { EngineError } from '../errors.ts';
import { ByteReader, Memory } from './byte-reader.ts';
import type { GivenFolder } from './given.ts';
import { PIECE_BYTES } from './manifest.ts';
import { type PlannedFile, pieceRange } from './pack-plan.ts';
import type { PackWriter } from './pack-writer.ts';

/**
 * @param onBytes told how far it is, in bytes beyond those that the writer has
 * @throws EngineError 'pack-missing', 'pack-damaged' (values: file), 'cancelled', 'storage-full'
 */
export async function takeIn(
  writer: PackWriter,
  given: GivenFolder,
  onBytes: (inFlight: number) => void,
  signal: AbortSignal,
): Promise<void> {
  // Two buffers: while one piece is hashed and written, the next is read.
  const buffers = [new Memory(PIECE_BYTES), new Memory(PIECE_BYTES)] as const;
  for (const file of writer.plan.files) {
    const first = file.pieces.findIndex((_, piece) => !writer.has(file, piece));
    if (first < 0) continue;
    const name = [...writer.plan.byName].filter(([, planned]) => planned === file).map(([each]) => each);
    const present = await firstPresent(given, name);
    if (present.size !== file.bytes) throw damaged(file, `has ${present.size} bytes, not ${file.bytes}`);
    await takeFile(writer, file, first, await given.read(present.name, first * PIECE_BYTES), buffers, onBytes, signal);
  }
}

/** The same content may have several names; one of them is enough. */
async function firstPresent(given: GivenFolder, names: readonly string[]): Promise<{ name: string; size: number }> {
  for (const name of names) {
    const size = await given.size(name);
    if (size !== null) return { name, size };
  }
  throw new EngineError('pack-missing', `${names[0]} is not in it`, { file: names[0] ?? '' });
}

async function takeFile(
  writer: PackWriter,
  file: PlannedFile,
  first: number,
  stream: ReadableStream<Uint8Array>,
  buffers: readonly [Memory, Memory],
  onBytes: (inFlight: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const reader = new ByteReader(stream);
  let putting: Promise<void> = Promise.resolve();
  const put = async (which: number, memory: Memory) => {
    if (!writer.has(file, which) && !(await writer.put(file, which, memory)))
      throw damaged(file, `is damaged in piece ${which}`);
  };
  try {
    for (let piece = first; piece < file.pieces.length; piece++) {
      const { bytes } = pieceRange(file, piece);
      const buffer = buffers[piece % 2 === 0 ? 0 : 1];
      for (let got = 0; got < bytes; ) {
        if (signal.aborted) throw new EngineError('cancelled');
        const more = await reader.read(buffer, got, bytes - got);
        if (more === 0) throw damaged(file, `ends in piece ${piece}`);
        got += more;
        onBytes(got);
      }
      // The other buffer is free again once the piece before this one is written.
      await putting;
      putting = put(piece, buffer);
      // Awaited with the next piece; a failure before that is no stray rejection.
      putting.catch(() => undefined);
    }
    await putting;
    if ((await reader.read(buffers[0], 0, 1)) > 0) throw damaged(file, 'is longer than its manifest says');
  } finally {
    await putting.catch(() => undefined);
    await reader.cancel();
  }
}

function damaged(file: PlannedFile, what: string): EngineError {
  return new EngineError('pack-damaged', `${file.name} ${what}.`, { file: file.name });
}
