import { useTranslation } from 'react-i18next';
import { useApp } from '../../store/index.ts';
import { percent } from './suggest.ts';

/** What the pack proposes for the open photo, in a line of its own; empty until it is known. */
export function Suggestion() {
  return (
    <p className="tasks-suggestion" data-testid="suggestion">
      {useSuggestion()}
    </p>
  );
}

/** The proposal as a sentence; '' while there is none. */
export function useSuggestion(): string {
  const { t, i18n } = useTranslation();
  const proposal = useApp((state) => state.proposal);
  if (!proposal) return '';
  const sure = percent(proposal.sure, i18n.language);
  if (proposal.top === 'clean') return t('tasks.clean', { sure });
  return t('tasks.suggested', { task: t(`tasks.${proposal.top}.name`), sure });
}
