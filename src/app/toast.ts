/** Short messages in the corner, from anywhere in the page. */
import { Toast } from '@base-ui/react/toast';

export const toasts = Toast.createToastManager();

export function toast(title: string, action?: { label: string; run: () => void }): void {
  // One that asks for an answer stays until it has it.
  const answer = () => {
    toasts.close(id);
    action?.run();
  };
  const id = toasts.add({
    title,
    timeout: action ? 0 : 4000,
    ...(action && { actionProps: { children: action.label, onClick: answer } }),
  });
}
