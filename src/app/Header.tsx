import { Aperture } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useApp } from '../store/index.ts';
import { ActionButton } from './ui.tsx';

export function Header() {
  const { t } = useTranslation();
  const photo = useApp((state) => state.photo);
  return (
    <header className="header">
      <p className="brand">
        <Aperture className="brand-mark" aria-hidden />
        <span className={photo ? 'brand-name brand-name-small' : 'brand-name'}>{t('app.name')}</span>
      </p>
      {photo && (
        <div className="header-photo">
          <h1 className="header-name">{photo.name}</h1>
          <p className="header-size">{t('import.size', { width: photo.info.width, height: photo.info.height })}</p>
        </div>
      )}
      <nav className="header-actions" aria-label={t('groups.app')}>
        {photo && <ActionButton id="open" look="icon" />}
        {photo && <ActionButton id="close" look="icon" />}
        <ActionButton id="queue" look="icon" />
        <ActionButton id="help" look="icon" className="header-wide" />
        <ActionButton id="packs" look="icon" className="header-wide" />
        <ActionButton id="device" look="icon" />
        <ActionButton id="settings" look="icon" />
      </nav>
    </header>
  );
}
