import { useTranslation } from 'react-i18next';
import type { ExportFormat } from '../../../workers/protocol.ts';
import { action } from '../../app/actions.ts';
import { ActionButton, Range, Segments } from '../../app/ui.tsx';
import { type AppState, useApp } from '../../store/index.ts';
import './save.css';

const FORMATS: readonly ExportFormat[] = ['png', 'jpeg', 'webp'];

const isReady = (state: AppState): boolean => state.result !== null && state.job !== 'running';

/** How the result is to be saved. */
export function SaveOptions() {
  const { t } = useTranslation();
  const ready = useApp(isReady);
  const format = useApp((state) => state.format);
  const quality = useApp((state) => state.quality);
  const choose = useApp((state) => state.choose);
  if (!ready) return null;
  return (
    <div className="save">
      <Segments
        label={t('save.format')}
        value={format}
        options={FORMATS.map((value) => ({ value, label: t(`save.${value}`) }))}
        onChange={(value) => choose({ format: value })}
      />
      {format !== 'png' && (
        <Range
          label={t('save.quality')}
          value={Math.round(quality * 100)}
          min={40}
          max={100}
          onChange={(value) => choose({ quality: value / 100 })}
        />
      )}
    </div>
  );
}

export function SaveButtons() {
  const ready = useApp(isReady);
  if (!ready) return null;
  return (
    <>
      <ActionButton id="save" look="primary" />
      {action('share').offered?.() && <ActionButton id="share" look="icon" />}
    </>
  );
}
