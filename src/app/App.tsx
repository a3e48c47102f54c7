import { CSPProvider } from '@base-ui/react/csp-provider';
import { lazy, Suspense, useEffect } from 'react';
import { Stage } from '../features/compare/Stage.tsx';
import { ZoomBar } from '../features/compare/ZoomBar.tsx';
import { FilmStrip } from '../features/filmstrip/FilmStrip.tsx';
import { DropOverlay, EmptyState } from '../features/import/EmptyState.tsx';
import { FileInputs } from '../features/import/FileInputs.tsx';
import { useDropAndPaste } from '../features/import/useDropAndPaste.ts';
import { QueueView } from '../features/queue/QueueView.tsx';
import { Announcer } from '../features/restore/Announcer.tsx';
import { useApp } from '../store/index.ts';
import { Header } from './Header.tsx';
import { Notices } from './Notices.tsx';
import { Panel } from './Panel.tsx';
import { Toasts } from './Toasts.tsx';
import { useHotkeys } from './useHotkeys.ts';
import { useUnloadGuard } from './useUnloadGuard.ts';
import './app.css';

const loadDialogs = () => import('./Dialogs.tsx');
const Dialogs = lazy(loadDialogs);

/** Fetched ahead, once the page is at rest: another tab may change to a new version, whose files have other names. */
function usePreloadedDialogs(): void {
  useEffect(() => {
    const timer = setTimeout(() => void loadDialogs().catch(() => undefined), 2000);
    return () => clearTimeout(timer);
  }, []);
}

export function App() {
  useHotkeys();
  useDropAndPaste();
  useUnloadGuard();
  usePreloadedDialogs();
  const photo = useApp((state) => state.photo);
  const dialog = useApp((state) => state.dialog);
  const leaving = useApp((state) => state.leave !== null);
  const queueOpen = useApp((state) => state.queueOpen);
  return (
    // The content security policy has no inline styles.
    <CSPProvider disableStyleElements>
      <div className="app" data-open={photo !== null || undefined}>
        <Header />
        <main className="main">
          <Notices />
          <div className="room">{photo ? <Stage photo={photo} /> : queueOpen ? <QueueView /> : <EmptyState />}</div>
          {photo && (
            <div className="tools">
              <FilmStrip />
              <ZoomBar />
            </div>
          )}
        </main>
        {photo && <Panel />}
      </div>
      <FileInputs />
      <Announcer />
      <DropOverlay />
      <Toasts />
      {(dialog || leaving) && (
        <Suspense fallback={null}>
          <Dialogs />
        </Suspense>
      )}
    </CSPProvider>
  );
}
