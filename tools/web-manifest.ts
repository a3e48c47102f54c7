import type { ManifestOptions } from 'vite-plugin-pwa';

const imageTypes = {
  'image/jpeg': ['.jpg', '.jpeg'],
  'image/png': ['.png'],
  'image/webp': ['.webp'],
  'image/avif': ['.avif'],
  'image/heic': ['.heic', '.heif'],
  'image/jxl': ['.jxl'],
  'image/tiff': ['.tif', '.tiff'],
  'image/gif': ['.gif'],
  'image/x-adobe-dng': ['.dng'],
};

/** The web app manifest. Every address is relative, so the app may lie under any path. */
export const manifest: Partial<ManifestOptions> = {
  name: 'Photo restorer',
  short_name: 'Restorer',
  description: 'Restores photos on this device. Nothing is uploaded.',
  start_url: './',
  scope: './',
  display: 'standalone',
  background_color: '#121314',
  theme_color: '#121314',
  categories: ['photo', 'utilities'],
  icons: [
    { src: './icons/icon-192.png', sizes: '192x192', type: 'image/png' },
    { src: './icons/icon-512.png', sizes: '512x512', type: 'image/png' },
    { src: './icons/maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
    { src: './icons/icon.svg', sizes: 'any', type: 'image/svg+xml' },
  ],
  screenshots: [
    { src: './screenshots/wide.png', sizes: '1280x800', type: 'image/png', form_factor: 'wide' },
    { src: './screenshots/narrow.png', sizes: '780x1688', type: 'image/png', form_factor: 'narrow' },
  ],
  launch_handler: { client_mode: ['focus-existing', 'auto'] },
  file_handlers: [{ action: './', accept: imageTypes }],
  share_target: {
    action: './share-target',
    method: 'POST',
    enctype: 'multipart/form-data',
    params: { files: [{ name: 'photo', accept: Object.keys(imageTypes) }] },
  },
};
