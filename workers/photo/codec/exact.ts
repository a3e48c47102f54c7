/**
 * Pixels as the decoder gave them, into memory that is used again. A 2D canvas holds colours multiplied by alpha with 8 bits:
 * where alpha is 10 of 255, a colour comes back up to 13 levels off. And its every answer is new memory. A texture takes a
 * bitmap that is not premultiplied as it is. Runs in a worker.
 */
export class ExactReader {
  readonly #gl: WebGL2RenderingContext;
  /** Most px a side that it reads at a time. */
  readonly side: number;

  private constructor(gl: WebGL2RenderingContext) {
    this.#gl = gl;
    this.side = Number(gl.getParameter(gl.MAX_TEXTURE_SIZE));
  }

  /** Null where the browser has no WebGL. */
  static make(): ExactReader | null {
    const gl = typeof OffscreenCanvas === 'undefined' ? null : new OffscreenCanvas(1, 1).getContext('webgl2');
    return gl && new ExactReader(gl);
  }

  /**
   * @param piece made with `premultiplyAlpha: 'none'` and `colorSpaceConversion: 'none'`
   * @param out RGBA of a picture that is `stride` px wide; the piece comes to stand at column `left`, in its first rows
   * @returns whether that went well: a context can be lost
   */
  read(piece: ImageBitmap, out: Uint8Array, left: number, stride: number): boolean {
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
    gl.pixelStorei(gl.PACK_ROW_LENGTH, stride);
    gl.pixelStorei(gl.PACK_SKIP_PIXELS, left);
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
