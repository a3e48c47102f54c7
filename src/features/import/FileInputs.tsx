import { useTranslation } from 'react-i18next';
import { openAll, openFirst } from './openPhoto.ts';
import { registerInput } from './picker.ts';

/** Raw files and some others have no image type that systems know. */
const ACCEPTED = 'image/*,.heic,.heif,.jxl,.tif,.tiff,.dng,.cr2,.cr3,.nef,.arw,.raf,.orf,.rw2,.pef';

/** Hidden file inputs that the actions "open" and "camera" click. */
export function FileInputs() {
  const { t } = useTranslation();
  return (
    <div hidden>
      <input
        ref={(input) => registerInput('file', input)}
        data-testid="file-input"
        type="file"
        accept={ACCEPTED}
        multiple
        aria-label={t('actions.open')}
        onChange={(event) => take(event.target)}
      />
      <input
        ref={(input) => {
          // React has no property for it.
          if (input) input.webkitdirectory = true;
          registerInput('folder', input);
        }}
        type="file"
        aria-label={t('queue.addFolder')}
        onChange={(event) => take(event.target, true)}
      />
      <input
        ref={(input) => registerInput('camera', input)}
        type="file"
        accept="image/*"
        capture="environment"
        aria-label={t('actions.camera')}
        onChange={(event) => take(event.target)}
      />
    </div>
  );
}

function take(input: HTMLInputElement, many = false): void {
  const files = [...(input.files ?? [])];
  // Emptied, or the same photo chosen again would be no change.
  input.value = '';
  if (files.length === 0) return;
  if (many) openAll(files);
  else openFirst(files);
}
