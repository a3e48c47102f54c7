"""Flux-family diffusion transformer (double-stream and single-stream blocks).

Formulas: facts page realrestorer.md, sections C.2 to C.7 (BFL Flux naming).
Shapes: B batch, T text tokens, N image tokens, D hidden size, H heads of D/H = 64.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def sinusoid(t: Tensor, dim: int = 256) -> Tensor:
    """Time embedding. t [B] in 0..1 -> [B, dim], cosines first, argument 1000 t."""
    half = dim // 2
    freqs = torch.exp(-math.log(10000.0) * torch.arange(half, dtype=torch.float32, device=t.device) / half)
    args = 1000.0 * t.float()[:, None] * freqs
    return torch.cat([args.cos(), args.sin()], dim=-1)


def rope_table(ids: Tensor, axes: list[int], theta: float) -> tuple[Tensor, Tensor]:
    """ids [L, 3] positions -> (cos, sin), each [L, sum(axes)/2], angles in fp64."""
    parts = []
    for axis, width in enumerate(axes):
        freqs = theta ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
        parts.append(ids[:, axis].double()[:, None] * freqs)
    angles = torch.cat(parts, dim=1)
    return angles.cos().float(), angles.sin().float()


def apply_rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate adjacent pairs. x [B, H, L, d], cos and sin [L, d/2]."""
    pairs = x.float().unflatten(-1, (-1, 2))
    a, b = pairs[..., 0], pairs[..., 1]
    return torch.stack([cos * a - sin * b, sin * a + cos * b], dim=-1).flatten(-2)


def norm(x: Tensor) -> Tensor:
    """Layer norm over the last axis without affine parameters, eps 1e-6."""
    return F.layer_norm(x.float(), x.shape[-1:], eps=1e-6)


class Embedder(nn.Module):
    """Linear, SiLU, Linear: [B, d_in] -> [B, D]."""

    def __init__(self, d_in: int, d: int):
        super().__init__()
        self.in_layer = nn.Linear(d_in, d)
        self.out_layer = nn.Linear(d, d)

    def forward(self, x: Tensor) -> Tensor:
        return self.out_layer(F.silu(self.in_layer(x)))


class RMSNorm(nn.Module):
    """Root-mean-square norm over the head dimension, plain scale, eps 1e-6, fp32."""

    def __init__(self, d: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(d))

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.scale


class QKNorm(nn.Module):
    """RMSNorm of queries and of keys. q, k [B, H, L, d]."""

    def __init__(self, d: int):
        super().__init__()
        self.query_norm = RMSNorm(d)
        self.key_norm = RMSNorm(d)

    def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        return self.query_norm(q), self.key_norm(k)


class Modulation(nn.Module):
    """vec [B, D] -> n chunks [B, 1, D]: shift, scale, gate (then again for the MLP)."""

    def __init__(self, d: int, n: int):
        super().__init__()
        self.n = n
        self.lin = nn.Linear(d, n * d)

    def forward(self, vec: Tensor) -> tuple[Tensor, ...]:
        return self.lin(F.silu(vec))[:, None, :].chunk(self.n, dim=-1)


class Attention(nn.Module):
    """Weights of one stream of a double block."""

    def __init__(self, d: int, heads: int, bias: bool):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(d, 3 * d, bias=bias)
        self.norm = QKNorm(d // heads)
        self.proj = nn.Linear(d, d)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, L, D] -> normed q, k and v, each [B, H, L, d]."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = self.norm(q, k)
        return q, k, v


