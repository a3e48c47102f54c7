/**
 * Streams of bytes, read into memory that is used again and again. Where a stream can write into its reader's memory (bodies of
 * answers and files can, in Chromium and Firefox) no byte is copied and no chunk is left for the garbage collector: at hundreds of
 * megabytes a second it comes too late, and the heap grows by what it has not collected yet.
 */

/**
 * A piece of memory that streams may write into. What is lent to a read moves to another ArrayBuffer, so a view of it holds only
 * until the next read.
 */
export class Memory {
  readonly byteLength: number;
  #buffer: ArrayBuffer | null = null;
  /** Counts the loans. */
  #loan = 0;

  /** Takes no memory before it is first used. */
  constructor(byteLength: number) {
    this.byteLength = byteLength;
  }

  view(at: number, bytes: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#present(), at, bytes);
  }

  lend(): { buffer: ArrayBuffer; loan: number } {
    const buffer = this.#present();
    this.#loan += 1;
    return { buffer, loan: this.#loan };
  }

  /** What comes back from a read that nobody waits for any more is not taken: there is other memory in its place. */
  giveBack(buffer: ArrayBuffer, loan: number): void {
    if (loan === this.#loan) this.#buffer = buffer;
  }

  /** A buffer that was lent and never came back is detached, and empty. */
  #present(): ArrayBuffer {
    if (!this.#buffer || this.#buffer.byteLength !== this.byteLength) {
      this.#buffer = new ArrayBuffer(this.byteLength);
      this.#loan += 1;
    }
    return this.#buffer;
  }
}

export class ByteReader {
  readonly #own: ReadableStreamBYOBReader | null;
  readonly #chunks: ReadableStreamDefaultReader<Uint8Array> | null;
  /** What of the last chunk did not fit. */
  #rest: Uint8Array = new Uint8Array();

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#own = ownReader(stream);
    this.#chunks = this.#own ? null : stream.getReader();
  }

  /** Reads what comes next to `at`, at most `limit` bytes (not 0). Answers how many; 0 at the end. Throws what the stream does. */
  async read(memory: Memory, at: number, limit: number): Promise<number> {
    if (!this.#own) return this.#copy(memory, at, limit);
    const { buffer, loan } = memory.lend();
    const { value } = await this.#own.read(new Uint8Array(buffer, at, limit));
    // A stream that was cancelled keeps what was lent.
    if (!value) return 0;
    memory.giveBack(value.buffer, loan);
    return value.byteLength;
  }

  async #copy(memory: Memory, at: number, limit: number): Promise<number> {
    while (this.#rest.byteLength === 0) {
      const part = await this.#chunks?.read();
      if (!part || part.done) return 0;
      this.#rest = part.value;
    }
    const part = this.#rest.subarray(0, limit);
    memory.view(at, part.byteLength).set(part);
    this.#rest = this.#rest.subarray(part.byteLength);
    return part.byteLength;
  }

  /** Lets the stream go; what it still has is dropped. */
  async cancel(): Promise<void> {
    await (this.#own ?? this.#chunks)?.cancel().catch(() => undefined);
  }
}

/** Null for streams of chunks: what a ZIP is unpacked to, and all streams where browsers do not know better. */
function ownReader(stream: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | null {
  try {
    return stream.getReader({ mode: 'byob' });
  } catch {
    return null;
  }
}
