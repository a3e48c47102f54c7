/** Which graphs run where in the Flux autoencoder: the two chains, their instances and the graphs that they share. */
import type { Emitter } from './emitter.ts';
import type { GraphPlan, InstancePlan } from './plan-parts.ts';
import * as vae from './vae-flux.ts';

export interface VaeParts {
  readonly graphs: ReadonlyMap<string, GraphPlan>;
  readonly encode: readonly InstancePlan[];
  readonly decode: readonly InstancePlan[];
}

class ChainWriter {
  readonly instances: InstancePlan[] = [];
  readonly #graphs: Map<string, GraphPlan>;

  constructor(graphs: Map<string, GraphPlan>) {
    this.#graphs = graphs;
  }

  add(id: string, graph: string, prefix: string, emit: (e: Emitter) => void): void {
    this.#graphs.set(graph, { emit, chunks: [1], modes: 'two' });
    this.instances.push({ id, graph, prefix });
  }

  residual(id: string, prefix: string, from: number, to: number): void {
    this.add(`${id}.a`, `vae.a.${from}.${to}`, prefix, (e) => vae.resA(e, from, to));
    this.add(`${id}.b`, `vae.b.${from}.${to}`, prefix, (e) => vae.resB(e, from, to));
  }

  middle(id: string, prefix: string, c: number): void {
    this.residual(`${id}.1`, `${prefix}block_1.`, c, c);
    this.add(`${id}.qkv`, 'vae.qkv', `${prefix}attn_1.`, (e) => vae.attentionIn(e, c));
    this.add(`${id}.attn`, 'vae.attn', '', (e) => vae.attention(e, c));
    this.add(`${id}.proj`, 'vae.proj', `${prefix}attn_1.`, (e) => vae.attentionOut(e, c));
    this.residual(`${id}.2`, `${prefix}block_2.`, c, c);
  }
}

export function fluxVaeParts(d: vae.FluxVaeDims): VaeParts {
  const graphs = new Map<string, GraphPlan>();
  const width = (level: number) => d.base * (d.multipliers[level] ?? 0);
  const last = d.multipliers.length - 1;
  const top = width(last);

  const encode = new ChainWriter(graphs);
  encode.add('enc.in', 'vae.enc.in', '', (e) => vae.encoderIn(e, d));
  for (let level = 0, from = d.base; level <= last; level++) {
    const to = width(level);
    for (let i = 0; i < d.resBlocks; i++, from = to) {
      encode.residual(`enc.${level}.${i}`, `encoder.down.${level}.block.${i}.`, from, to);
    }
    if (level === last) break;
    encode.add(`enc.${level}.down`, `vae.down.${to}`, `encoder.down.${level}.downsample.`, (e) => vae.down(e, to));
  }
  encode.middle('enc.mid', 'encoder.mid.', top);
  encode.add('enc.out', 'vae.enc.out', '', (e) => vae.encoderOut(e, d, top));

  const decode = new ChainWriter(graphs);
  decode.add('dec.in', 'vae.dec.in', '', (e) => vae.decoderIn(e, d, top));
  decode.middle('dec.mid', 'decoder.mid.', top);
  for (let level = last, from = top; level >= 0; level--) {
    const to = width(level);
    for (let i = 0; i <= d.resBlocks; i++, from = to) {
      decode.residual(`dec.${level}.${i}`, `decoder.up.${level}.block.${i}.`, from, to);
    }
    if (level === 0) break;
    decode.add(`dec.${level}.up`, `vae.up.${to}`, `decoder.up.${level}.upsample.`, (e) => vae.up(e, to));
  }
  decode.add('dec.out', 'vae.dec.out', '', (e) => vae.decoderOut(e, width(0)));
  return { graphs, encode: encode.instances, decode: decode.instances };
}
