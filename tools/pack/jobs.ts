/**
 * The work of a build as jobs that any thread can do in any order: rows of one tensor, and all that is made of them. Every
 * byte of the checkpoint is read once, also where several weights are cut out of one tensor.
 */
import { bytesPerElement } from '../../workers/packs/weights.ts';
import type { Recipe } from './emitter.ts';
import type { Layout, Place, Wanted } from './layout.ts';
import { elementsOf, type TensorPlace, type TensorSource } from './source.ts';

/** A range of a shard that a job fills. */
export type Write = Place;

/** What a job makes of its rows. */
export interface Output {
  /** The weight's id, for messages. */
  readonly id: string;
  /** q4, q8: blocks, then scales. i8c: signed bytes, then scales. Else one range. */
  readonly writes: readonly Write[];
  readonly stored: Recipe['stored'];
  readonly columns?: readonly [start: number, count: number];
  /** Zeros behind every row up to this width. */
  readonly padTo?: number;
  /** The rows become columns: only whole weights, see `transposedOutputs`. */
  readonly transpose: boolean;
  readonly plus: number;
}

export interface Job {
  readonly place: TensorPlace;
  /** Elements a row of the tensor. */
  readonly width: number;
  readonly start: number;
  readonly count: number;
  readonly outputs: readonly Output[];
}

/** Elements that are read and converted at a time: 2 to 4 MiB of a file, 4 MiB as float32. */
export const SLAB = 1 << 20;

/** One weight, or the two that block quantisation gives, and the rows of the tensor that it needs. */
interface Consumer {
  readonly id: string;
  readonly recipe: Recipe;
  readonly start: number;
  readonly count: number;
  readonly places: readonly Place[];
}

function placeOf(layout: Layout, id: string): Place {
  const place = layout.places.get(id);
  if (place === undefined) throw new Error(`${id} has no place`);
  return place;
}

function consumersOf(wanted: readonly Wanted[], layout: Layout): Map<string, Consumer[]> {
  const scales = new Map<string, Wanted>();
  const keyOf = ({ instance, tensor, recipe }: Wanted) => JSON.stringify([instance, tensor, recipe.source]);
  for (const item of wanted) if (item.recipe.blocks?.part === 'scales') scales.set(keyOf(item), item);
  const consumers = new Map<string, Consumer[]>();
  for (const item of wanted) {
    const { id, recipe, tensor } = item;
    if (recipe.blocks?.part === 'scales') continue;
    const places = [placeOf(layout, id)];
    if (recipe.blocks !== undefined) {
      const pair = scales.get(keyOf(item));
      if (pair === undefined) throw new Error(`${id} has no scales`);
      places.push(placeOf(layout, pair.id));
    }
    const [start, count] = recipe.source.rows ?? [0, recipe.source.full[0] ?? 1];
    const list = consumers.get(tensor) ?? [];
    list.push({ id, recipe, start, count, places });
    consumers.set(tensor, list);
  }
  return consumers;
}

/** The part of a consumer's ranges that `count` rows from row `start` of the tensor fill. */
function outputOf(consumer: Consumer, start: number, count: number, width: number): Output {
  const { id, recipe, places } = consumer;
  const { columns, transpose, plus, padTo } = recipe.source;
  const rowElements = padTo ?? columns?.[1] ?? width;
  const first = start - consumer.start;
  const [main, second] = places;
  if (main === undefined) throw new Error(`${id} has no place`);
  const part = (place: Place, rowBytes: number): Write => ({
    shard: place.shard,
    offset: place.offset + first * rowBytes,
    bytes: count * rowBytes,
  });
  const writes: Write[] = [];
  switch (recipe.stored) {
    case 'f32':
    case 'f16':
      writes.push(part(main, rowElements * bytesPerElement(recipe.stored === 'f32' ? 'float32' : 'float16')));
      break;
    case 'i8c': {
      const body = Math.ceil(elementsOf(recipe.shape) / 16) * 16;
      writes.push(part(main, rowElements), part({ ...main, offset: main.offset + body }, 2));
      break;
    }
    case 'q4':
    case 'q8':
      if (second === undefined) throw new Error(`${id} has no scales`);
      writes.push(part(main, recipe.stored === 'q4' ? rowElements / 2 : rowElements), part(second, rowElements / 16));
  }
  return {
    id,
    writes,
    stored: recipe.stored,
    ...(columns && { columns }),
    ...(padTo !== undefined && { padTo }),
    transpose: transpose === true,
    plus: plus ?? 0,
  };
}

/** Jobs of one tensor: its rows cut where a consumer begins or ends, and into slabs unless something is transposed. */
function jobsOfTensor(place: TensorPlace, consumers: readonly Consumer[]): Job[] {
  const width = elementsOf(place.shape.slice(1));
  const jobs: Job[] = [];
  const add = (start: number, count: number, who: readonly Consumer[]) =>
    jobs.push({ place, width, start, count, outputs: who.map((consumer) => outputOf(consumer, start, count, width)) });
  const edges = [...new Set(consumers.flatMap(({ start, count }) => [start, start + count]))].sort((a, b) => a - b);
  const slab = Math.max(1, Math.floor(SLAB / width));
  for (const [at, start] of edges.entries()) {
    const end = edges[at + 1];
    if (end === undefined) break;
    const here = consumers.filter((c) => c.start <= start && c.start + c.count >= end);
    const whole = here.filter(({ recipe }) => recipe.source.transpose === true);
    const sliced = here.filter((consumer) => !whole.includes(consumer));
    // A transposed weight is one job; where other consumers cut its rows, it reads them on its own.
    const fitting = whole.filter((c) => c.start === start && c.count === end - start);
    for (const c of whole) if (!fitting.includes(c) && c.start === start) add(c.start, c.count, [c]);
    if (fitting.length > 0)
      add(
        start,
        end - start,
        here.filter((c) => fitting.includes(c) || sliced.includes(c)),
      );
    else if (sliced.length > 0) {
      for (let row = start; row < end; row += slab) add(row, Math.min(slab, end - row), sliced);
    }
  }
  return jobs;
}

/** Jobs in the order in which the checkpoint's files lie on the disk. */
export function planJobs(source: TensorSource, wanted: readonly Wanted[], layout: Layout): Job[] {
  const jobs: Job[] = [];
  for (const [tensor, consumers] of consumersOf(wanted, layout)) {
    const place = source.place(tensor);
    if (place === undefined) throw new Error(`no tensor ${tensor}`);
    jobs.push(...jobsOfTensor(place, consumers));
  }
  const order = ({ place: { from } }: Job): [string, number] => ('file' in from ? [from.file, from.offset] : ['', 0]);
  return jobs
    .map((job, at) => ({ job, at, key: order(job) }))
    .sort((a, b) => (a.key[0] < b.key[0] ? -1 : a.key[0] > b.key[0] ? 1 : a.key[1] - b.key[1] || a.at - b.at))
    .map(({ job }) => job);
}

/** Elements of the checkpoint that a job reads. */
export const elementsOfJob = (job: Job) => job.count * job.width;

/** Memory that a job needs beyond one slab: what it makes is kept until it is complete. */
export const jobMemory = (job: Job) =>
  job.outputs.reduce((sum, { writes }) => sum + writes.reduce((bytes, write) => bytes + write.bytes, 0), 0);
