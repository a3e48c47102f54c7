/**
 * How the weights of a pack's blocks share a budget: which stay on the GPU for the whole job, and which flow through slots
 * that later blocks of the same graph use again. Pure. What stays changes no number, only how often weights are read.
 */

/** One block, in the order in which blocks run. */
export interface BlockWeights {
  readonly id: string;
  readonly graph: string;
  /** Bytes of its weights as fed. */
  readonly bytes: number;
}

export interface WeightPlan {
  readonly resident: ReadonlySet<string>;
  readonly streamed: ReadonlySet<string>;
  readonly residentBytes: number;
  /** `SLOTS` sets of buffers for each graph with streamed blocks. */
  readonly slotBytes: number;
  /** `STAGES` mapped buffers, each as large as the largest streamed block. */
  readonly stagingBytes: number;
}

/** One block computes while the next one arrives. */
export const SLOTS = 2;
/** One staging buffer is read by the GPU while the other one is filled. */
export const STAGES = 2;

/**
 * @param budget bytes for all of it; where not even the slots fit, nothing is resident and the slots are taken anyway,
 *   since without them no block could run
 */
export function planWeights(blocks: readonly BlockWeights[], budget: number): WeightPlan {
  const total = sum(blocks);
  if (total <= budget) return toPlan(blocks, new Set(blocks.map(({ id }) => id)));
  const fixed = new Set<string>();
  // A graph with few blocks would spend as much on its slots as on keeping them.
  for (const group of byGraph(blocks).values()) if (group.length <= SLOTS) for (const { id } of group) fixed.add(id);
  const rest = blocks.filter(({ id }) => !fixed.has(id));
  const { slotBytes, stagingBytes } = toPlan(rest, new Set());
  const room = budget - slotBytes - stagingBytes - sum(blocks.filter(({ id }) => fixed.has(id)));
  const resident = room < 0 ? new Set<string>() : new Set([...fixed, ...spread(rest, room)]);
  return toPlan(blocks, resident);
}

/**
 * Blocks of at most `room` bytes together, evenly among the others: while a resident block computes, the next streamed one
 * has the time to arrive.
 */
function spread(blocks: readonly BlockWeights[], room: number): string[] {
  const share = room / Math.max(1, sum(blocks));
  const kept: string[] = [];
  let credit = 0;
  for (const { id, bytes } of blocks) {
    credit += share * bytes;
    if (credit < bytes) continue;
    credit -= bytes;
    kept.push(id);
  }
  return kept;
}

function toPlan(blocks: readonly BlockWeights[], resident: ReadonlySet<string>): WeightPlan {
  const flowing = blocks.filter(({ id }) => !resident.has(id));
  const largest = [...byGraph(flowing).values()].map((group) => Math.max(...group.map(({ bytes }) => bytes)));
  return {
    resident,
    streamed: new Set(flowing.map(({ id }) => id)),
    residentBytes: sum(blocks) - sum(flowing),
    slotBytes: SLOTS * largest.reduce((all, bytes) => all + bytes, 0),
    stagingBytes: STAGES * Math.max(0, ...largest),
  };
}

function byGraph(blocks: readonly BlockWeights[]): Map<string, BlockWeights[]> {
  const groups = new Map<string, BlockWeights[]>();
  for (const block of blocks) groups.set(block.graph, [...(groups.get(block.graph) ?? []), block]);
  return groups;
}

const sum = (blocks: readonly BlockWeights[]) => blocks.reduce((all, { bytes }) => all + bytes, 0);
