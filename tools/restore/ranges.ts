/**
 * How large the values of a job get, graph by graph: what float16 would have to hold.
 */
import type { Tensor as OrtTensor } from 'onnxruntime-web';
import type { DType } from '../../workers/pipeline/backend.ts';
import type { InsideValue } from '../backend-node/backend.ts';
import { largestOf } from '../backend-node/largest.ts';

/** The largest number of float16. */
export const HALF_MOST = 65504;
/** From this share of it on a value counts as near: two doublings away. */
const NEAR = 1 / 4;

/**
 * `input` and `output` are what goes into and comes out of a graph; `inside` is what its nodes make in float32; `half` what the
 * nodes of its float16 variant make in float16, given the same inputs.
 */
export type Where = 'input' | 'output' | 'inside' | 'half';

export interface RangeRow {
  readonly instance: string;
  readonly where: Where;
  readonly name: string;
  /** Inside: operator and weights. */
  readonly maker?: string;
  /** How mode f16 holds an input or output. */
  readonly held?: DType;
  /** The largest finite size over the whole job. */
  readonly most: number;
  readonly finite: boolean;
  /** Whether float16 can't hold it, or just so. */
  readonly float16: 'fits' | 'near' | 'over';
}

export class RangeBook {
  readonly #rows = new Map<string, Omit<RangeRow, 'float16'>>();

  see(about: Pick<RangeRow, 'instance' | 'where' | 'name' | 'maker' | 'held'>, tensor: OrtTensor): void {
    const found = largestOf(tensor);
    if (!found) return;
    const key = `${about.instance} ${about.where} ${about.name}`;
    const known = this.#rows.get(key);
    const most = Math.max(known?.most ?? 0, found.most);
    this.#rows.set(key, { ...about, most, finite: found.finite && (known?.finite ?? true) });
  }

  inside =
    (where: 'inside' | 'half') =>
    ({ instance, name, maker, tensor }: InsideValue): void => {
      if (where === 'inside' || tensor.type === 'float16') this.see({ instance, where, name, maker }, tensor);
    };

  /** The largest first; what is not finite before everything else. */
  rows(): RangeRow[] {
    return [...this.#rows.values()]
      .sort((a, b) => Number(a.finite) - Number(b.finite) || b.most - a.most)
      .map((row) => ({ ...row, float16: judge(row) }));
  }

  /** For a person: what does not fit, kind by kind. */
  summary(): string[] {
    const rows = this.rows();
    const lines = [`The largest number of float16 is ${HALF_MOST}.`];
    for (const [where, title] of TITLES) {
      const own = rows.filter((row) => row.where === where);
      if (own.length === 0) continue;
      const over = own.filter(({ float16 }) => float16 === 'over');
      const near = own.filter(({ float16 }) => float16 === 'near');
      const counts = `${over.length} larger or not finite, ${near.length} within a factor of four`;
      lines.push(`${title}: ${own.length} values, ${counts}`);
      const told = [...over, ...near];
      for (const row of told.slice(0, MOST_TOLD)) lines.push(`  ${describe(row)}`);
      if (told.length > MOST_TOLD) lines.push(`  and ${told.length - MOST_TOLD} more`);
    }
    return lines;
  }
}

const MOST_TOLD = 10;
const TITLES: readonly (readonly [Where, string])[] = [
  ['input', 'into graphs'],
  ['output', 'out of graphs'],
  ['inside', 'inside graphs, float32'],
  ['half', 'inside graphs, float16 variant'],
];

function judge({ most, finite }: Pick<RangeRow, 'most' | 'finite'>): RangeRow['float16'] {
  if (!finite || most > HALF_MOST) return 'over';
  return most > HALF_MOST * NEAR ? 'near' : 'fits';
}

function describe({ instance, name, maker, held, most, finite }: RangeRow): string {
  const how = held === 'float32' ? ', held in float32 by mode f16 too' : '';
  const size = finite ? most.toPrecision(4) : 'not finite';
  return `${size}  ${instance} ${name}${maker ? ` (${maker})` : ''}${how}`;
}
