import { AlertDialog } from '@base-ui/react/alert-dialog';
import type { ReactNode } from 'react';

interface ConfirmProps {
  title: string;
  text: ReactNode;
  /** The button that leaves everything as it is. */
  keep: string;
  /** The button that agrees. */
  children: ReactNode;
}

/** What an `AlertDialog.Root` asks before something goes for good. */
export function Confirm({ title, text, keep, children }: ConfirmProps) {
  return (
    <AlertDialog.Portal>
      <AlertDialog.Backdrop className="dialog-backdrop dialog-confirm-backdrop" />
      <AlertDialog.Popup className="dialog dialog-confirm">
        <AlertDialog.Title className="dialog-title">{title}</AlertDialog.Title>
        <AlertDialog.Description>{text}</AlertDialog.Description>
        <div className="dialog-buttons">
          <AlertDialog.Close className="button">{keep}</AlertDialog.Close>
          {children}
        </div>
      </AlertDialog.Popup>
    </AlertDialog.Portal>
  );
}
