import { Switch } from '@base-ui/react/switch';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { action } from '../../app/actions.ts';
import { restartWith } from '../../app/restart.ts';
import { Choice, Segments } from '../../app/ui.tsx';
import type { EngineChoice } from '../../bridge/params.ts';
import { useApp } from '../../store/index.ts';
import { GPU_GIGABYTES, type Settings, type Theme } from '../../store/settingsSlice.ts';
import { allowNotifications } from '../restore/notify.ts';
import { DeleteData } from './DeleteData.tsx';
import './settings.css';

const THEMES: readonly Theme[] = ['system', 'light', 'dark'];
const ENGINES: readonly EngineChoice[] = ['auto', 'webgpu', 'wasm'];

export function SettingsForm() {
  const { t } = useTranslation();
  const settings = useApp((state) => state.settings);
  const set = useApp((state) => state.setSettings);
  const running = useApp((state) => state.job === 'running');
  return (
    <div className="settings">
      <Choice<Settings['language']>
        label={t('settings.language')}
        value={settings.language}
        options={[
          { value: 'system', label: t('settings.languageSystem') },
          { value: 'en', label: 'English' },
          { value: 'zh', label: '中文' },
        ]}
        onChange={(language) => set({ language })}
      />
      <div className="field">
        <span className="field-label">{t('settings.theme')}</span>
        <Segments
          label={t('settings.theme')}
          value={settings.theme}
          options={THEMES.map((value) => ({ value, label: t(`settings.themes.${value}`) }))}
          onChange={(theme) => set({ theme })}
        />
      </div>
      <Choice<EngineChoice>
        label={t('settings.engine')}
        value={settings.engineChoice}
        disabled={running}
        options={ENGINES.map((value) => ({ value, label: t(`settings.engines.${value}`) }))}
        onChange={(engineChoice) => restartWith(() => set({ engineChoice }))}
      />
      <Choice<Settings['gpuGigabytes']>
        label={t('settings.gpuMemory')}
        value={settings.gpuGigabytes}
        disabled={running || settings.engineChoice === 'wasm'}
        options={GPU_GIGABYTES.map((value) => ({ value, label: t('settings.gigabytes', { count: Number(value) }) }))}
        onChange={(gpuGigabytes) => restartWith(() => set({ gpuGigabytes }))}
      />
      <button type="button" className="button settings-start" onClick={action('packs').run}>
        {t('packs.open')}
      </button>
      <Notify />
      <Flip label={t('settings.singleKeys')} on={settings.singleKeys} onChange={(singleKeys) => set({ singleKeys })} />
      <Install />
      <DeleteData />
    </div>
  );
}

function Flip(props: { label: string; on: boolean; onChange: (on: boolean) => void; hint?: string }) {
  const id = useId();
  return (
    <div className="field">
      <div className="field-row">
        <span className="field-label" id={id}>
          {props.label}
        </span>
        <Switch.Root className="switch" aria-labelledby={id} checked={props.on} onCheckedChange={props.onChange}>
          <Switch.Thumb className="switch-thumb" />
        </Switch.Root>
      </div>
      {props.hint && (
        <p className="field-hint" role="note">
          {props.hint}
        </p>
      )}
    </div>
  );
}

/** The browser is asked for its permission only when the switch is turned on. */
function Notify() {
  const { t } = useTranslation();
  const on = useApp((state) => state.settings.notify);
  const set = useApp((state) => state.setSettings);
  const [denied, setDenied] = useState(false);
  const change = async (wanted: boolean) => {
    const notify = wanted && (await allowNotifications());
    setDenied(wanted && !notify);
    set({ notify });
  };
  return (
    <Flip
      label={t('settings.notify')}
      on={on}
      onChange={(wanted) => void change(wanted)}
      {...(denied && { hint: t('settings.notifyDenied') })}
    />
  );
}

function Install() {
  const { t } = useTranslation();
  const install = useApp((state) => state.install);
  if (!install) return null;
  return (
    <div className="field">
      <button type="button" className="button settings-start" onClick={install}>
        {t('settings.install')}
      </button>
      <p className="field-hint">{t('settings.installHint')}</p>
    </div>
  );
}
