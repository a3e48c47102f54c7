import { useTranslation } from 'react-i18next';
import type { Privacy } from '../../../workers/photo/meta/metadata.ts';
import type { ExportFormat } from '../../../workers/protocol.ts';
import { action } from '../../app/actions.ts';
import { ActionButton, Choice, Range, Segments } from '../../app/ui.tsx';
import { type AppState, useApp } from '../../store/index.ts';
import './save.css';

const FORMATS: readonly ExportFormat[] = ['png', 'jpeg', 'webp', 'tiff'];

const PRIVACY: readonly Privacy[] = ['keep', 'no-place', 'nothing'];

const isReady = (state: AppState): boolean => state.result !== null && state.job !== 'running';

/** How the result is to be saved. */
export function SaveOptions() {
  const { t } = useTranslation();
  const ready = useApp(isReady);
  const format = useApp((state) => state.format);
  const quality = useApp((state) => state.quality);
  const choose = useApp((state) => state.choose);
  const privacy = useApp((state) => state.settings.privacy);
  const setSettings = useApp((state) => state.setSettings);
  if (!ready) return null;
  return (
    <div className="save">
      <Segments
        label={t('save.format')}
        value={format}
        options={FORMATS.map((value) => ({ value, label: t(`save.${value}`) }))}
        onChange={(value) => choose({ format: value })}
      />
      {(format === 'jpeg' || format === 'webp') && (
        <Range
          label={t('save.quality')}
          value={Math.round(quality * 100)}
          min={40}
          max={100}
          onChange={(value) => choose({ quality: value / 100 })}
        />
      )}
      <Choice<Privacy>
        label={t('save.metadata')}
        value={privacy}
        options={PRIVACY.map((value) => ({ value, label: t(`save.privacy.${value}`) }))}
        onChange={(value) => setSettings({ privacy: value })}
      />
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
