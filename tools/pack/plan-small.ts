import type { TaskId } from '../../workers/packs/manifest.ts';
import { autoHead } from './auto.ts';
import type { SmallConfig } from './config.ts';
import type { Emitter } from './emitter.ts';
import { overview } from './overview-small.ts';
import { alone, ditDims, familyHead, type GraphPlan, type Plan, tasksOf, transformerParts } from './plan-parts.ts';
import { type Aim, refine } from './refine-small.ts';
import { conditioningTable, decoderLevel, encoderLevel } from './vae-small.ts';

/** The small family: norm-free VAE with skips, conditioning table. */
export function smallPlan(c: SmallConfig): Plan {
  const d = ditDims(c);
  const vae = {
    widths: c.vae.widths,
    encoderBlocks: c.vae.encoder_blocks,
    decoderBlocks: c.vae.decoder_blocks,
    latentChannels: c.vae.latent_channels,
    pooledDim: d.pooledDim,
    scale: c.vae.scale,
    shift: c.vae.shift,
  };
  const table = {
    tasks: c.conditioning.tasks.length,
    taskTokens: c.conditioning.task_tokens,
    thumb: c.conditioning.thumb,
    latentChannels: c.vae.latent_channels,
    contextDim: d.contextDim,
    pooledDim: d.pooledDim,
  };
  const parts = transformerParts(c, d);
  const levels = [0, 1, 2];
  const encode = levels.map((l) => `enc.${l}`);
  const decode = [...levels].reverse().map((l) => `dec.${l}`);
  const level = (emit: (e: Emitter) => void): GraphPlan => ({ emit, chunks: [1], modes: 'two' });
  const graphs = new Map<string, GraphPlan>([
    ...levels.map((l) => [`enc.${l}`, level((e) => encoderLevel(e, vae, l))] as const),
    ['conditioning', { emit: (e) => conditioningTable(e, table), chunks: [1], modes: 'one' }],
    ...parts.graphs,
    ...levels.map((l) => [`dec.${l}`, level((e) => decoderLevel(e, vae, l))] as const),
  ]);
  const { auto } = c;
  if (auto) {
    const dims = { ...auto, classes: c.conditioning.tasks.length + 1 };
    graphs.set('auto', { emit: (e) => autoHead(e, dims), chunks: [1], modes: 'one' });
  }
  const refined = c.refine;
  const aimOf = (task: TaskId): Aim | undefined => {
    const { sharpen, guide } = refined ?? {};
    if (sharpen?.tasks.includes(task)) return { sharpen };
    return guide?.tasks.includes(task) ? { guide } : undefined;
  };
  const refineGraph = (task: TaskId) => {
    const aim = aimOf(task);
    if (!aim) return 'refine';
    return 'sharpen' in aim ? 'refine_sharp' : 'refine_guided';
  };
  if (refined) {
    for (const task of refined.tasks) {
      graphs.set(
        refineGraph(task),
        level((e) => refine(e, refined, aimOf(task))),
      );
    }
  }
  const seen = c.overview;
  if (seen) {
    graphs.set(
      'overview',
      level((e) => overview(e, { ...seen, side: c.conditioning.thumb })),
    );
  }
  // Ids have no hyphens.
  const refineId = (task: string) => `refine.${task.replace('-', '_')}`;
  const overviewId = (task: string) => `overview.${task.replace('-', '_')}`;
  const tokens = c.conditioning.task_tokens + (c.conditioning.thumb / 16) ** 2;
  return {
    graphs,
    instances: [
      ...alone(encode),
      ...alone(auto ? ['conditioning', 'auto'] : ['conditioning']),
      ...parts.instances,
      ...alone(decode),
      ...(refined?.tasks ?? []).map((task) => ({
        id: refineId(task),
        graph: refineGraph(task),
        prefix: `refine.${task}.`,
      })),
      ...(seen?.tasks ?? []).map((task) => ({
        id: overviewId(task),
        graph: 'overview',
        prefix: `overview.${task}.`,
      })),
    ],
    preview: 'decoder',
    ignored: [],
    states: null,
    encoder: null,
    head: {
      family: familyHead(c, tokens, null),
      switches: {
        start: { kind: 'reference', sigma: c.start_sigma },
        reference: { kind: 'channels' },
        decoderInputs: 'latents+skips',
        conditioning: { kind: 'table', thumb: c.conditioning.thumb },
        guidance: { kind: 'none' },
      },
      schedule: { kind: 'linear' },
      steps: { min: 1, default: c.steps, max: 8 },
      vae: { scale: c.vae.scale, shift: c.vae.shift, encode, decode },
      tile: { gpu: 1024, wasm: 512, overlap: 96 },
      tasks: tasksOf(c),
      ...(c.anchor && { anchor: c.anchor }),
      ...(seen && {
        overview: {
          side: c.conditioning.thumb,
          sigma: seen.sigma,
          doubt: seen.doubt,
          tasks: seen.tasks.map((task) => ({ task, instance: overviewId(task) })),
        },
      }),
      ...(refined && { refine: refined.tasks.map((task) => ({ task, instance: refineId(task) })) }),
      ...(auto && {
        auto: {
          graph: 'auto',
          crop: auto.crop,
          crops: auto.crops,
          thumb: auto.thumb,
          classes: [...c.conditioning.tasks, 'clean' as const],
          threshold: auto.threshold,
        },
      }),
    },
  };
}
