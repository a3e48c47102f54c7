import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { TASK_ICONS } from '../tasks/taskMeta.ts';
import { type Demo, demoUrl, loadDemos, openDemo } from './demos.ts';
import './demos.css';

export function Demos() {
  const { t } = useTranslation();
  const [demos, setDemos] = useState<readonly Demo[]>([]);
  useEffect(() => {
    let gone = false;
    void loadDemos().then((list) => !gone && setDemos(list));
    return () => {
      gone = true;
    };
  }, []);
  if (demos.length === 0) return null;
  return (
    <section className="demos">
      <h2 className="demos-title">{t('demo.title')}</h2>
      <ul className="demos-list">
        {demos.map((demo) => (
          <li key={demo.file}>
            <DemoCard demo={demo} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function DemoCard({ demo }: { demo: Demo }) {
  const { t, i18n } = useTranslation();
  const language = i18n.language === 'zh' ? 'zh' : 'en';
  const Icon = TASK_ICONS[demo.task];
  const title = demo.title[language];
  const how = t('demo.degraded', { how: demo.degraded[language] });
  const credit = t('demo.credit', { author: demo.author, licence: demo.licence });
  return (
    <button
      type="button"
      className="demo"
      title={`${how}. ${credit}`}
      aria-label={t('demo.open', { title })}
      onClick={() => void openDemo(demo)}
    >
      <img className="demo-photo" src={demoUrl(demo.thumb)} alt="" loading="lazy" decoding="async" />
      <span className="demo-text">
        <span className="demo-task">
          <Icon className="icon" aria-hidden />
          {t(`tasks.${demo.task}.name`)}
        </span>
        <span className="demo-how">{demo.degraded[language]}</span>
      </span>
    </button>
  );
}
