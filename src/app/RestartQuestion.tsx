import { AlertDialog } from '@base-ui/react/alert-dialog';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { useApp } from '../store/index.ts';
import { Confirm } from './Confirm.tsx';

/** Whether the results of the open photo may go for what was changed in a dialog (`restart.ts`). */
export function RestartQuestion() {
  const { t } = useTranslation();
  const restart = useApp((state) => state.restart);
  const { setUi } = useApp.getState();
  // Not asked any more when the dialog under it is closed.
  useEffect(() => () => setUi({ restart: null }), [setUi]);
  return (
    <AlertDialog.Root open={restart !== null} onOpenChange={(open) => !open && setUi({ restart: null })}>
      <Confirm title={t('restart.title')} text={t('restart.text')} keep={t('restart.keep')}>
        <AlertDialog.Close className="button button-danger" onClick={() => restart?.()}>
          {t('restart.confirm')}
        </AlertDialog.Close>
      </Confirm>
    </AlertDialog.Root>
  );
}
