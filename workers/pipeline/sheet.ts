/** Tensors of a chain: whole, or lying in bands of rows, so that nothing as large as a layer has to be in one piece. */
import { EngineError } from '../errors.ts';
import type { Backend, Piece, Tensor } from './backend.ts';
import type { Cut, Span } from './bands.ts';
import type { TensorScope } from './scope.ts';

export interface Part extends Span {
  readonly tensor: Tensor;
}

/** Parts follow each other without a gap, from row 0 on. */
export interface Sheet {
  /** Of the whole. */
  readonly dims: readonly number[];
  /** The axis that the parts divide. */
  readonly axis: number;
  readonly parts: Part[];
}

export function sheetOf(tensor: Tensor): Sheet {
  const axis = Math.min(2, Math.max(0, tensor.dims.length - 1));
  return { dims: tensor.dims, axis, parts: [{ tensor, start: 0, rows: tensor.dims[axis] ?? 1 }] };
}

/** The rows of a cut as one tensor: a part itself where the cut is just that part, else a new tensor in `scope`. */
export function cutSheet(backend: Backend, sheet: Sheet, axis: number, cut: Cut, scope: TensorScope): Tensor {
  const [only] = sheet.parts;
  // A whole tensor can be cut along any axis.
  const parts = sheet.axis !== axis && sheet.parts.length === 1 && only ? [wholePart(only, axis)] : sheet.parts;
  if (parts === sheet.parts && sheet.axis !== axis) {
    throw new EngineError('pack-damaged', `bands along axis ${sheet.axis} are asked for along axis ${axis}`);
  }
  const end = cut.start + cut.rows;
  const pieces: Piece[] = [];
  for (const part of parts) {
    const from = Math.max(cut.start, part.start);
    const to = Math.min(end, part.start + part.rows);
    if (to <= from) continue;
    if (cut.before + cut.after === 0 && from === cut.start && to === end && part.rows === cut.rows) return part.tensor;
    pieces.push({ tensor: part.tensor, start: from - part.start, rows: to - from });
  }
  if (pieces.reduce((sum, { rows }) => sum + rows, 0) !== cut.rows) {
    throw new EngineError('internal', `rows ${cut.start} to ${end} of [${sheet.dims}] are not there any more`);
  }
  return scope.add(backend.join(axis, pieces, cut.before, cut.after));
}

/** The whole as one tensor; made in `scope`, and in place of the parts, where it lies in bands. */
export function wholeOf(backend: Backend, sheet: Sheet, scope: TensorScope): Tensor {
  const [first, ...rest] = sheet.parts;
  if (!first) throw new EngineError('internal', 'a tensor without rows');
  if (rest.length === 0) return first.tensor;
  const pieces = sheet.parts.map(({ tensor, rows }) => ({ tensor, start: 0, rows }));
  const tensor = scope.add(backend.join(sheet.axis, pieces, 0, 0));
  dropSheet(sheet, scope);
  sheet.parts.push({ tensor, start: 0, rows: sheet.dims[sheet.axis] ?? 1 });
  return tensor;
}

/** Lets the rows above `row` go, as far as whole parts lie above it. Does nothing for tensors of another scope. */
export function dropAbove(sheet: Sheet, row: number, scope: TensorScope): void {
  for (let [first] = sheet.parts; first && first.start + first.rows <= row; [first] = sheet.parts) {
    scope.drop(first.tensor);
    sheet.parts.shift();
  }
}

export function dropSheet(sheet: Sheet, scope: TensorScope): void {
  for (const { tensor } of sheet.parts.splice(0)) scope.drop(tensor);
}

const wholePart = ({ tensor }: Part, axis: number): Part => ({ tensor, start: 0, rows: tensor.dims[axis] ?? 1 });
