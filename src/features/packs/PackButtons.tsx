import { AlertDialog } from '@base-ui/react/alert-dialog';
import { useTranslation } from 'react-i18next';
import type { StoredPack } from '../../../workers/packs/protocol.ts';
import { bytesText } from '../../app/amounts.ts';
import { Confirm } from '../../app/Confirm.tsx';
import { useApp } from '../../store/index.ts';
import { packKey } from '../../store/packsSlice.ts';
import { canPickFolder } from './given.ts';
import {
  cancelPack,
  checkPack,
  continuePack,
  exportPack,
  isSame,
  isWorking,
  pausePack,
  removePack,
  repairPack,
  updatePack,
} from './work.ts';

export function PackButtons({ pack }: { pack: StoredPack }) {
  const { t } = useTranslation();
  const news = useApp((state) => state.packNews[packKey(pack.id)]);
  const { status, origin } = pack;
  if (isWorking(status)) return <Working pack={pack} />;
  const known = pack.needs.bytes > 0;
  const fromUrl = origin.kind === 'url';
  const broken = news?.kind === 'broken';
  return (
    <div className="pack-buttons">
      {known && !pack.complete && fromUrl && (
        <Plain
          name={t(broken ? 'packs.repair' : 'packs.continue')}
          disabled={pack.busyElsewhere}
          run={() => (broken ? repairPack(pack) : continuePack(pack))}
        />
      )}
      {pack.complete && <Plain name={t('packs.check')} run={() => checkPack(pack)} />}
      {known && pack.complete && fromUrl && <Plain name={t('packs.update')} run={() => updatePack(pack)} />}
      {pack.complete && canPickFolder() && <Plain name={t('packs.export')} run={() => exportPack(pack)} />}
      <Remove pack={pack} />
      {known && !pack.complete && !fromUrl && <p className="field-hint">{t('packs.giveAgain')}</p>}
    </div>
  );
}

/** While something is under way. What is imported can't be held: its files are the person's. */
function Working({ pack }: { pack: StoredPack }) {
  const { t } = useTranslation();
  const { state } = pack.status;
  const canPause = pack.origin.kind === 'url' && (state === 'downloading' || state === 'waiting');
  return (
    <div className="pack-buttons">
      {canPause && <Plain name={t('packs.pause')} run={() => pausePack(pack)} />}
      {pack.complete ? (
        <Plain name={t('packs.stop')} run={() => pausePack(pack)} />
      ) : (
        <Plain name={t('packs.cancel')} run={() => cancelPack(pack)} />
      )}
    </div>
  );
}

function Plain({ name, run, disabled = false }: { name: string; run: () => Promise<void>; disabled?: boolean }) {
  return (
    <button type="button" className="button" disabled={disabled} onClick={() => void run()}>
      {name}
    </button>
  );
}

function Remove({ pack }: { pack: StoredPack }) {
  const { t, i18n } = useTranslation();
  const used = useApp((state) => isSame(state.settings.pack, pack.id));
  const running = useApp((state) => state.job === 'running');
  const results = useApp((state) => state.results.length > 0);
  const { title } = pack;
  const bytes = bytesText(pack.onDisk, i18n.language);
  return (
    <AlertDialog.Root>
      <AlertDialog.Trigger className="button button-danger" disabled={pack.busyElsewhere || (used && running)}>
        {t('packs.remove')}
      </AlertDialog.Trigger>
      <Confirm
        title={t('packs.removeTitle', { title })}
        text={
          <>
            {t('packs.removeText', { bytes })} {used && t('packs.removeUsed')} {used && results && t('restart.text')}
          </>
        }
        keep={t('packs.keep')}
      >
        <AlertDialog.Close className="button button-danger" onClick={() => void removePack(pack)}>
          {t('packs.removeConfirm')}
        </AlertDialog.Close>
      </Confirm>
    </AlertDialog.Root>
  );
}
