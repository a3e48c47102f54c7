import { type CSSProperties, useEffect, useLayoutEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { useApp } from '../../store/index.ts';
import type { Photo } from '../../store/photoSlice.ts';
import { attach, showPicture } from '../restore/surface.ts';
import { BrushLayer } from '../results/BrushLayer.tsx';
import { drawLook, heatOf } from '../results/look.ts';
import { CompareSlider } from './CompareSlider.tsx';
import { dividerX, fitView, shareLeftOf } from './geometry.ts';
import { usePanZoom } from './usePanZoom.ts';
import './stage.css';

/**
 * The photo. Three canvases lie on each other under one transform, so they can't drift apart: what the job paints,
 * a step of the film strip, and the original, of which only the part left of the divider is seen.
 */
export function Stage({ photo }: { photo: Photo }) {
  const { t } = useTranslation();
  const stage = useRef<HTMLElement>(null);
  useStageSize(stage);
  usePanZoom(stage);
  const viewport = useApp((state) => state.viewport);
  const chosen = useApp((state) => state.view);
  const split = useApp((state) => state.split);
  const showOriginal = useApp((state) => state.showOriginal);
  const comparing = useApp((state) => state.result !== null && state.job !== 'running');
  const running = useApp((state) => state.job === 'running');
  const brushing = useApp((state) => state.brush !== null && state.result !== null && state.job !== 'running');
  const view = chosen ?? fitView(photo.info, viewport);
  const divider = dividerX(split, view, photo.info, viewport);
  const share = showOriginal ? 1 : comparing && !brushing ? shareLeftOf(divider, view, photo.info) : 0;
  const placed: CSSProperties = {
    width: photo.info.width,
    height: photo.info.height,
    transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})`,
    imageRendering: view.scale * devicePixelRatio >= 3 ? 'pixelated' : 'auto',
  };
  return (
    <section className="stage" ref={stage} aria-label={t('app.stage')} data-running={running || undefined}>
      {viewport.width > 0 && (
        <div className="stage-photo" style={placed}>
          <LiveCanvas photo={photo} label={photo.name} />
          <StepCanvas />
          <OriginalCanvas photo={photo} share={share} />
          <HeatCanvas />
        </div>
      )}
      {brushing && viewport.width > 0 && <BrushLayer view={view} />}
      {comparing && !brushing && !showOriginal && viewport.width > 0 && (
        <CompareSlider divider={divider} photo={photo.info} view={view} stage={viewport} />
      )}
      <Caption />
    </section>
  );
}

function LiveCanvas({ photo, label }: { photo: Photo; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    attach(canvas.current);
    showPicture(photo.view, photo.info);
    drawLook();
    return () => attach(null);
  }, [photo]);
  return <canvas ref={canvas} data-testid="canvas" role="img" aria-label={label} />;
}

function OriginalCanvas({ photo, share }: { photo: Photo; share: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  // Not needed yet when a photo opens: two large copies in one task would hold the page up.
  useEffect(() => {
    const timer = setTimeout(() => drawWhole(canvas.current, photo.view), 50);
    return () => clearTimeout(timer);
  }, [photo]);
  return (
    <canvas
      ref={canvas}
      className="stage-over"
      aria-hidden
      data-testid="original"
      hidden={share === 0}
      style={{ clipPath: `inset(0 ${(1 - share) * 100}% 0 0)` }}
    />
  );
}

function StepCanvas() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const frame = useApp((state) => state.frames.find((one) => one.step === state.shownStep) ?? null);
  useLayoutEffect(() => {
    if (frame) drawWhole(canvas.current, frame.image);
  }, [frame]);
  return <canvas ref={canvas} className="stage-over" aria-hidden hidden={!frame} />;
}

/** Where the photo changed, over what it changed to. */
function HeatCanvas() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const map = useApp(heatOf);
  useLayoutEffect(() => {
    if (map) drawWhole(canvas.current, map);
  }, [map]);
  return <canvas ref={canvas} className="stage-over" aria-hidden data-testid="heat" hidden={!map} />;
}

function drawWhole(canvas: HTMLCanvasElement | null, image: ImageBitmap): void {
  if (!canvas) return;
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext('2d')?.drawImage(image, 0, 0);
}

/** Says that the original is seen while its key or button is held. */
function Caption() {
  const { t } = useTranslation();
  const original = useApp((state) => state.showOriginal);
  return original ? <p className="stage-caption">{t('compare.before')}</p> : null;
}

function useStageSize(stage: React.RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const element = stage.current;
    if (!element) return;
    const { setUi } = useApp.getState();
    const observer = new ResizeObserver(([entry]) => {
      if (!entry) return;
      const { width, height } = entry.contentRect;
      setUi({ viewport: { width, height } });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [stage]);
}
