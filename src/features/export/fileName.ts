import type { ExportFormat } from '../../../workers/protocol.ts';

export const ENDING: Record<ExportFormat, string> = { png: 'png', jpeg: 'jpg', webp: 'webp', tiff: 'tif' };

/** `holiday.heic` as jpeg becomes `holiday-restored.jpg`. */
export function restoredName(name: string, format: ExportFormat): string {
  const dot = name.lastIndexOf('.');
  const stem = (dot > 0 ? name.slice(0, dot) : name).trim() || 'photo';
  return `${stem}-restored.${ENDING[format]}`;
}
