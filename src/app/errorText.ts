import type { TFunction } from 'i18next';
import type { Failure } from '../bridge/outcome.ts';
import { bytesText } from './amounts.ts';

/** What happened and what to do, in the person's language, with the numbers where the engine gave them. */
export function errorText(failure: Failure, t: TFunction, language: string): { title: string; text: string } {
  const { code, values } = failure;
  return { title: t(`errors.${code}.title`), text: sentence() };

  function sentence(): string {
    const { pixels, limit, width, height, type } = values;
    if (code === 'too-many-pixels' && pixels !== undefined && limit !== undefined && width !== undefined) {
      const mega = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
      return t('errors.too-many-pixels.size', {
        width,
        height,
        pixels: mega.format(Number(pixels) / 1e6),
        limit: mega.format(Number(limit) / 1e6),
      });
    }
    if (code === 'unsupported-image' && type !== undefined) {
      return t('errors.unsupported-image.size', { kind: String(type).replace('image/', '').toUpperCase() });
    }
    if (code === 'save-unsupported' && limit !== undefined) return t('errors.save-unsupported.size', values);
    const { missing, removable } = values;
    if (code === 'storage-full' && missing !== undefined) {
      const amounts = {
        missing: bytesText(Number(missing), language),
        removable: bytesText(Number(removable), language),
      };
      return t(Number(removable) > 0 ? 'errors.storage-full.removable' : 'errors.storage-full.size', amounts);
    }
    return t(`errors.${code}.text`, values);
  }
}
