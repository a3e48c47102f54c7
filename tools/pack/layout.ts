/**
 * Where every weight of a pack will lie, before any is made. Shards are filled part by part in the plan's order, so that a
 * pack with fewer parts has the same bytes in the shards it has.
 */
import type { Manifest, Part, WeightSpec } from '../../workers/packs/manifest.ts';
import { storedBytes } from '../../workers/packs/weights.ts';
import type { Recipe } from './emitter.ts';
import type { EmittedGraph } from './graphs.ts';
import type { InstancePlan, Plan } from './plan-parts.ts';
import { EMBEDDING_TENSOR } from './plan-qwen.ts';

/** Shards are named by these: `vae-0.bin`, `prologue-0.bin` (all that runs before the steps), `dit-0.bin`, `text-0.bin`. */
export type Group = 'vae' | 'prologue' | 'dit' | 'text';

export const PART_OF: Readonly<Record<Group, Part>> = { vae: 'vae', prologue: 'dit', dit: 'dit', text: 'text' };

const PROLOGUE = new Set(['connector', 'vec', 'context', 'mod2', 'mod3', 'mod6']);

export function groupOf(plan: Plan, { id, graph }: InstancePlan): Group {
  const { encode, decode } = plan.head.vae;
  if (encode.includes(id) || decode.includes(id) || graph.startsWith('refine') || graph === 'overview') return 'vae';
  if (graph === 'conditioning' || graph === 'auto') return 'text';
  if (graph.startsWith('vision.') || graph.startsWith('text.')) return 'text';
  return PROLOGUE.has(graph) ? 'prologue' : 'dit';
}

/** The instances of the given parts. */
export function instancesIn(plan: Plan, parts: readonly Part[]): InstancePlan[] {
  return plan.instances.filter((instance) => parts.includes(PART_OF[groupOf(plan, instance)]));
}

/** One weight of an instance: its recipe, with the tensor's full name. */
export interface Wanted {
  readonly id: string;
  readonly instance: string;
  readonly group: Group;
  readonly recipe: Recipe;
  readonly tensor: string;
  /** No instance's weight: rows that the engine reads by themselves. */
  readonly loose?: true;
}

/** The id of the baked states among the weights. */
export const STATES_ID = 'states';

/** Every weight of the given parts, in the order in which shards are filled. */
export function wantedWeights(
  plan: Plan,
  graphs: ReadonlyMap<string, EmittedGraph>,
  parts: readonly Part[],
  plain: 'f16' | 'f32' = 'f16',
): Wanted[] {
  const wanted: Wanted[] = plan.instances.flatMap((instance) => {
    const { id, graph, prefix } = instance;
    const recipes = graphs.get(graph)?.recipes;
    if (recipes === undefined) throw new Error(`instance ${id} of an unknown graph ${graph}`);
    const group = groupOf(plan, instance);
    const cut = [...recipes].filter(([, { computed }]) => computed !== true);
    return cut.map(([port, recipe]) => ({
      id: `${id}.${port}`,
      instance: id,
      group,
      recipe,
      tensor: prefix + recipe.source.tensor,
    }));
  });
  if (plan.states !== null) {
    const { full, tensor } = plan.states;
    const recipe: Recipe = { stored: 'f16', shape: full, source: plan.states };
    wanted.push({ id: STATES_ID, instance: STATES_ID, group: 'text', recipe, tensor, loose: true });
  }
  wanted.push(...embeddingRows(plan, plain));
  return wanted.filter(({ group }) => parts.includes(PART_OF[group]));
}

/** Rows of a piece of a whole embedding table: 58 MB at 3584 features. */
const TABLE_ROWS = 8192;

/** Rows of the embedding table, one after the other in the order of their ids. */
function embeddingRows({ encoder }: Plan, stored: 'f16' | 'f32'): Wanted[] {
  if (encoder === null) return [];
  const { hidden, vocabulary } = encoder.config.language;
  const starts = encoder.ids ?? Array.from({ length: Math.ceil(vocabulary / TABLE_ROWS) }, (_, i) => i * TABLE_ROWS);
  return starts.map((start) => {
    const count = encoder.ids === null ? Math.min(TABLE_ROWS, vocabulary - start) : 1;
    const source = { tensor: EMBEDDING_TENSOR, full: [vocabulary, hidden], rows: [start, count] as const };
    const recipe: Recipe = { stored, shape: [count, hidden], source };
    return {
      id: `${EMBEDDING_ID}${start}`,
      instance: 'embedding',
      group: 'text',
      recipe,
      tensor: EMBEDDING_TENSOR,
      loose: true,
    };
  });
}

/** Begins the ids of the embedding's rows among the weights. */
const EMBEDDING_ID = 'embedding.';

/** Where the embedding's rows lie, neighbours as one piece. */
export function embeddingPieces(layout: Layout): Place[] {
  const pieces: Place[] = [];
  for (const [id, { shard, offset, bytes }] of layout.places) {
    if (!id.startsWith(EMBEDDING_ID)) continue;
    const last = pieces.at(-1);
    if (last !== undefined && last.shard === shard && last.offset + last.bytes === offset && last.bytes < 2 ** 26) {
      pieces[pieces.length - 1] = { ...last, bytes: last.bytes + bytes };
    } else pieces.push({ shard, offset, bytes });
  }
  return pieces;
}

export type Place = Pick<WeightSpec, 'shard' | 'offset' | 'bytes'>;

export interface Layout {
  /** By weight id. */
  readonly places: ReadonlyMap<string, Place>;
  /** Shard name to bytes, in order. */
  readonly shards: ReadonlyMap<string, number>;
}

const ALIGN = 16;

/**
 * Places weights one behind the other, each at a multiple of 16 bytes; a new shard starts where the next would not fit.
 *
 * @param limit bytes a shard
 * @throws Error when a weight is larger than a shard
 */
export function layOut(wanted: readonly Pick<Wanted, 'id' | 'group' | 'recipe'>[], limit: number): Layout {
  const places = new Map<string, Place>();
  const shards = new Map<string, number>();
  const counts = new Map<Group, number>();
  for (const { id, group, recipe } of wanted) {
    const bytes = storedBytes(recipe);
    if (bytes > limit) throw new Error(`${id} has ${bytes} bytes, more than a shard of ${limit}`);
    const count = counts.get(group) ?? 0;
    const current = `${group}-${count}.bin`;
    const offset = Math.ceil((shards.get(current) ?? 0) / ALIGN) * ALIGN;
    const fits = offset + bytes <= limit;
    const shard = fits ? current : `${group}-${count + 1}.bin`;
    const at = fits ? offset : 0;
    counts.set(group, fits ? count : count + 1);
    places.set(id, { shard, offset: at, bytes });
    shards.set(shard, at + bytes);
  }
  return { places, shards };
}

/** Bytes of the shards by part and group, for plans and reports. */
export function bytesByGroup(shards: ReadonlyMap<string, number>): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, bytes] of shards) {
    const group = name.replace(/-\d+\.bin$/, '');
    sums[group] = (sums[group] ?? 0) + bytes;
  }
  return sums;
}

/** The manifest's list of weights. */
export function weightsOf(wanted: readonly Wanted[], layout: Layout): Manifest['weights'] {
  const weights: Manifest['weights'] = {};
  for (const { id, recipe, loose } of wanted) {
    const place = layout.places.get(id);
    if (place === undefined || loose) continue;
    weights[id] = { ...place, stored: recipe.stored, shape: [...recipe.shape] };
  }
  return weights;
}
