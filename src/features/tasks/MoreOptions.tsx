import { Collapsible } from '@base-ui/react/collapsible';
import { ChevronDown, Dices } from 'lucide-react';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { Choice, Range } from '../../app/ui.tsx';
import { useApp } from '../../store/index.ts';
import './options.css';

const SEED_MAX = 2 ** 31 - 1;
/** Multiples of every pack's patch; those larger than the pack's own tile are not offered. */
const TILES = [128, 256, 512, 1024];

export function MoreOptions() {
  const { t } = useTranslation();
  return (
    <Collapsible.Root className="options">
      <Collapsible.Trigger className="options-trigger">
        {t('options.more')}
        <ChevronDown className="icon" aria-hidden />
      </Collapsible.Trigger>
      <Collapsible.Panel className="options-panel">
        <Steps />
        <Seed />
        <Tile />
      </Collapsible.Panel>
    </Collapsible.Root>
  );
}

function Steps() {
  const { t } = useTranslation();
  const steps = useApp((state) => state.steps);
  const choose = useApp((state) => state.choose);
  const busy = useApp((state) => state.job === 'running');
  const range = useApp((state) => (state.engine.state === 'ready' ? state.engine.pack.steps : null));
  if (!range || range.min === range.max) return null;
  const value = steps ?? range.default;
  return (
    <Range
      label={t('options.steps')}
      value={value}
      min={range.min}
      max={range.max}
      disabled={busy}
      onChange={(next) => choose({ steps: next })}
    />
  );
}

function Seed() {
  const { t } = useTranslation();
  const id = useId();
  const seed = useApp((state) => state.seed);
  const choose = useApp((state) => state.choose);
  const busy = useApp((state) => state.job === 'running');
  const set = (value: number) => choose({ seed: Math.min(SEED_MAX, Math.max(0, Math.trunc(value) || 0)) });
  return (
    <div className="field">
      <div className="field-row">
        <label className="field-label" htmlFor={id}>
          {t('options.seed')}
        </label>
        <span className="options-seed">
          <input
            id={id}
            className="number"
            type="number"
            inputMode="numeric"
            min={0}
            max={SEED_MAX}
            value={seed}
            disabled={busy}
            onChange={(event) => set(event.target.valueAsNumber)}
          />
          <button
            type="button"
            className="button button-icon button-quiet"
            title={t('options.newSeed')}
            disabled={busy}
            onClick={() => set(crypto.getRandomValues(new Uint32Array(1))[0] ?? 0)}
          >
            <Dices className="icon" aria-hidden />
            <span className="sr-only">{t('options.newSeed')}</span>
          </button>
        </span>
      </div>
      <p className="field-hint">{t('options.seedHint')}</p>
    </div>
  );
}

function Tile() {
  const { t } = useTranslation();
  const tile = useApp((state) => state.tile);
  const choose = useApp((state) => state.choose);
  const busy = useApp((state) => state.job === 'running');
  const most = useApp((state) => (state.engine.state === 'ready' ? state.engine.pack.tile : 0));
  const options = [
    { value: 'auto', label: t('options.tileAuto') },
    ...TILES.filter((px) => px <= most).map((px) => ({ value: String(px), label: t('options.tilePx', { px }) })),
  ];
  return (
    <div className="field">
      <Choice
        label={t('options.tile')}
        value={tile === null ? 'auto' : String(tile)}
        options={options}
        disabled={busy}
        onChange={(value) => choose({ tile: value === 'auto' ? null : Number(value) })}
      />
      <p className="field-hint">{t('options.tileHint')}</p>
    </div>
  );
}
