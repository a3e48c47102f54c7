import { ImageUp } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { ActionButton } from '../../app/ui.tsx';
import { useApp } from '../../store/index.ts';
import { Demos } from '../demo/Demos.tsx';
import { hasCamera } from './picker.ts';
import './import.css';

/** The page before a photo is open. */
export function EmptyState() {
  const { t } = useTranslation();
  const opening = useApp((state) => state.opening);
  const touch = hasCamera();
  if (opening) {
    return (
      <div className="empty">
        <p className="empty-opening">{t('import.opening')}</p>
      </div>
    );
  }
  return (
    <div className="empty">
      <div className="empty-main">
        <ImageUp className="empty-icon" aria-hidden />
        <h1 className="empty-title">{t(touch ? 'import.titleTouch' : 'import.title')}</h1>
        <p className="empty-hint">{t(touch ? 'import.hintTouch' : 'import.hint')}</p>
        <div className="empty-buttons">
          <ActionButton id="open" look="primary" />
          {touch && <ActionButton id="camera" />}
          <ActionButton id="queue" />
        </div>
      </div>
      <Demos />
    </div>
  );
}

/** Over everything while a file is dragged across the page. */
export function DropOverlay() {
  const { t } = useTranslation();
  const dragging = useApp((state) => state.dragging);
  if (!dragging) return null;
  return (
    <div className="drop" aria-hidden>
      <p className="drop-card">
        <ImageUp className="icon" aria-hidden />
        {t('import.drop')}
      </p>
    </div>
  );
}
