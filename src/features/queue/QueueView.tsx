import { Archive, FolderOpen, FolderPlus, Pause, Play, Plus, X } from 'lucide-react';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { Choice } from '../../app/ui.tsx';
import type { TaskChoice } from '../../store/choiceSlice.ts';
import { useApp } from '../../store/index.ts';
import { ConditionsNote } from '../experiments/Experiments.tsx';
import { SaveChoices } from '../export/SaveChoices.tsx';
import { pick } from '../import/picker.ts';
import { useTasks } from '../tasks/useTasks.ts';
import { AppliedOptions } from './AppliedOptions.tsx';
import { Gone, Trouble } from './Notes.tsx';
import { canPickFolder, leaveFolder, pickFolder } from './out.ts';
import { QueueList } from './QueueList.tsx';
import { clearAll, leaveQueue, pauseQueue, runQueue } from './work.ts';
import { saveZip } from './zip.ts';
import './queue.css';

/** Many photos, one after the other. */
export function QueueView() {
  const { t } = useTranslation();
  return (
    <section className="queue" aria-labelledby="queue-title">
      <header className="queue-head">
        <h1 className="queue-title" id="queue-title">
          {t('queue.title')}
        </h1>
        <Summary />
        <button type="button" className="button button-icon button-quiet" onClick={leaveQueue} title={t('queue.leave')}>
          <X className="icon" aria-hidden />
          <span className="sr-only">{t('queue.leave')}</span>
        </button>
      </header>
      <div className="queue-body">
        <QueueList />
        <Options />
      </div>
    </section>
  );
}

function Summary() {
  const { t } = useTranslation();
  const total = useApp((state) => state.queue.length);
  const done = useApp((state) => state.queue.filter(({ status }) => status === 'done').length);
  const failed = useApp((state) => state.queue.filter(({ status }) => status === 'failed').length);
  const taking = useApp((state) => state.taking);
  const parts = [
    t('queue.summary', { done, total }),
    failed > 0 && t('queue.failed', { count: failed }),
    taking > 0 && t('queue.taking', { count: taking }),
  ];
  return (
    <p className="queue-summary" role="status">
      {parts.filter(Boolean).join(' · ')}
    </p>
  );
}

function Options() {
  const { t } = useTranslation();
  const id = useId();
  const state = useApp((app) => app.queueState);
  const waiting = useApp((app) => app.queue.some(({ status }) => status === 'waiting' || status === 'running'));
  const done = useApp((app) => app.queue.some(({ status }) => status === 'done'));
  const stored = useApp((app) => app.queue.some(({ stored: kept }) => kept));
  const task = useApp((app) => app.task);
  const template = useApp((app) => app.template);
  const folder = useApp((app) => app.folder);
  const folderAsks = useApp((app) => app.folderAsks);
  const unkept = useApp((app) => app.unkept);
  const tasks = useTasks();
  const { choose, setQueue } = useApp.getState();
  return (
    <div className="queue-options">
      {state === 'paused' && waiting && <Trouble />}
      <Gone />
      <div className="queue-buttons">
        <button type="button" className="button" onClick={() => pick('file')}>
          <Plus className="icon" aria-hidden />
          {t('queue.add')}
        </button>
        <button type="button" className="button" onClick={() => pick('folder')}>
          <FolderPlus className="icon" aria-hidden />
          {t('queue.addFolder')}
        </button>
      </div>
      <Choice<TaskChoice>
        label={t('queue.task')}
        value={task}
        options={tasks.map((value) => ({ value, label: t(`tasks.${value}.name`) }))}
        onChange={(value) => choose({ task: value, picked: true })}
      />
      <ConditionsNote />
      <AppliedOptions />
      <SaveChoices />
      <div className="field">
        <label className="field-label" htmlFor={id}>
          {t('queue.template')}
        </label>
        <input
          id={id}
          className="text"
          value={template}
          spellCheck={false}
          aria-describedby={`${id}h`}
          onChange={(event) => setQueue({ template: event.target.value })}
        />
        <p className="field-hint" id={`${id}h`}>
          {t('queue.templateHint')}
        </p>
      </div>
      {canPickFolder() && (
        <div className="field">
          <button type="button" className="button queue-folder" onClick={() => void pickFolder()}>
            <FolderOpen className="icon" aria-hidden />
            <span className="queue-folder-name">
              {folder ? t('queue.folder', { name: folder.name }) : t('queue.pickFolder')}
            </span>
          </button>
          {folder && (
            <button type="button" className="button button-quiet" onClick={leaveFolder}>
              {t('queue.leaveFolder')}
            </button>
          )}
          <p className="field-hint">
            {t(!folder ? 'queue.noFolderHint' : folderAsks ? 'queue.folderAsks' : 'queue.folderHint')}
          </p>
        </div>
      )}
      {unkept && <p className="field-hint">{t('queue.unkept')}</p>}
      <div className="queue-buttons queue-main">
        {state === 'running' ? (
          <button type="button" className="button button-primary" onClick={pauseQueue}>
            <Pause className="icon" aria-hidden />
            {t('actions.pause')}
          </button>
        ) : (
          <button type="button" className="button button-primary" disabled={!waiting} onClick={() => void runQueue()}>
            <Play className="icon" aria-hidden />
            {t(state === 'paused' ? 'actions.unpause' : 'queue.start')}
          </button>
        )}
        <button type="button" className="button" disabled={!stored} onClick={() => void saveZip()}>
          <Archive className="icon" aria-hidden />
          {t('queue.zip')}
        </button>
      </div>
      <button type="button" className="button button-quiet" disabled={!done} onClick={() => void clearAll('done')}>
        {t('queue.clear')}
      </button>
    </div>
  );
}
