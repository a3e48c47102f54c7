/** Sentences for what goes wrong with disks while a pack is built. */
import { TaskError } from './pool.ts';

function codeOf(error: unknown): string {
  if (error instanceof TaskError) return error.code;
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/**
 * An error as a person should read it. What was built so far stays in every case, and the same command goes on with it.
 *
 * @param out the pack's folder
 */
export function explain(error: unknown, out: string): Error {
  const message = error instanceof Error ? error.message : String(error);
  const again = 'Then run the same command again: it goes on where it stopped.';
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new Error(`The disk of ${out} is full. Make room. ${again} (${message})`, { cause: error });
    case 'EFBIG':
      return new Error(
        `${out} can't hold files this large. Choose another disk, or smaller files with --shard-mib. (${message})`,
        { cause: error },
      );
    case 'EIO':
      return new Error(`A disk failed to read or write. Check it, or copy the files elsewhere. ${again} (${message})`, {
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new Error(`A file may not be read or written. Change its permissions. ${again} (${message})`, {
        cause: error,
      });
    default:
      return error instanceof Error ? error : new Error(message);
  }
}
