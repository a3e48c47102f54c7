import { useTranslation } from 'react-i18next';
import type { Privacy } from '../../../workers/photo/meta/metadata.ts';
import type { ExportFormat } from '../../../workers/protocol.ts';
import { Choice, Range, Segments } from '../../app/ui.tsx';
import { useApp } from '../../store/index.ts';
import './save.css';

const FORMATS: readonly ExportFormat[] = ['png', 'jpeg', 'webp', 'tiff'];

const PRIVACY: readonly Privacy[] = ['keep', 'no-place', 'nothing'];

/** How results are written, a single photo's as well as those of the queue. */
export function SaveChoices() {
  const { t } = useTranslation();
  const format = useApp((state) => state.format);
  const quality = useApp((state) => state.quality);
  const privacy = useApp((state) => state.settings.privacy);
  const { choose, setSettings } = useApp.getState();
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
