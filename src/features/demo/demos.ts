import type { TaskId } from '../../../workers/packs/manifest.ts';
import { useApp } from '../../store/index.ts';
import { askFor, openPhoto } from '../import/openPhoto.ts';

/** One record of `demo/demos.json`. The degraded text says how the damage came about: real, or simulated. */
export interface Demo {
  file: string;
  thumb: string;
  task: TaskId;
  title: { en: string; zh: string };
  degraded: { en: string; zh: string };
  author: string;
  licence: string;
  source: string;
}

export const demoUrl = (file: string): string => new URL(`demo/${file}`, document.baseURI).href;

/** An empty list where the demos can't be had (offline before they were seen): the page does without. */
export async function loadDemos(): Promise<Demo[]> {
  try {
    const response = await fetch(demoUrl('demos.json'));
    return response.ok ? ((await response.json()) as Demo[]) : [];
  } catch {
    return [];
  }
}

/** A demo that comes late, after another photo or the queue was opened, is left alone. */
export async function openDemo(demo: Demo): Promise<void> {
  const { choose, setUi } = useApp.getState();
  const asked = askFor();
  const wanted = () => asked() && !useApp.getState().queueOpen;
  try {
    const response = await fetch(demoUrl(demo.file));
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const blob = await response.blob();
    if (!wanted()) return;
    choose({ task: demo.task });
    await openPhoto(new File([blob], demo.file, { type: blob.type }), true);
  } catch (error) {
    if (wanted()) setUi({ failure: { code: 'demo-missing', detail: String(error), values: {} } });
  }
}
