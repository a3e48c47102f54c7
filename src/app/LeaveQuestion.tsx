import { AlertDialog } from '@base-ui/react/alert-dialog';
import { useTranslation } from 'react-i18next';
import { useApp } from '../store/index.ts';
import { Confirm } from './Confirm.tsx';

/** Whether the open photo may be closed although results of it were not saved (`leave.ts`). */
export function LeaveQuestion() {
  const { t } = useTranslation();
  const leave = useApp((state) => state.leave);
  const { setResults } = useApp.getState();
  return (
    <AlertDialog.Root open={leave !== null} onOpenChange={(open) => !open && setResults({ leave: null })}>
      <Confirm title={t('leave.title')} text={t('leave.text')} keep={t('leave.keep')}>
        <AlertDialog.Close className="button button-danger" onClick={() => leave?.()}>
          {t('leave.confirm')}
        </AlertDialog.Close>
      </Confirm>
    </AlertDialog.Root>
  );
}
