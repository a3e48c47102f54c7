/** Prompts of the nine tasks: the strings that RealRestorer was trained with (realrestorer.md A.2). */
import type { TaskId } from '../../workers/packs/manifest.ts';

export const PROMPTS: Readonly<Record<TaskId, { readonly en: string; readonly zh: string }>> = {
  blur: { en: 'Please deblur the image and make it sharper', zh: '请将图像去模糊，变得更清晰。' },
  compression: { en: 'Please restore the image clarity and artifacts.', zh: '请修复图像清晰度和伪影。' },
  flare: { en: 'Please remove the lens flare and glare from the image.', zh: '请去除图像中的光晕和炫光。' },
  moire: { en: 'Please remove the moiré patterns from the image', zh: '请将图像中的摩尔条纹去除' },
  haze: { en: 'Please dehaze the image', zh: '请将图像去雾。' },
  'low-light': {
    en: 'Please restore this low-quality image, recovering its normal brightness and clarity.',
    zh: '请修复这张低质量图像，恢复其正常的亮度和清晰度。',
  },
  noise: { en: 'Please remove noise from the image.', zh: '请去除图像中的噪声。' },
  rain: {
    en: 'Please remove the rain from the image and restore its clarity.',
    zh: '请去除图像中的雨水并恢复图像清晰度',
  },
  reflection: { en: 'Please remove the reflection from the image.', zh: '请移除图像中的反光' },
};
