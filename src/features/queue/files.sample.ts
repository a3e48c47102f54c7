/** Stands for the private file system, which Node has not: as much of it as the queue uses. */
export class SampleFolder {
  readonly files = new Map<string, Blob>();
  readonly folders = new Map<string, SampleFolder>();
  /** Makes every write fail as a full disk does. */
  full = false;
  /** What Safari before 26 lacks in a page. */
  readonly canWrite: boolean;
  /** Of files: when they were written last. */
  writtenAt = Date.now();

  constructor(canWrite = true) {
    this.canWrite = canWrite;
  }

  async *keys(): AsyncGenerator<string> {
    yield* [...this.files.keys(), ...this.folders.keys()];
  }

  async getDirectoryHandle(name: string): Promise<SampleFolder> {
    const folder = this.folders.get(name) ?? new SampleFolder(this.canWrite);
    folder.full = this.full;
    this.folders.set(name, folder);
    return folder;
  }

  async getFileHandle(name: string, { create = false } = {}) {
    if (!this.files.has(name) && !create) throw new DOMException(name, 'NotFoundError');
    if (!this.files.has(name)) this.files.set(name, new Blob([]));
    const parts: BlobPart[] = [];
    const createWritable = async () =>
      new WritableStream<BlobPart>({
        write: (part) => {
          if (this.full) throw new DOMException('no room', 'QuotaExceededError');
          parts.push(part);
        },
        close: () => void this.files.set(name, new Blob(parts)),
      });
    return {
      getFile: async () => new File([this.files.get(name) ?? ''], name, { lastModified: this.writtenAt }),
      ...(this.canWrite && { createWritable }),
    };
  }

  async removeEntry(name: string): Promise<void> {
    if (!this.files.delete(name) && !this.folders.delete(name)) throw new DOMException(name, 'NotFoundError');
  }
}
