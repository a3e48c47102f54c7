import { useVirtualizer } from '@tanstack/react-virtual';
import {
  ArrowDown,
  ArrowUp,
  Check,
  Clock,
  ImageOff,
  LoaderCircle,
  RotateCcw,
  SkipForward,
  Trash2,
  TriangleAlert,
} from 'lucide-react';
import { memo, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { bytesText } from '../../app/amounts.ts';
import { Choice } from '../../app/ui.tsx';
import type { TaskChoice } from '../../store/choiceSlice.ts';
import { useApp } from '../../store/index.ts';
import type { QueueItem } from '../../store/queueSlice.ts';
import { useTasks } from '../tasks/useTasks.ts';
import { moveItem, removeItem, retryItem, setItemTask, skipItem } from './work.ts';

const ROW = 72;
const ICONS = {
  waiting: Clock,
  running: LoaderCircle,
  done: Check,
  failed: TriangleAlert,
  skipped: SkipForward,
  gone: ImageOff,
};

/** Only the rows in sight are in the page, whatever the queue's length. */
export function QueueList() {
  const { t } = useTranslation();
  const box = useRef<HTMLElement>(null);
  const queue = useApp((state) => state.queue);
  const rows = useVirtualizer({
    count: queue.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    getItemKey: (index) => queue[index]?.id ?? index,
    overscan: 4,
  });
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a keyboard must be able to scroll it.
    <section className="queue-list" ref={box} tabIndex={0} aria-label={t('queue.list')}>
      {queue.length === 0 && <p className="queue-empty">{t('queue.empty')}</p>}
      <ol style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map(({ index, key, start }) => {
          const item = queue[index];
          return item ? (
            <li
              key={key}
              style={{ transform: `translateY(${start}px)` }}
              aria-setsize={queue.length}
              aria-posinset={index + 1}
            >
              <Row item={item} first={index === 0} last={index === queue.length - 1} />
            </li>
          ) : null;
        })}
      </ol>
    </section>
  );
}

const Row = memo(function Row({ item, first, last }: { item: QueueItem; first: boolean; last: boolean }) {
  const { t, i18n } = useTranslation();
  const { id, name, status } = item;
  const Icon = ICONS[status];
  const tasks = useTasks();
  const again = status === 'failed' || status === 'skipped' || status === 'done';
  const facts = [
    t(`queue.status.${status}`),
    status === 'waiting' && item.task ? t(`tasks.${item.task}.name`) : '',
    status === 'failed' && item.error ? t(`errors.${item.error}.title`) : '',
    item.saved ?? bytesText(item.bytes, i18n.language),
  ];
  return (
    <div className="queue-row" data-status={status}>
      <Icon className="icon queue-icon" aria-hidden />
      <div className="queue-names">
        <p className="queue-name" title={name}>
          {name}
        </p>
        <p className="field-hint">{facts.filter(Boolean).join(' · ')}</p>
      </div>
      {status === 'waiting' && (
        <span className="queue-task">
          <Choice<TaskChoice | 'all'>
            label={<span className="sr-only">{t('queue.taskOf', { name })}</span>}
            value={item.task ?? 'all'}
            options={[
              { value: 'all', label: t('queue.common') },
              ...tasks.map((value) => ({ value, label: t(`tasks.${value}.name`) })),
            ]}
            onChange={(value) => setItemTask(id, value === 'all' ? null : value)}
          />
        </span>
      )}
      <span className="queue-row-buttons">
        {status === 'waiting' && (
          <>
            <RowButton icon={ArrowUp} label={t('queue.up', { name })} off={first} onClick={() => moveItem(id, -1)} />
            <RowButton icon={ArrowDown} label={t('queue.down', { name })} off={last} onClick={() => moveItem(id, 1)} />
          </>
        )}
        {again && <RowButton icon={RotateCcw} label={t('queue.retry', { name })} onClick={() => retryItem(id)} />}
        {(status === 'waiting' || status === 'running') && (
          <RowButton icon={SkipForward} label={t('queue.skip', { name })} onClick={() => skipItem(id)} />
        )}
        <RowButton icon={Trash2} label={t('queue.remove', { name })} onClick={() => void removeItem(id)} />
      </span>
    </div>
  );
});

function RowButton(props: { icon: typeof Check; label: string; off?: boolean; onClick: () => void }) {
  const Icon = props.icon;
  return (
    <button
      type="button"
      className="button button-icon button-quiet"
      title={props.label}
      disabled={props.off ?? false}
      onClick={props.onClick}
    >
      <Icon className="icon" aria-hidden />
      <span className="sr-only">{props.label}</span>
    </button>
  );
}
