import { FolderOpen, PackageOpen } from 'lucide-react';
import { type DragEvent, useEffect, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { packs } from '../../app/packs.ts';
import { useApp } from '../../store/index.ts';
import { canPickFolder, fromDrop, fromInput, pickFolder } from './given.ts';
import { Offer } from './Offer.tsx';
import { FailureText } from './parts.tsx';
import { allowHost, lookAtGiven, lookAtUrl, stopAdding } from './work.ts';

export function AddPack() {
  const { t } = useTranslation();
  const id = useId();
  const [over, setOver] = useState(false);
  const hold = (event: DragEvent) => {
    event.preventDefault();
    // The page takes dropped files for photos.
    event.stopPropagation();
  };
  return (
    <section
      className="pack-add"
      aria-labelledby={id}
      data-over={over || undefined}
      onDragEnter={hold}
      onDragLeave={(event) => {
        hold(event);
        setOver(false);
      }}
      onDragOver={(event) => {
        hold(event);
        setOver(true);
      }}
      onDrop={(event) => {
        hold(event);
        setOver(false);
        void fromDrop(event.dataTransfer).then((given) => given && lookAtGiven(given));
      }}
    >
      <h3 className="pack-title" id={id}>
        {t('packs.add')}
      </h3>
      <Address />
      <Files />
      <Found />
      <Hosts />
    </section>
  );
}

function Address() {
  const { t } = useTranslation();
  const id = useId();
  const [address, setAddress] = useState('');
  return (
    <form
      className="field"
      onSubmit={(event) => {
        event.preventDefault();
        if (address.trim()) void lookAtUrl(address);
      }}
    >
      <label className="field-label" htmlFor={id}>
        {t('packs.address')}
      </label>
      <div className="pack-address">
        <input
          id={id}
          className="number"
          type="text"
          inputMode="url"
          autoComplete="off"
          spellCheck={false}
          placeholder="https://…/manifest.json"
          value={address}
          onChange={(event) => setAddress(event.target.value)}
        />
        <button type="submit" className="button">
          {t('packs.look')}
        </button>
      </div>
    </form>
  );
}

function Files() {
  const { t } = useTranslation();
  const folder = useRef<HTMLInputElement>(null);
  const zip = useRef<HTMLInputElement>(null);
  const pick = async () => {
    if (!canPickFolder()) return folder.current?.click();
    const handle = await pickFolder('read');
    if (handle) await lookAtGiven({ kind: 'folder', handle });
  };
  return (
    <>
      <div className="pack-buttons">
        <button type="button" className="button" onClick={() => void pick()}>
          <FolderOpen className="icon" aria-hidden />
          {t('packs.folder')}
        </button>
        <button type="button" className="button" onClick={() => zip.current?.click()}>
          <PackageOpen className="icon" aria-hidden />
          {t('packs.zip')}
        </button>
      </div>
      <p className="field-hint">{t('packs.dropHint')}</p>
      <div hidden>
        <input
          ref={folder}
          type="file"
          {...{ webkitdirectory: '' }}
          aria-label={t('packs.folder')}
          onChange={({ target }) => {
            const files = [...(target.files ?? [])];
            target.value = '';
            if (files.length > 0) void lookAtGiven(fromInput(files));
          }}
        />
        <input
          ref={zip}
          type="file"
          accept=".zip,application/zip"
          aria-label={t('packs.zip')}
          onChange={({ target }) => {
            const [file] = target.files ?? [];
            target.value = '';
            if (file) void lookAtGiven({ kind: 'zip', file });
          }}
        />
      </div>
    </>
  );
}

/** What came of looking: an offer, a question, or what is wrong. It takes the focus: it is what was asked for. */
function Found() {
  const { t } = useTranslation();
  const adding = useApp((state) => state.adding);
  const box = useRef<HTMLDivElement>(null);
  const { state } = adding;
  useEffect(() => {
    if (state === 'offer' || state === 'host') box.current?.focus({ preventScroll: true });
    if (state !== 'idle') box.current?.scrollIntoView({ block: 'nearest' });
  }, [state]);
  return (
    <div className="pack-found" ref={box} tabIndex={-1}>
      <p className="packs-news" role="status">
        {state === 'looking' && t('packs.looking')}
      </p>
      {adding.state === 'offer' && <Offer offer={adding.offer} from={adding.from} />}
      {adding.state === 'failed' && <FailureText failure={adding.failure} />}
      {adding.state === 'host' && (
        <section className="pack" aria-label={t('packs.hostTitle')}>
          <p>{t('packs.hostText', { host: adding.host })}</p>
          <div className="pack-buttons">
            <button type="button" className="button button-primary" onClick={() => void allowHost(adding.url)}>
              {t('packs.hostAllow')}
            </button>
            <button type="button" className="button" onClick={stopAdding}>
              {t('packs.notNow')}
            </button>
          </div>
        </section>
      )}
    </div>
  );
}

/** Hosts that were allowed earlier, each with a way back. */
function Hosts() {
  const { t } = useTranslation();
  const adding = useApp((state) => state.adding.state);
  const [hosts, setHosts] = useState<readonly string[]>([]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a host may have been allowed whenever adding went on
  useEffect(() => void packs.hosts().then(setHosts), [adding]);
  if (hosts.length === 0) return null;
  const forbid = async (host: string) => {
    await packs.forbidHost(host);
    setHosts(await packs.hosts());
  };
  return (
    <div className="field">
      <span className="field-label">{t('packs.hosts')}</span>
      <ul className="pack-hosts">
        {hosts.map((host) => (
          <li key={host} className="field-row">
            <span className="pack-host">{host}</span>
            <button
              type="button"
              className="button button-quiet"
              aria-label={t('packs.hostForbid', { host })}
              onClick={() => void forbid(host)}
            >
              {t('packs.remove')}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
