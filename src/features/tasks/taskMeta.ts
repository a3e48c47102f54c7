/** Icons and order of the nine tasks; names and hints are in the language files under `tasks.<id>`. */
import {
  CloudFog,
  CloudRain,
  FlipHorizontal2,
  Focus,
  Grid3x3,
  Grip,
  type LucideIcon,
  Moon,
  Sun,
  WandSparkles,
  Waves,
} from 'lucide-react';
import type { TaskId } from '../../../workers/packs/manifest.ts';
import type { TaskChoice } from '../../store/choiceSlice.ts';

const ICONS: Readonly<Record<TaskId, LucideIcon>> = {
  noise: Grip,
  compression: Grid3x3,
  haze: CloudFog,
  'low-light': Moon,
  blur: Focus,
  rain: CloudRain,
  reflection: FlipHorizontal2,
  flare: Sun,
  moire: Waves,
};

export const TASK_ICONS: Readonly<Record<TaskChoice, LucideIcon>> = { auto: WandSparkles, ...ICONS };

export const TASK_ORDER = Object.keys(ICONS) as readonly TaskId[];
