/** Takes the missing pieces of a pack out of what a person gave. */
import { EngineError } from '../errors.ts';
import { chunksOf } from './disk.ts';
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
  const buffers = [new Uint8Array(PIECE_BYTES), new Uint8Array(PIECE_BYTES)] as const;
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
  buffers: readonly [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>],
  onBytes: (inFlight: number) => void,
  signal: AbortSignal,
): Promise<void> {
  let piece = first;
  let got = 0;
  let putting: Promise<void> = Promise.resolve();
  const put = async (which: number, bytes: Uint8Array<ArrayBuffer>) => {
    if (!writer.has(file, which) && !(await writer.put(file, which, bytes)))
      throw damaged(file, `is damaged in piece ${which}`);
  };
  try {
    for await (const chunk of chunksOf(stream)) {
      if (signal.aborted) throw new EngineError('cancelled');
      for (let from = 0; from < chunk.byteLength; ) {
        if (piece >= file.pieces.length) throw damaged(file, 'is longer than its manifest says');
        const { bytes } = pieceRange(file, piece);
        const buffer = buffers[piece % 2 === 0 ? 0 : 1];
        const part = chunk.subarray(from, from + bytes - got);
        buffer.set(part, got);
        got += part.byteLength;
        from += part.byteLength;
        onBytes(got);
        if (got < bytes) continue;
        // The other buffer is free again once the piece before this one is written.
        await putting;
        putting = put(piece, buffer.subarray(0, bytes));
        // Awaited with the next piece; a failure before that is no stray rejection.
        putting.catch(() => undefined);
        piece += 1;
        got = 0;
      }
    }
  } finally {
    await putting;
  }
  if (piece < file.pieces.length) throw damaged(file, `ends in piece ${piece}`);
}

function damaged(file: PlannedFile, what: string): EngineError {
  return new EngineError('pack-damaged', `${file.name} ${what}.`, { file: file.name });
}
