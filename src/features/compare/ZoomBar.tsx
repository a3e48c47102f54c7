import { useTranslation } from 'react-i18next';
import { ActionButton } from '../../app/ui.tsx';
import { useApp } from '../../store/index.ts';
import { fitView } from './geometry.ts';

/** Zoom, fit, 100 %, and the original while the button is held. */
export function ZoomBar() {
  const { t, i18n } = useTranslation();
  const photo = useApp((state) => state.photo);
  const viewport = useApp((state) => state.viewport);
  const view = useApp((state) => state.view);
  if (!photo || viewport.width === 0) return null;
  const scale = (view ?? fitView(photo.info, viewport)).scale * devicePixelRatio;
  const shown = new Intl.NumberFormat(i18n.language, { style: 'percent' }).format(scale);
  return (
    <fieldset className="zoom">
      <legend className="sr-only">{t('compare.zoom')}</legend>
      <ActionButton id="original" look="icon" />
      <span className="zoom-line" aria-hidden />
      <ActionButton id="zoomOut" look="icon" />
      <span className="zoom-value">{shown}</span>
      <ActionButton id="zoomIn" look="icon" />
      <ActionButton id="fit" look="icon" />
      <ActionButton id="actual" look="icon" mark="1:1" />
    </fieldset>
  );
}
