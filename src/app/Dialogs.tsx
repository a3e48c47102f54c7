import { Dialog } from '@base-ui/react/dialog';
import { X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { DeviceInfo } from '../features/device/DeviceInfo.tsx';
import { PackManager } from '../features/packs/PackManager.tsx';
import { ResultsSheet } from '../features/results/ResultsSheet.tsx';
import { SettingsForm } from '../features/settings/SettingsForm.tsx';
import { useApp } from '../store/index.ts';
import type { DialogName } from '../store/uiSlice.ts';
import { HelpSheet } from './HelpSheet.tsx';
import { LeaveQuestion } from './LeaveQuestion.tsx';
import { RestartQuestion } from './RestartQuestion.tsx';
import './dialogs.css';

const CONTENT: Readonly<Record<DialogName, () => React.JSX.Element>> = {
  settings: SettingsForm,
  device: DeviceInfo,
  packs: PackManager,
  help: HelpSheet,
  results: ResultsSheet,
};

/** One dialog at a time, over the photo. Its name is that of the action that opens it. Questions are asked over it. */
export default function Dialogs() {
  const { t } = useTranslation();
  const name = useApp((state) => state.dialog);
  const setUi = useApp((state) => state.setUi);
  if (!name) return <LeaveQuestion />;
  const Content = CONTENT[name];
  return (
    <Dialog.Root open onOpenChange={(open) => !open && setUi({ dialog: null })}>
      <Dialog.Portal>
        <Dialog.Backdrop className="dialog-backdrop" />
        <Dialog.Popup className="dialog" data-name={name}>
          <div className="dialog-head">
            <Dialog.Title className="dialog-title">{t(`actions.${name}`)}</Dialog.Title>
            <Dialog.Close className="button button-icon button-quiet">
              <X className="icon" aria-hidden />
              <span className="sr-only">{t('buttons.close')}</span>
            </Dialog.Close>
          </div>
          {/* Long content scrolls, and a keyboard must be able to scroll it. */}
          <section className="dialog-body" aria-label={t(`actions.${name}`)} {...{ tabIndex: 0 }}>
            <Content />
          </section>
          <RestartQuestion />
          <LeaveQuestion />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
