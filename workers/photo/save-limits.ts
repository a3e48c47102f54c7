/** What the formats to save in can't hold, and the errors that say so. */
import { EngineError } from '../errors.ts';
import type { ExportFormat } from '../protocol.ts';

const NAMES: Readonly<Record<ExportFormat, string>> = { png: 'PNG', jpeg: 'JPEG', webp: 'WebP', tiff: 'TIFF' };

/**
 * px a side. PNG and TIFF have room for more than a photo that can be opened. JPEG's header has it up to 65535, but libjpeg,
 * with which nearly every program reads JPEGs, refuses more than 65500.
 */
const MOST_SIDE: Readonly<Partial<Record<ExportFormat, number>>> = { jpeg: 65_500, webp: 16_383 };

/** @throws EngineError 'save-unsupported' (values: format, limit, width, height) */
export function checkSides(format: ExportFormat, { width, height }: { width: number; height: number }): void {
  const limit = MOST_SIDE[format];
  if (limit === undefined || Math.max(width, height) <= limit) return;
  const detail = `${width} × ${height} px as ${format}, which holds ${limit} a side`;
  throw new EngineError('save-unsupported', detail, { format: NAMES[format], limit, width, height });
}

export const notWritten = (format: ExportFormat, detail: string): EngineError =>
  new EngineError('save-unsupported', detail, { format: NAMES[format] });
