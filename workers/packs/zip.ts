/**
 * A ZIP as a folder. Entries are unpacked as streams, and only those that the manifest names, up to the length that it
 * gives: a ZIP that unpacks to more than it says is stopped there.
 */
import type { Entry, FileEntry } from '@zip.js/zip.js';
import { EngineError } from '../errors.ts';
import { type GivenFolder, MAX_GIVEN, packPrefix } from './given.ts';

/** Stored or deflated; what else there is no pack needs. */
const METHODS = new Set([0, 8]);

/** @throws EngineError 'pack-damaged', 'pack-missing' */
export async function openZip(file: File): Promise<GivenFolder> {
  // Most visits never open a ZIP.
  const { BlobReader, configure, ZipReader } = await import('@zip.js/zip.js/lib/zip-core-custom.js');
  configure({ useWebWorkers: false });
  const reader = new ZipReader(new BlobReader(file), { checkOverlappingEntry: true, filenameValidation: 'strict' });
  const entries = new Map<string, FileEntry>();
  try {
    for await (const entry of reader.getEntriesGenerator()) {
      if (entry.directory) continue;
      if (entries.size >= MAX_GIVEN) throw damaged(`it has more than ${MAX_GIVEN} files`);
      if (entries.has(entry.filename)) throw damaged(`${entry.filename} is in it twice`);
      entries.set(entry.filename, entry);
    }
  } catch (error) {
    await reader.close();
    throw asDamaged(error);
  }
  const prefix = packPrefix([...entries.keys()]);
  return {
    origin: { kind: 'zip', label: file.name },
    size: async (name) => entries.get(prefix + name)?.uncompressedSize ?? null,
    read: async (name, at) => {
      const entry = entries.get(prefix + name);
      if (!entry) throw new EngineError('pack-missing', `${name} is not in it`, { file: name });
      checkEntry(entry);
      return unpack(entry, at);
    },
    close: () => reader.close(),
  };
}

function checkEntry(entry: Entry): void {
  if (entry.encrypted) throw damaged(`${entry.filename} is encrypted`);
  if (!METHODS.has(entry.compressionMethod))
    throw damaged(`${entry.filename} is packed in a way that is not known here`);
}

function unpack(entry: FileEntry, at: number): ReadableStream<Uint8Array> {
  let passed = 0;
  const skip = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      const from = Math.min(chunk.byteLength, Math.max(0, at - passed));
      passed += chunk.byteLength;
      if (passed > entry.uncompressedSize) controller.error(damaged(`${entry.filename} is longer than it says`));
      else if (from < chunk.byteLength) controller.enqueue(chunk.subarray(from));
    },
  });
  // Its failure reaches the reader through the stream as well.
  entry.getData(skip.writable).catch((error: unknown) => {
    void skip.writable.abort(error).catch(() => undefined);
  });
  return damagedWhereItFails(skip.readable);
}

/** zip.js ends the stream with errors of its own, which are not to be told from others further on. */
function damagedWhereItFails(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const { done, value } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          controller.error(asDamaged(error));
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    // Nothing is unpacked before it is asked for.
    { highWaterMark: 0 },
  );
}

const damaged = (what: string) => new EngineError('pack-damaged', `The ZIP is damaged: ${what}.`);

function asDamaged(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  return damaged(error instanceof Error ? error.message : String(error));
}
