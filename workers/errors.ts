/** Errors that a person is told about. The code picks the sentence (in the UI's language); `detail` is for the report. */
export type ErrorCode =
  | 'not-an-image'
  | 'corrupt-image'
  | 'empty-file'
  | 'too-many-pixels'
  | 'unsupported-image'
  | 'save-unsupported'
  | 'no-canvas'
  | 'pack-missing'
  | 'pack-damaged'
  | 'pack-incomplete'
  | 'pack-unreachable'
  | 'pack-changed'
  | 'pack-busy'
  | 'host-blocked'
  | 'no-storage'
  | 'no-engine'
  | 'device-lost'
  | 'out-of-memory'
  | 'bad-numbers'
  | 'cancelled'
  | 'step-not-kept'
  | 'storage-full'
  | 'internal';

export class EngineError extends Error {
  readonly code: ErrorCode;
  /** Numbers and names for the sentence, e.g. `{ pixels: 9e8, limit: 5e7 }`. */
  readonly values: Readonly<Record<string, string | number>>;
  constructor(code: ErrorCode, detail = '', values: Readonly<Record<string, string | number>> = {}) {
    super(detail || code);
    this.name = 'EngineError';
    this.code = code;
    this.values = values;
  }
}
