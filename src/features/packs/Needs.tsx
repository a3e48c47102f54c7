import { useTranslation } from 'react-i18next';
import type { Obstacle, PackNeeds } from '../../../workers/packs/protocol.ts';
import { bytesText } from '../../app/amounts.ts';
import { whyKey } from '../../app/Panel.tsx';
import { useApp } from '../../store/index.ts';
import { packKey } from '../../store/packsSlice.ts';
import { Row } from './parts.tsx';
import { secondsPerMegapixel } from './speed.ts';

/** Weights that a processor can't work through in bearable time, in bytes on a GPU. */
const FOR_GPU = 2e9;

/** Rows on what a pack needs to run; disk is the business of whoever shows them. */
export function NeedsRows({ needs }: { needs: PackNeeds }) {
  const { t, i18n } = useTranslation();
  const bytes = (value: number) => bytesText(value, i18n.language);
  const memory = { least: needs.gpuWeightsLeast + needs.gpuActivations, all: needs.gpuWeights + needs.gpuActivations };
  return (
    <>
      <Row name={t('packs.needs.memory')}>
        {t('packs.needs.memoryText', { least: bytes(memory.least), all: bytes(memory.all) })}
      </Row>
      <Row name={t('packs.needs.browser')}>
        {t(needs.gpuWeights > FOR_GPU ? 'packs.needs.browserLarge' : 'packs.needs.browserSmall')}
      </Row>
      <Row name={t('packs.needs.time')}>
        <Time needs={needs} />
      </Row>
      {needs.baked && <Row name={t('packs.needs.mode')}>{t('packs.needs.baked')}</Row>}
    </>
  );
}

/** From the last whole job on this device; the job before may have been of another pack. */
function Time({ needs }: { needs: PackNeeds }) {
  const { t, i18n } = useTranslation();
  const measured = useApp((state) => state.measured);
  const used = useApp(({ packs, ownPack }) => {
    const key = measured && packKey(measured.pack);
    return [...(packs ?? []), ...(ownPack ? [ownPack] : [])].find(({ id }) => packKey(id) === key)?.needs;
  });
  if (!measured || !used) return t('packs.needs.timeUnknown');
  const minutes = secondsPerMegapixel(measured, used, needs) / 60;
  const shown = new Intl.NumberFormat(i18n.language, { maximumSignificantDigits: 2 }).format(minutes);
  return t('packs.needs.timeText', { minutes: shown, count: needs.steps.default });
}

/** Why a pack can't be stored or run here, one sentence each. */
export function Obstacles({ needs, obstacles }: { needs: PackNeeds; obstacles: readonly Obstacle[] }) {
  const { t, i18n } = useTranslation();
  const engine = useApp((state) => state.engine);
  const bytes = (value: number) => bytesText(value, i18n.language);
  const texts = obstacles.map(sentence);
  if (engine.state === 'ready') {
    const { kind, limits, why } = engine.engine;
    const most = limits.maxStorageBufferBindingSize;
    if (kind === 'wasm' && needs.gpuWeights > FOR_GPU) texts.push(`${t('packs.cannot.processor')} ${t(whyKey(why))}`);
    if (kind === 'webgpu' && most !== undefined && needs.gpuLargestBuffer > most)
      texts.push(t('packs.cannot.buffer', { most: bytes(most), needed: bytes(needs.gpuLargestBuffer) }));
  }
  if (texts.length === 0) return null;
  return (
    <ul className="pack-obstacles">
      {texts.map((text) => (
        <li key={text}>{text}</li>
      ))}
    </ul>
  );

  function sentence(one: Obstacle): string {
    if (one.code === 'no-storage') return t('packs.cannot.storage');
    if (one.code === 'not-enough-room') return t('packs.cannot.room', { missing: bytes(one.missing) });
    const parts = one.parts.map((part) => t(`packs.parts.${part}`));
    return t('packs.cannot.incomplete', { parts: new Intl.ListFormat(i18n.language).format(parts) });
  }
}
