"""Muon (Jordan et al. 2024) for convolutions: momentum whose singular values are all made about 1.

A kernel [out, in, kh, kw] is one matrix [out, in kh kw]. Steps are scaled as in Moonlight (arXiv 2502.16982), so that
AdamW's learning rates fit. torch's own Muon takes nothing but 2-D parameters and iterates in bfloat16, which most processors
lack.
"""

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic Newton-Schulz iteration


def orthogonal(g: Tensor, steps: int = 5) -> Tensor:
    """[m, n] -> about U V^T of its singular value decomposition."""
    a, b, c = COEFFICIENTS
    x = g.T if g.size(0) > g.size(1) else g
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        s = x @ x.T
        x = a * x + (b * s + c * s @ s) @ x
    return x.T if g.size(0) > g.size(1) else x


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr: float, momentum: float = 0.95):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                m = self.state[p].setdefault("momentum", torch.zeros_like(p))
                m.mul_(group["momentum"]).add_(p.grad)
                u = p.grad.add(m, alpha=group["momentum"]).reshape(p.size(0), -1)
                u = orthogonal(u) * (0.2 * max(u.shape) ** 0.5)
                p.add_(u.reshape(p.shape), alpha=-group["lr"])
