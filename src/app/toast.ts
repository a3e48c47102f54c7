/** Short messages in the corner, from anywhere in the page. */
import { Toast } from '@base-ui/react/toast';

export const toasts = Toast.createToastManager();

export function toast(title: string, action?: { label: string; run: () => void }): void {
  toasts.add({
    title,
    // One that asks for an answer stays.
    timeout: action ? 0 : 4000,
    ...(action && { actionProps: { children: action.label, onClick: action.run } }),
  });
}
