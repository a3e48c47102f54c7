import { engine } from '../../app/engine.ts';
import { toast } from '../../app/toast.ts';
import { APP_VERSION } from '../../app/version.ts';
import { failureOf } from '../../bridge/outcome.ts';
import { t } from '../../i18n/index.ts';
import { useApp } from '../../store/index.ts';
import { layersOf, lookOf } from '../../store/resultsSlice.ts';
import { restoredName } from './fileName.ts';

/** A download link must live until the browser has read the blob. */
const LINK_MS = 60_000;

interface Encoded {
  file: File;
  /** To be told once it has left the app. */
  onSaved: () => void;
}

async function encode(): Promise<Encoded | null> {
  const { photo, format, quality, settings, setUi, results, current, addSaved } = useApp.getState();
  const layers = layersOf(useApp.getState(), current);
  // As it is now: encoding takes its time, and the photo may be worked on meanwhile.
  const made = { results, current, look: lookOf(useApp.getState()) };
  if (!photo) return null;
  // Of an earlier try, as in a format that this browser can't write.
  setUi({ failure: null });
  const saved = await engine.save({ format, quality, privacy: settings.privacy, layers, app: APP_VERSION });
  if (!saved.ok) {
    setUi({ failure: failureOf(saved) });
    return null;
  }
  const { lost } = saved.value;
  if (lost.length > 0) toast(t('lost.saved', { list: lost.map((what) => t(`lost.${what}`)).join(', ') }));
  return {
    file: new File([saved.value.file], restoredName(photo.name, format), { type: `image/${format}` }),
    onSaved: () => {
      if (useApp.getState().photo === photo) addSaved(made);
    },
  };
}

export async function saveResult(): Promise<void> {
  const encoded = await encode();
  if (!encoded) return;
  const { file, onSaved } = encoded;
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = file.name;
  link.click();
  onSaved();
  setTimeout(() => URL.revokeObjectURL(url), LINK_MS);
  toast(t('save.saved', { name: file.name }));
}

/** Whether this browser can hand image files to other apps. */
export function canShare(): boolean {
  if (!navigator.canShare) return false;
  return navigator.canShare({ files: [new File([new Uint8Array(1)], 'photo.png', { type: 'image/png' })] });
}

export async function shareResult(): Promise<void> {
  const encoded = await encode();
  if (encoded) await share(encoded.file, true, encoded.onSaved);
}

/**
 * @param maybeLate the press lies so far back that the browser may not count it any more
 * @param onShared told when another app has taken it
 */
export async function share(file: File, maybeLate: boolean, onShared: () => void): Promise<void> {
  try {
    await navigator.share({ files: [file] });
    onShared();
  } catch (error) {
    const name = error instanceof DOMException ? error.name : '';
    // Closing the share sheet is no failure.
    if (name === 'AbortError') return;
    // Encoding took longer than a press counts (a second to five): the file is there now, and a new press shares it at once.
    if (name === 'NotAllowedError' && maybeLate) {
      toast(t('save.shareReady', { name: file.name }), {
        label: t('actions.share'),
        run: () => void share(file, false, onShared),
      });
    } else toast(t('save.shareFailed'));
  }
}
