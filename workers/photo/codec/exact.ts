/**
 * Pixels as the decoder gave them, into memory that is used again. A 2D canvas holds colours multiplied by alpha with 8 bits:
 * where alpha is 10 of 255, a colour comes back up to 13 levels off. And its every answer is new memory. A texture takes a
 * bitmap that is not premultiplied as it is. Runs in a worker.
 */
export class ExactReader {
  readonly #gl: WebGL2RenderingContext;

  private constructor(gl: WebGL2RenderingContext) {
    this.#gl = gl;
  }

  /** Null where the browser has no WebGL, or none for a picture of this size. */
  static for(width: number, rows: number): ExactReader | null {
    const gl = new OffscreenCanvas(1, 1).getContext('webgl2');
    if (!gl) return null;
    const reader = new ExactReader(gl);
    if (Math.max(width, rows) <= Number(gl.getParameter(gl.MAX_TEXTURE_SIZE))) return reader;
    reader.close();
    return null;
  }

  /**
   * @param piece made with `premultiplyAlpha: 'none'` and `colorSpaceConversion: 'none'`
   * @param out RGBA, `width · height · 4`
   * @returns whether that went well: a context can be lost
   */
  read(piece: ImageBitmap, out: Uint8Array): boolean {
    const gl = this.#gl;
    const { width, height } = piece;
    const texture = gl.createTexture();
    const frame = gl.createFramebuffer();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, piece);
    gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
    const complete = gl.checkFramebufferStatus(gl.FRAMEBUFFER) === gl.FRAMEBUFFER_COMPLETE;
    if (complete) gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, out);
    gl.deleteFramebuffer(frame);
    gl.deleteTexture(texture);
    return complete && gl.getError() === gl.NO_ERROR && !gl.isContextLost();
  }

  /** Browsers allow a few contexts only. */
  close(): void {
    this.#gl.getExtension('WEBGL_lose_context')?.loseContext();
  }
}
