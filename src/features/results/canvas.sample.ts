/** Stands for the canvas of a browser that gives no context: its memory for canvases is full, or it forbids them. For tests. */
export class NoCanvas {
  getContext() {
    return null;
  }

  /** As the standard has it for a canvas without a context. */
  transferToImageBitmap() {
    throw new DOMException('no context', 'InvalidStateError');
  }
}