def attend(q: Tensor, k: Tensor, v: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary softmax attention, scale 1/sqrt(d), no mask. [B, H, L, d] -> [B, L, H d]."""
    q, k = apply_rope(q, cos, sin).to(v.dtype), apply_rope(k, cos, sin).to(v.dtype)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def mlp(d: int, hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(d, hidden), nn.GELU(approximate="tanh"), nn.Linear(hidden, d))


class DoubleBlock(nn.Module):
    """Separate weights for image and text, joint attention (text first)."""

    def __init__(self, d: int, heads: int, hidden: int, bias: bool):
        super().__init__()
        self.img_mod, self.txt_mod = Modulation(d, 6), Modulation(d, 6)
        self.img_attn, self.txt_attn = Attention(d, heads, bias), Attention(d, heads, bias)
        self.img_mlp, self.txt_mlp = mlp(d, hidden), mlp(d, hidden)

    def forward(self, img: Tensor, txt: Tensor, vec: Tensor, cos: Tensor, sin: Tensor):
        i, t = self.img_mod(vec), self.txt_mod(vec)
        qi, ki, vi = self.img_attn.project((1 + i[1]) * norm(img) + i[0])
        qt, kt, vt = self.txt_attn.project((1 + t[1]) * norm(txt) + t[0])
        out = attend(torch.cat([qt, qi], 2), torch.cat([kt, ki], 2), torch.cat([vt, vi], 2), cos, sin)
        n = txt.shape[1]
        img = img + i[2] * self.img_attn.proj(out[:, n:])
        img = img + i[5] * self.img_mlp((1 + i[4]) * norm(img) + i[3])
        txt = txt + t[2] * self.txt_attn.proj(out[:, :n])
        txt = txt + t[5] * self.txt_mlp((1 + t[4]) * norm(txt) + t[3])
        return img, txt


class SingleBlock(nn.Module):
    """Attention and MLP in parallel on the joined stream [B, T+N, D]."""

    def __init__(self, d: int, heads: int, hidden: int):
        super().__init__()
        self.d, self.heads = d, heads
        self.linear1 = nn.Linear(d, 3 * d + hidden)
        self.linear2 = nn.Linear(d + hidden, d)
        self.norm = QKNorm(d // heads)
        self.modulation = Modulation(d, 3)

    def forward(self, x: Tensor, vec: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        shift, scale, gate = self.modulation(vec)
        h = self.linear1((1 + scale) * norm(x) + shift)
        q, k, v = h[..., : 3 * self.d].unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = self.norm(q, k)
        a = attend(q, k, v, cos, sin)
        m = F.gelu(h[..., 3 * self.d :], approximate="tanh")
        return x + gate * self.linear2(torch.cat([a, m], -1))


class FinalLayer(nn.Module):
    """Modulated norm (shift first) and projection [B, N, D] -> [B, N, out]."""

    def __init__(self, d: int, out: int):
        super().__init__()
        self.linear = nn.Linear(d, out)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(d, 2 * d))

    def forward(self, x: Tensor, vec: Tensor) -> Tensor:
        shift, scale = self.adaLN_modulation(vec)[:, None, :].chunk(2, dim=-1)
        return self.linear((1 + scale) * norm(x) + shift)


class DiT(nn.Module):
    """Velocity network. See `forward` for shapes."""

    def __init__(self, c: dict):
        super().__init__()
        d, heads = c["hidden_size"], c["num_heads"]
        hidden = int(d * c["mlp_ratio"])
        self.axes, self.theta = c["axes_dim"], float(c["theta"])
        self.img_in = nn.Linear(c["in_channels"], d)
        self.txt_in = nn.Linear(c["context_in_dim"], d)
        self.time_in = Embedder(256, d)
        self.vector_in = Embedder(c["vec_in_dim"], d)
        self.double_blocks = nn.ModuleList(
            DoubleBlock(d, heads, hidden, c["qkv_bias"]) for _ in range(c["depth"])
        )
        self.single_blocks = nn.ModuleList(
            SingleBlock(d, heads, hidden) for _ in range(c["depth_single_blocks"])
        )
        self.final_layer = FinalLayer(d, c["out_channels"])

    def forward(self, img, txt, y, t, rope, trace: dict | None = None) -> Tensor:
        """img [B, N, 128] (target then reference features), txt [B, T, 128], y [B, 128], t [B].

        rope: (cos, sin) for T+N tokens, text first. Returns the velocity [B, N, 64].
        With `trace`, the intermediate values are stored in it by name.
        """
        keep = trace.__setitem__ if trace is not None else (lambda *_: None)
        vec = self.time_in(sinusoid(t)) + self.vector_in(y)
        img, txt = self.img_in(img), self.txt_in(txt)
        keep("vec", vec), keep("img_in", img), keep("txt_in", txt)
        for n, block in enumerate(self.double_blocks):
            img, txt = block(img, txt, vec, *rope)
            keep(f"double.{n}.img", img), keep(f"double.{n}.txt", txt)
        x, skip = torch.cat([txt, img], 1), txt.shape[1]
        for n, block in enumerate(self.single_blocks):
            x = block(x, vec, *rope)
            keep(f"single.{n}.txt", x[:, :skip]), keep(f"single.{n}.img", x[:, skip:])
        velocity = self.final_layer(x[:, skip:], vec)
        keep("velocity", velocity)
        return velocity
