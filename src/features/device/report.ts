/** "About this device" as rows for the page and as text to copy. Neither holds anything of a photo. */
import type { EngineState } from '../../bridge/engine.ts';

export interface Around {
  browser: string;
  isolated: boolean;
  screen: string;
  cores: number;
  storage: { usage: number; quota: number } | null;
}

const MB = 1e6;

export async function lookAround(): Promise<Around> {
  const estimate = await navigator.storage?.estimate?.().catch(() => null);
  return {
    browser: navigator.userAgent,
    isolated: crossOriginIsolated,
    screen: `${screen.width} × ${screen.height} @ ${devicePixelRatio}`,
    cores: navigator.hardwareConcurrency,
    storage: estimate ? { usage: estimate.usage ?? 0, quota: estimate.quota ?? 0 } : null,
  };
}

export const megabytes = (bytes: number): number => Math.round((bytes / MB) * 10) / 10;

/** Plain English lines for a bug report, whatever language the page speaks. */
export function reportText(
  state: EngineState,
  around: Around,
  failure: { code: string; detail: string } | null,
): string {
  const lines = [
    `browser: ${around.browser}`,
    `cores: ${around.cores}, isolated: ${around.isolated}, screen: ${around.screen}`,
    around.storage
      ? `storage: ${megabytes(around.storage.usage)} of ${megabytes(around.storage.quota)} MB`
      : 'storage: not known',
    `engine state: ${state.state}`,
  ];
  if (state.state === 'ready') {
    const { engine, pack } = state;
    lines.push(
      `engine: ${engine.kind}, ${engine.bundle}, ${engine.mode}, ${engine.threads} threads, why: ${engine.why}`,
      `adapter: ${engine.adapter || 'none'}`,
      `self-test: ${engine.selfTest.map((one) => `${one.name} ${one.ok ? 'ok' : 'FAILED'} ${one.error.toExponential(1)}`).join(', ') || 'none'}`,
      `features: ${engine.features.join(', ') || 'none'}`,
      `limits: ${
        Object.entries(engine.limits)
          .map(([name, value]) => `${name} ${value}`)
          .join(', ') || 'none'
      }`,
      `pack: ${pack.name} ${pack.version}, ${megabytes(pack.bytes)} MB, tile ${pack.tile} px, stored: ${pack.stored !== false}`,
    );
  }
  if (state.state === 'ready' && state.pack.memory) {
    const { blocks, streamed, bytes } = state.pack.memory;
    lines.push(`GPU memory: about ${megabytes(bytes)} MB, streams ${streamed} of ${blocks} blocks`);
  }
  const trouble = state.state === 'error' ? state.failure : failure;
  if (trouble) lines.push(`last failure: ${trouble.code} ${withoutNames(trouble.detail)}`);
  return lines.join('\n');
}

/** Details come from the engine and name no photo; a path or an address with a file name is cut all the same. */
function withoutNames(detail: string): string {
  return detail.replace(/[\w%~-]+\.(jpe?g|png|webp|avif|heic|tiff?|gif|bmp)\b/gi, '[file]');
}
