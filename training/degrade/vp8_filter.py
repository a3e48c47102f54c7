"""VP8's normal loop filter (RFC 6386, section 15.3) over all blocks at once."""

import torch
from torch import Tensor


def clamp(x: Tensor) -> Tensor:
    """To a signed byte."""
    return x.clamp(-128, 127)


def edge(p: Tensor, at: int, every: int, level: Tensor, whole: bool) -> Tensor:
    """Filter across the columns at, at + every, .. of [B, H, W]; level [B, H, columns]; whole: borders of macroblocks."""
    columns = torch.arange(at, p.shape[2], every, device=p.device)
    taps = [p.index_select(2, columns + k) - 128 for k in range(-4, 4)]
    p3, p2, p1, p0, q0, q1, q2, q3 = taps
    limit = level * 2 + level.clamp(min=1) + (4 if whole else 0)
    calm = (p0 - q0).abs() * 2 + (p1 - q1).abs() / 2 <= limit
    for a, b in ((p3, p2), (p2, p1), (p1, p0), (q1, q0), (q2, q1), (q3, q2)):
        calm = calm & ((a - b).abs() <= level.clamp(min=1))
    calm = calm & (level > 0)
    threshold = (level >= 40).float() + (level >= 15).float()
    steep = ((p1 - p0).abs() > threshold) | ((q1 - q0).abs() > threshold)
    across = clamp(p1 - q1)
    main = clamp(3 * (q0 - p0) + (across if whole else across * steep))
    narrow = clamp(3 * (q0 - p0) + across)
    strong = narrow if whole else main
    f, g = torch.floor(clamp(strong + 4) / 8), torch.floor(clamp(strong + 3) / 8)
    if whole:
        by = [torch.floor((k * main + 63) / 128) for k in (27, 18, 9)]
        zero = torch.zeros_like(f)
        dq = [torch.where(steep, f, by[0]), torch.where(steep, zero, by[1]), torch.where(steep, zero, by[2])]
        dp = [torch.where(steep, g, by[0]), *dq[1:]]
    else:
        half = torch.where(steep, torch.zeros_like(f), torch.floor((f + 1) / 2))
        dq, dp = [f, half], [g, half]
    out = p.clone()
    for k, (a, b) in enumerate(zip(dp, dq)):
        left, right = taps[3 - k], taps[4 + k]
        out.index_copy_(2, columns - 1 - k, torch.where(calm, clamp(left + a), left) + 128)
        out.index_copy_(2, columns + k, torch.where(calm, clamp(right - b), right) + 128)
    return out


def loop_filter(p: Tensor, level: Tensor, inner: Tensor, n: int) -> Tensor:
    """p [B, H, W] in 0..255; level [B, h, w] 0..63 and inner (filter inside too) of macroblocks of n px -> filtered."""
    for _ in range(2):  # columns, then rows by turning the plane
        rows = level.floor().repeat_interleave(n, 1)
        p = edge(p, n, n, rows[:, :, 1:], True) if p.shape[2] > n else p
        inside = rows * inner.repeat_interleave(n, 1)
        for at in range(4, n, 4):
            p = edge(p, at, n, inside, False)
        p, level, inner = p.transpose(1, 2), level.transpose(1, 2), inner.transpose(1, 2)
    return p
