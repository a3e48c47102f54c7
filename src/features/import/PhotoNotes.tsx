import { History, Info, X } from 'lucide-react';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Recipe } from '../../../workers/photo/meta/xmp.ts';
import { useApp } from '../../store/index.ts';
import { Tried } from '../experiments/Tried.tsx';
import { runAgain } from '../restore/run.ts';
import { TASK_ORDER } from '../tasks/taskMeta.ts';

/** What a photo that was just opened has to say: it was restored here before, or it has parts that no result can carry. */
export function PhotoNotes() {
  const photo = useApp((state) => state.photo);
  const running = useApp((state) => state.job === 'running');
  const hasResult = useApp((state) => state.result !== null);
  if (!photo || running || hasResult) return null;
  return <Notes key={photo.info.id} recipe={photo.info.recipes.at(-1)} />;
}

function Notes({ recipe }: { recipe: Recipe | undefined }) {
  const lost = useApp((state) => state.photo?.info.lost ?? []);
  const [seen, setSeen] = useState<readonly string[]>([]);
  const hide = (what: string) => () => setSeen([...seen, what]);
  return (
    <>
      {recipe && !seen.includes('recipe') && <Again recipe={recipe} onDismiss={hide('recipe')} />}
      {lost.length > 0 && !seen.includes('lost') && <Lost onDismiss={hide('lost')} />}
    </>
  );
}

function Again({ recipe, onDismiss }: { recipe: Recipe; onDismiss: () => void }) {
  const { t, i18n } = useTranslation();
  const id = useId();
  const task = TASK_ORDER.find((known) => known === recipe.task);
  const pack = useApp((state) => (state.engine.state === 'ready' ? state.engine.pack : null));
  if (!task) return null;
  const percent = (share: number) => new Intl.NumberFormat(i18n.language, { style: 'percent' }).format(share);
  const baked = pack?.conditions === 'baked';
  const other =
    pack !== null &&
    (pack.name !== recipe.pack || pack.version !== recipe.packVersion || (recipe.approximate ?? false) !== baked);
  const again = () => {
    const { steps, seed, strength, amount, kept, tried = {} } = recipe;
    useApp.getState().choose({ task, picked: true, steps, seed, strength, experiment: tried });
    onDismiss();
    void runAgain({ task, ...(amount < 1 && { strength: amount }) }, kept);
  };
  return (
    <section className="notice" aria-labelledby={id}>
      <History className="icon" aria-hidden />
      <div className="notice-text">
        <p className="notice-title" id={id}>
          {t('recipe.title')}
        </p>
        <p>
          {t('recipe.text', {
            task: t(`tasks.${task}.name`),
            count: recipe.steps,
            seed: recipe.seed,
            strength: percent(recipe.strength),
          })}
          {recipe.kept < recipe.steps && ` ${t('recipe.kept', { step: recipe.kept })}`}
          {recipe.amount < 1 && ` ${t('recipe.amount', { amount: percent(recipe.amount) })}`}
          {other && ` ${t('recipe.otherPack', { pack: `${recipe.pack} ${recipe.packVersion}` })}`}
        </p>
        <Tried tried={recipe.tried ?? {}} approximate={recipe.approximate ?? false} />
        <div className="notice-buttons">
          <button type="button" className="button button-primary" onClick={again}>
            {t('recipe.again')}
          </button>
        </div>
      </div>
      <Dismiss onDismiss={onDismiss} />
    </section>
  );
}

function Lost({ onDismiss }: { onDismiss: () => void }) {
  const { t, i18n } = useTranslation();
  const lost = useApp((state) => state.photo?.info.lost ?? []);
  const list = new Intl.ListFormat(i18n.language).format(lost.map((what) => t(`lost.${what}`)));
  return (
    <div className="notice" role="note">
      <Info className="icon" aria-hidden />
      <p className="notice-text">{t('lost.text', { list })}</p>
      <Dismiss onDismiss={onDismiss} />
    </div>
  );
}

function Dismiss({ onDismiss }: { onDismiss: () => void }) {
  const { t } = useTranslation();
  return (
    <button type="button" className="button button-icon button-quiet notice-close" onClick={onDismiss}>
      <X className="icon" aria-hidden />
      <span className="sr-only">{t('buttons.dismiss')}</span>
    </button>
  );
}
