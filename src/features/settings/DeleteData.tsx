import { AlertDialog } from '@base-ui/react/alert-dialog';
import { useTranslation } from 'react-i18next';
import { Confirm } from '../../app/Confirm.tsx';
import { toast } from '../../app/toast.ts';
import { useApp } from '../../store/index.ts';
import { deleteAll } from './deleteAll.ts';

export function DeleteData() {
  const { t } = useTranslation();
  const setUi = useApp((state) => state.setUi);
  const confirm = async () => {
    await deleteAll();
    setUi({ dialog: null });
    toast(t('settings.deleted'));
  };
  return (
    <div className="field settings-data">
      <span className="field-label">{t('settings.data')}</span>
      <p className="field-hint">{t('settings.dataHint')}</p>
      <AlertDialog.Root>
        <AlertDialog.Trigger className="button button-danger settings-start">
          {t('settings.delete')}
        </AlertDialog.Trigger>
        <Confirm title={t('settings.deleteTitle')} text={t('settings.deleteText')} keep={t('settings.deleteCancel')}>
          <button type="button" className="button button-danger" onClick={() => void confirm()}>
            {t('settings.deleteConfirm')}
          </button>
        </Confirm>
      </AlertDialog.Root>
    </div>
  );
}
