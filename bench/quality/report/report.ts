/** The report: damaged, ours, clean and MAXIM's, best and worst case of each task alike, and clean photos through tasks. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { chromium } from '@playwright/test';
import sharp from 'sharp';
import { findBrowser } from '../../../tools/browser.mjs';
import type { TaskId } from '../../../workers/packs/manifest.ts';
import { restoreAuto } from '../../../workers/pipeline/auto.ts';
import type { Photo } from '../../../workers/pipeline/photo.ts';
import { type Contestant, SEED } from '../measure.ts';
import { psnr } from '../metrics/psnr.ts';
import type { TaskRows } from '../summary.ts';
import type { Workshop } from '../workshop.ts';
import { type Cell, pageOf, type Row, type Section } from './page.ts';

/** Photos whose licence (CC0) allows pictures of them in this repository: all that come from budgie-backgrounds. */
export const FREE = (photo: string) => Number(photo) >= 12;

/** Where to look for harm: faces, letters, thin lines. A square of the 256 px picture, `[x, y, side]`. */
const CLOSE_UPS: readonly { photo: string; what: string; square: [number, number, number] }[] = [
  { photo: '0003', what: 'a face', square: [64, 40, 128] },
  { photo: '0005', what: 'letters', square: [0, 96, 128] },
  { photo: '0012', what: 'thin lines', square: [64, 32, 128] },
  { photo: '0026', what: 'thin lines', square: [64, 64, 128] },
];
const CLOSE_UP_TASKS: readonly TaskId[] = ['blur', 'noise', 'compression', 'rain'];

async function cell(label: string, { width, height, rgb }: Photo, square?: [number, number, number]): Promise<Cell> {
  let image = sharp(rgb, { raw: { width, height, channels: 3 } });
  if (square) {
    const [left, top, side] = square;
    image = image.extract({ left, top, width: side, height: side }).resize(2 * side, 2 * side, { kernel: 'nearest' });
  }
  const bytes = await image.jpeg({ quality: 90, chromaSubsampling: '4:4:4' }).toBuffer();
  return { label, source: `data:image/jpeg;base64,${bytes.toString('base64')}` };
}

/** Photos with the largest and the smallest gain in PSNR. */
export function extremes(rows: TaskRows, allowed: (photo: string) => boolean): { best: string; worst: string } | null {
  const gains = rows.photos.flatMap((photo, i) => {
    const [before, after] = [rows.columns.input?.[i], rows.columns.ours?.[i]];
    return before && after && allowed(photo) ? [{ photo, gain: after.psnr - before.psnr }] : [];
  });
  gains.sort((a, b) => b.gain - a.gain);
  const [best, worst] = [gains[0], gains.at(-1)];
  return best && worst ? { best: best.photo, worst: worst.photo } : null;
}

async function taskSection(
  rows: TaskRows,
  contestant: Contestant,
  workshop: Workshop,
  allowed: (photo: string) => boolean,
): Promise<Section> {
  const { task } = rows;
  const found = extremes(rows, allowed);
  const line = async (name: string, photo: string): Promise<Row> => {
    const clean = await workshop.picture('clean', photo);
    const damaged = await workshop.picture(task, photo);
    const ours = await contestant.restore(damaged, task);
    const maxim = await workshop.maximPicture(task, photo);
    const level = (picture: Photo) => `${psnr(picture, clean).toFixed(1)} dB`;
    const item = workshop.recipe.items.find((other) => other.task === task && other.photo === photo);
    return {
      title: `${name}: photo ${photo}, ${item?.kind ?? ''}`,
      cells: [
        await cell(`damaged, ${level(damaged)}`, damaged),
        await cell(`ours, ${level(ours)}`, ours),
        await cell('clean', clean),
        ...(maxim ? [await cell(`MAXIM, ${level(maxim)}`, maxim)] : []),
      ],
    };
  };
  const list = found ? [await line('Best case', found.best), await line('Worst case', found.worst)] : [];
  return { title: task, note: '', rows: list };
}

async function closeUps(
  contestant: Contestant,
  workshop: Workshop,
  allowed: (photo: string) => boolean,
): Promise<Section> {
  const rows: Row[] = [];
  for (const { photo, what, square } of CLOSE_UPS.filter((entry) => allowed(entry.photo))) {
    const clean = await workshop.picture('clean', photo);
    const cells = [await cell('clean', clean, square)];
    for (const task of CLOSE_UP_TASKS) {
      const result = await contestant.restore(clean, task);
      cells.push(await cell(`through ${task}, ${psnr(result, clean).toFixed(1)} dB`, result, square));
    }
    if (contestant.engine.manifest.auto) {
      const { proposal, result } = await restoreAuto(contestant.engine, clean, { seed: SEED });
      const label = result ? `${psnr(result, clean).toFixed(1)} dB` : 'left as it is';
      cells.push(await cell(`auto (${proposal.top}), ${label}`, result ?? clean, square));
    }
    rows.push({ title: `${what}: photo ${photo}, 128 px enlarged`, cells });
  }
  return { title: 'Clean photos through tasks', note: 'What a task does to a photo that needs nothing.', rows };
}

export interface ReportInput {
  readonly contestant: Contestant;
  readonly workshop: Workshop;
  readonly tasks: readonly TaskRows[];
  readonly tables: string;
}

export async function reportHtml(
  { contestant, workshop, tasks, tables }: ReportInput,
  allowed: (photo: string) => boolean,
): Promise<string> {
  const sections: Section[] = [];
  for (const rows of tasks) {
    sections.push(await taskSection(rows, contestant, workshop, allowed));
    console.error(`report: ${rows.task}`);
  }
  sections.push(await closeUps(contestant, workshop, allowed));
  const steps = contestant.defaultSteps;
  const intro =
    `The frozen test set of this project (${workshop.recipe.crop} px squares, damaged by code that training never uses), ` +
    `restored by the pack with ${steps} ${steps === 1 ? 'step' : 'steps'}. Cases are chosen by the gain in PSNR alone. ` +
    'MAXIM was trained for other damage than this.';
  return pageOf('Quality of the embedded pack', intro, sections, tables);
}

/** Writes the page. */
export async function writeReport(file: string, input: ReportInput): Promise<void> {
  await mkdir(dirname(resolve(file)), { recursive: true });
  await writeFile(file, await reportHtml(input, () => true));
}

/** A picture of a page that shows free photos only, and no tables. */
export async function writeStill(file: string, input: ReportInput): Promise<void> {
  const html = await reportHtml({ ...input, tables: '' }, FREE);
  const browser = await chromium.launch({ executablePath: await findBrowser(), args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage({ viewport: { width: 1152, height: 900 } });
    await page.setContent(html);
    const png = await page.screenshot({ fullPage: true });
    await sharp(png).resize({ width: 760 }).webp({ quality: 72 }).toFile(file);
  } finally {
    await browser.close();
  }
}
