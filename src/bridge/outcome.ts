/** What a call into the engine gives back on the page's side of the door. */
import type { ErrorCode } from '../../workers/errors.ts';
import type { Outcome } from '../../workers/protocol.ts';

/** The worker's own codes, and those that only the page can find. */
export const PAGE_CODES = [
  'engine-busy',
  'engine-taken',
  'engine-hung',
  'needs-https',
  'no-image-given',
  'demo-missing',
  'folder-failed',
  'results-full',
] as const;
export type AppErrorCode = ErrorCode | (typeof PAGE_CODES)[number];

export interface Failure {
  code: AppErrorCode;
  detail: string;
  values: Readonly<Record<string, string | number>>;
}

export type Result<T> = { ok: true; value: T } | ({ ok: false } & Failure);

export function fail(code: AppErrorCode, detail = '', values: Failure['values'] = {}): { ok: false } & Failure {
  return { ok: false, code, detail, values };
}

export function failureOf(result: { ok: false } & Failure): Failure {
  return { code: result.code, detail: result.detail, values: result.values };
}

/** A thrown value never crosses into the UI: it becomes an `internal` failure with its text kept for the report. */
export async function settle<T>(call: Promise<Outcome<T>>): Promise<Result<T>> {
  try {
    return await call;
  } catch (error) {
    return fail('internal', error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  }
}
