import { Check, Trash2 } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { engine } from '../../app/engine.ts';
import { useApp } from '../../store/index.ts';
import { layersOf, type PhotoResult } from '../../store/resultsSlice.ts';
import { Tried } from '../experiments/Tried.tsx';

const CARD_SIDE = 640;

/** All results of the photo and the photo itself, side by side. */
export function ResultsSheet() {
  const results = useApp((state) => state.results);
  return (
    <ul className="results-grid">
      <ResultCard result={null} />
      {results.map((one) => (
        <ResultCard key={one.id} result={one} />
      ))}
    </ul>
  );
}

function ResultCard({ result }: { result: PhotoResult | null }) {
  const { t, i18n } = useTranslation();
  const current = useApp((state) => state.current);
  const strength = useApp((state) => (result ? (state.looks[result.id]?.strength ?? 1) : 1));
  const { selectResult, removeResult, setUi } = useApp.getState();
  const id = result?.id ?? null;
  const chain = result ? [...result.base.map(({ version }) => nameOf(version, t)), t(`tasks.${result.task}.name`)] : [];
  const percent = new Intl.NumberFormat(i18n.language, { style: 'percent' }).format(strength);
  const name = result ? chain.join(' → ') : t('compare.before');
  return (
    <li className="results-card" data-current={id === current || undefined}>
      <Picture id={id} label={name} />
      <p className="results-name">{name}</p>
      <p className="field-hint">
        {result
          ? t('results.facts', { count: result.steps, seed: result.seed, strength: percent })
          : t('results.untouched')}
      </p>
      {result && <Tried tried={result.tried} approximate={result.approximate} />}
      <div className="results-actions">
        <button
          type="button"
          className="button"
          disabled={id === current}
          onClick={() => {
            selectResult(id);
            setUi({ dialog: null });
          }}
        >
          <Check className="icon" aria-hidden />
          {id === current ? t('results.inUse') : t('results.use')}
        </button>
        {result && (
          <button
            type="button"
            className="button button-icon button-quiet"
            title={t('results.remove', { name })}
            onClick={() => {
              removeResult(result.id);
              const needed = useApp
                .getState()
                .results.some(({ base }) => base.some(({ version }) => version === result.id));
              if (!needed) engine.dropResult(result.id);
            }}
          >
            <Trash2 className="icon" aria-hidden />
            <span className="sr-only">{t('results.remove', { name })}</span>
          </button>
        )}
      </div>
    </li>
  );
}

type Translate = ReturnType<typeof useTranslation>['t'];

function nameOf(version: number, t: Translate): string {
  const task = useApp.getState().results.find((one) => one.id === version)?.task;
  return task ? t(`tasks.${task}.name`) : '…';
}

function Picture({ id, label }: { id: number | null; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let gone = false;
    void engine.view(layersOf(useApp.getState(), id), CARD_SIDE).then((view) => {
      if (!view.ok) return setFailed(true);
      const element = canvas.current;
      if (element && !gone) {
        element.width = view.value.width;
        element.height = view.value.height;
        element.getContext('2d')?.drawImage(view.value, 0, 0);
      }
      view.value.close();
    });
    return () => {
      gone = true;
    };
  }, [id]);
  return (
    <canvas ref={canvas} className="results-picture" role="img" aria-label={label} data-failed={failed || undefined} />
  );
}
