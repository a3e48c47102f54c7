import type { TFunction } from 'i18next';
import { Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { PackInfo } from '../../../workers/protocol.ts';
import { whyKey } from '../../app/Panel.tsx';
import { toast } from '../../app/toast.ts';
import type { EngineState } from '../../bridge/engine.ts';
import { useApp } from '../../store/index.ts';
import { type Around, lookAround, megabytes, reportText } from './report.ts';

export function DeviceInfo() {
  const { t } = useTranslation();
  const state = useApp((app) => app.engine);
  const failure = useApp((app) => app.failure);
  const [around, setAround] = useState<Around | null>(null);
  useEffect(() => void lookAround().then(setAround), []);
  const copy = async () => {
    const text = reportText(state, around ?? (await lookAround()), failure);
    try {
      // There is no clipboard on plain http.
      await navigator.clipboard.writeText(text);
      toast(t('device.copied'));
    } catch {
      toast(t('device.copyFailed'));
    }
  };
  return (
    <div className="sheet">
      {state.state === 'ready' ? <EngineRows ready={state} /> : <p>{t('device.notStarted')}</p>}
      {around && <AroundRows around={around} />}
      {state.state === 'ready' && <Limits limits={state.engine.limits} />}
      <button type="button" className="button" onClick={() => void copy()}>
        <Copy className="icon" aria-hidden />
        {t('device.copy')}
      </button>
    </div>
  );
}

function Row({ name, value }: { name: string; value: React.ReactNode }) {
  return (
    <div className="sheet-row">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function EngineRows({ ready }: { ready: Extract<EngineState, { state: 'ready' }> }) {
  const { t } = useTranslation();
  const { engine, pack } = ready;
  const tests = engine.selfTest.map(({ name, ok }) => t(ok ? 'device.passed' : 'device.failedTest', { name }));
  return (
    <dl>
      <Row name={t('device.engine')} value={t(`engine.kind.${engine.kind}`)} />
      <Row name={t('device.why')} value={t(whyKey(engine.why))} />
      <Row name={t('device.adapter')} value={engine.adapter || t('device.none')} />
      <Row name={t('device.bundle')} value={engine.bundle} />
      <Row name={t('device.mode')} value={engine.mode} />
      <Row name={t('device.threads')} value={engine.threads} />
      <Row name={t('device.selfTest')} value={tests.join(', ') || t('device.none')} />
      <Row
        name={t('device.pack')}
        value={`${pack.title} ${pack.version}, ${t('device.megabytes', { count: megabytes(pack.bytes) })}`}
      />
      {pack.memory && <Row name={t('device.memory')} value={memoryText(t, pack.memory)} />}
      <Row name={t('device.stored')} value={pack.stored !== false ? t('device.yes') : t('device.no')} />
    </dl>
  );
}

/** "All 57 blocks stay on the graphics card" or "Streams 41 of 57 blocks". */
function memoryText(t: TFunction, { blocks, streamed, bytes }: NonNullable<PackInfo['memory']>): string {
  const gigabytes = (bytes / 1e9).toFixed(1);
  return t(streamed === 0 ? 'device.allStay' : 'device.streams', { blocks, streamed, gigabytes });
}

function AroundRows({ around }: { around: Around }) {
  const { t } = useTranslation();
  const { storage } = around;
  return (
    <dl>
      {storage && (
        <Row
          name={t('device.storage')}
          value={t('device.ofMegabytes', { used: megabytes(storage.usage), total: megabytes(storage.quota) })}
        />
      )}
      <Row name={t('device.isolated')} value={around.isolated ? t('device.yes') : t('device.no')} />
      <Row name={t('device.browser')} value={around.browser} />
    </dl>
  );
}

function Limits({ limits }: { limits: Record<string, number> }) {
  const { t, i18n } = useTranslation();
  const entries = Object.entries(limits);
  if (entries.length === 0) return null;
  const number = new Intl.NumberFormat(i18n.language);
  return (
    <section>
      <h3 className="sheet-title">{t('device.limits')}</h3>
      <dl>
        {entries.map(([name, value]) => (
          <Row key={name} name={name} value={number.format(value)} />
        ))}
      </dl>
    </section>
  );
}
