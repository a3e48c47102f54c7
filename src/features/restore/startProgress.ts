import type { EngineState } from '../../bridge/engine.ts';
import { t } from '../../i18n/index.ts';

/** What the engine is doing before a job's first event: "Loading the weights 40 %". Empty once it is ready. */
export function startProgress(engine: EngineState): string {
  if (engine.state !== 'starting') return '';
  if (!engine.event) return t('engine.stage.waiting');
  const { stage, done, total } = engine.event;
  const percent = total > 0 ? ` ${Math.min(100, Math.round((done / total) * 100))} %` : '';
  return t(`engine.stage.${stage}`) + percent;
}
