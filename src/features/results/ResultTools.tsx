import { useTranslation } from 'react-i18next';
import { ActionButton, Range, Segments } from '../../app/ui.tsx';
import { useApp } from '../../store/index.ts';
import { type Brush, lookOf } from '../../store/resultsSlice.ts';
import './results.css';

/** What can be done with a result: how much of it, where, how true it is, and what comes next. */
export function ResultTools() {
  const { t, i18n } = useTranslation();
  const count = useApp((state) => state.results.length);
  const current = useApp((state) => state.current);
  const running = useApp((state) => state.job === 'running');
  const strength = useApp((state) => lookOf(state).strength);
  const startFrom = useApp((state) => state.startFrom);
  const brush = useApp((state) => state.brush);
  const fidelity = useApp((state) => state.fidelity !== null);
  const { setLook, endMove, setResults, choose } = useApp.getState();
  if (count === 0 || running) return null;
  const percent = new Intl.NumberFormat(i18n.language, { style: 'percent' }).format(strength);
  return (
    <section className="results" aria-label={t('results.title')}>
      {current !== null && (
        <Range
          label={t('results.strength')}
          value={Math.round(strength * 100)}
          min={0}
          max={100}
          shown={percent}
          onChange={(value) => {
            setLook({ strength: value / 100 }, true);
            choose({ strength: value / 100 });
          }}
          onDone={endMove}
        />
      )}
      <div className="results-buttons">
        <ActionButton id="brush" look="icon" aria-pressed={brush !== null} />
        <ActionButton id="fidelity" look="icon" aria-pressed={fidelity} />
        <ActionButton id="results" look="icon" />
        <ActionButton id="undo" look="icon" />
        <ActionButton id="redo" look="icon" />
      </div>
      {brush && current !== null && <BrushOptions brush={brush} />}
      <Numbers />
      <div className="field">
        <span className="field-label">{t('results.startFrom')}</span>
        <Segments
          label={t('results.startFrom')}
          value={startFrom}
          options={(['photo', 'result'] as const).map((value) => ({ value, label: t(`results.from.${value}`) }))}
          onChange={(value) => setResults({ startFrom: value })}
        />
      </div>
    </section>
  );
}

function BrushOptions({ brush }: { brush: Brush }) {
  const { t } = useTranslation();
  const masked = useApp((state) => lookOf(state).mask !== null);
  const { setResults, setLook } = useApp.getState();
  const set = (change: Partial<Brush>) => setResults({ brush: { ...brush, ...change } });
  return (
    <div className="results-brush">
      <Segments
        label={t('actions.brush')}
        value={brush.erase ? 'erase' : 'paint'}
        options={(['paint', 'erase'] as const).map((value) => ({ value, label: t(`brush.${value}`) }))}
        onChange={(value) => set({ erase: value === 'erase' })}
      />
      <Range label={t('brush.size')} value={brush.size} min={8} max={240} step={4} onChange={(size) => set({ size })} />
      <Range
        label={t('brush.soft')}
        value={Math.round(brush.soft * 100)}
        min={0}
        max={100}
        step={5}
        onChange={(soft) => set({ soft: soft / 100 })}
      />
      <p className="field-hint">{t('brush.hint')}</p>
      <button type="button" className="button" disabled={!masked} onClick={() => setLook({ mask: null })}>
        {t('brush.everywhere')}
      </button>
    </div>
  );
}

/** So that people can see for themselves that nothing was made up. */
function Numbers() {
  const { t, i18n } = useTranslation();
  const numbers = useApp((state) => state.fidelity?.numbers);
  if (!numbers) return null;
  const number = (value: number, digits: number) =>
    new Intl.NumberFormat(i18n.language, { maximumFractionDigits: digits }).format(value);
  const percent = new Intl.NumberFormat(i18n.language, { style: 'percent', maximumFractionDigits: 1 });
  const rows = [
    ['psnr', numbers.psnr === null ? t('fidelity.equal') : `${number(numbers.psnr, 1)} dB`],
    ['ssim', number(numbers.ssim, 3)],
    ['changed', percent.format(numbers.changed)],
    ['most', t('fidelity.levels', { count: numbers.most })],
  ] as const;
  return (
    <div className="results-numbers" role="status">
      <p className="field-label">{t('fidelity.title')}</p>
      <dl>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{t(`fidelity.${name}`)}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p className="field-hint">{t('fidelity.hint')}</p>
    </div>
  );
}
