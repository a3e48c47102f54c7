import { useTranslation } from 'react-i18next';
import type { ExportFormat } from '../../../workers/protocol.ts';
import { action } from '../../app/actions.ts';
import { ActionButton, Range, Segments } from '../../app/ui.tsx';
import { useApp } from '../../store/index.ts';
import './save.css';

const FORMATS: readonly ExportFormat[] = ['png', 'jpeg', 'webp'];

export function SaveBar() {
  const { t } = useTranslation();
  const ready = useApp((state) => state.result !== null && state.job !== 'running');
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
      <div className="save-buttons">
        <ActionButton id="save" look="primary" className="save-main" />
        {action('share').offered?.() && <ActionButton id="share" look="icon" />}
      </div>
    </div>
  );
}
