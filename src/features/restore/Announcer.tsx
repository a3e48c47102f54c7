import { useTranslation } from 'react-i18next';
import { useApp } from '../../store/index.ts';
import { useSuggestion } from '../tasks/Suggestion.tsx';
import { announcement } from './announce.ts';

/** For screen readers only. */
export function Announcer() {
  const { t, i18n } = useTranslation();
  const suggestion = useSuggestion();
  const text = useApp((state) => announcement(state, suggestion, t, i18n.language));
  return (
    <p className="sr-only" role="status" aria-live="polite">
      {text}
    </p>
  );
}
