import { useEffect, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Estimate } from '../../../workers/protocol.ts';
import { engine } from '../../app/engine.ts';
import { useApp } from '../../store/index.ts';
import { duration } from './progress.ts';
import { type Area, asksWay, visibleArea } from './way.ts';
import './ways.css';

const WAYS = ['whole', 'area', 'tiles'] as const;
/** Zooming and panning are over when nothing moved for this long. */
const SETTLED_MS = 400;

/** Before a job whose weights are streamed: three ways through the photo, and how long each takes on this device. */
export function Ways() {
  const asks = useApp(asksWay);
  return asks ? <Question /> : null;
}

function Question() {
  const { t } = useTranslation();
  const title = useId();
  const chosen = useApp((state) => state.way);
  const choose = useApp((state) => state.choose);
  const busy = useApp((state) => state.job === 'running');
  const { estimates, area } = useEstimates();
  // What can't be had is not what is done: a job without an area goes over all tiles.
  const way = chosen === 'area' && area === null ? 'tiles' : chosen;
  return (
    <fieldset className="ways" aria-labelledby={title} disabled={busy}>
      <p className="field-label" id={title}>
        {t('ways.title')}
      </p>
      {WAYS.map((each) => {
        const estimate = estimates?.find((one) => one.way === each);
        const none = each === 'area' && area === null;
        return (
          <label key={each} className="way">
            <input
              type="radio"
              name={title}
              value={each}
              checked={way === each}
              disabled={none}
              onChange={() => choose({ way: each })}
            />
            <span className="way-text">
              <span>{t(`ways.${each}`)}</span>
              <span className="field-hint">{none ? t('ways.zoomIn') : <Cost estimate={estimate} />}</span>
            </span>
          </label>
        );
      })}
    </fieldset>
  );
}

function Cost({ estimate }: { estimate: Estimate | undefined }) {
  const { t } = useTranslation();
  if (!estimate) return <>{t('ways.measuring')}</>;
  const { width, height, tiles, seconds } = estimate;
  const time = duration(seconds);
  return (
    <>
      {t(`ways.${time.unit}`, { count: time.count })} · {t('ways.parts', { count: tiles })} · {width} × {height} px
    </>
  );
}

/** Asked again when photo, steps or the visible part change; not while a job runs. */
function useEstimates(): { estimates: Estimate[] | null; area: Area | null } {
  const photo = useApp((state) => state.photo);
  const steps = useApp((state) => state.steps);
  const view = useApp((state) => state.view);
  const state = useApp((app) => app.engine);
  const busy = useApp((app) => app.job === 'running' || app.opening);
  const [estimates, setEstimates] = useState<Estimate[] | null>(null);
  const usual = state.state === 'ready' ? state.pack.steps.default : null;
  const area = photo && view ? visibleArea() : null;
  const key = JSON.stringify(area);
  useEffect(() => {
    if (!photo || usual === null || busy) return;
    let current = true;
    const timer = setTimeout(async () => {
      const asked = JSON.parse(key) as Area | null;
      const answer = await engine.estimate({ steps: steps ?? usual, area: asked });
      if (current && answer.ok) setEstimates(answer.value);
    }, SETTLED_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [photo, steps, usual, busy, key]);
  return { estimates, area };
}
