import { Radio } from '@base-ui/react/radio';
import { RadioGroup } from '@base-ui/react/radio-group';
import { useEffect, useId, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { TaskChoice } from '../../store/choiceSlice.ts';
import { useApp } from '../../store/index.ts';
import { Suggestion } from './Suggestion.tsx';
import { TASK_ICONS } from './taskMeta.ts';
import { useTasks } from './useTasks.ts';
import './tasks.css';

export function TaskPicker() {
  const { t } = useTranslation();
  const id = useId();
  const task = useApp((state) => state.task);
  const choose = useApp((state) => state.choose);
  const section = useRef<HTMLElement>(null);
  // A suggestion may choose one that has to be scrolled to: on a narrow screen the tasks are in one row.
  useEffect(() => {
    if (task) section.current?.querySelector('[data-checked]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [task]);
  const busy = useApp((state) => state.job === 'running');
  const pack = useApp((state) => (state.engine.state === 'ready' ? state.engine.pack : null));
  const choices = useTasks();
  return (
    <section className="tasks" ref={section}>
      <h2 className="tasks-title" id={id}>
        {t('tasks.title')}
      </h2>
      {pack?.auto && <Suggestion />}
      <RadioGroup<TaskChoice>
        className="tasks-list"
        aria-labelledby={id}
        value={task}
        disabled={busy}
        onValueChange={(value) => choose({ task: value, picked: true })}
      >
        {choices.map((one) => (
          <TaskRadio key={one} task={one} />
        ))}
      </RadioGroup>
      <p className="tasks-hint" aria-hidden>
        {t(`tasks.${task}.hint`)}
      </p>
    </section>
  );
}

function TaskRadio({ task }: { task: TaskChoice }) {
  const { t } = useTranslation();
  const id = useId();
  const Icon = TASK_ICONS[task];
  return (
    <Radio.Root
      className="task"
      value={task}
      aria-labelledby={`${id}n`}
      aria-describedby={`${id}h`}
      // One that is checked already changes nothing when it is pressed, and yet the person has chosen it.
      onClick={() => useApp.getState().choose({ picked: true })}
    >
      <Icon className="icon task-icon" aria-hidden />
      <span className="task-name" id={`${id}n`}>
        {t(`tasks.${task}.name`)}
      </span>
      <span className="task-hint" id={`${id}h`}>
        {t(`tasks.${task}.hint`)}
      </span>
    </Radio.Root>
  );
}
