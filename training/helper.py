"""A second one-thread process that computes gradients on its own batches.

The parameters live in shared memory and are read as they are; the trainer applies each
gradient when it is ready, about one update late. No step waits for the helper, so a busy
machine only makes it slower.
"""

import multiprocessing as mp

import numpy as np
import torch


class Helper:
    """Own the shared gradient buffer [all parameters, flat] and the flag that it is full."""

    def __init__(self, model, step_loss, queue, progress, seed: int):
        self.params = list(model.parameters())
        self.buffer = torch.zeros(sum(p.numel() for p in self.params)).share_memory_()
        self.parts = [b.view_as(p) for b, p in zip(self.buffer.split([p.numel() for p in self.params]), self.params)]
        self.full, self.empty = mp.Event(), mp.Event()
        self.empty.set()
        self.process = mp.Process(target=self.loop, args=(model, step_loss, queue, progress, seed), daemon=True)
        self.process.start()

    def loop(self, model, step_loss, queue, progress, seed: int) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        while True:
            model.zero_grad(set_to_none=True)
            step_loss(model, queue.get(), progress.value, rng)[0].backward()
            self.empty.wait()
            self.empty.clear()
            for part, p in zip(self.parts, self.params):
                part.copy_(p.grad) if p.grad is not None else part.zero_()
            self.full.set()

    def take(self) -> bool:
        """Put a waiting gradient into the trainer's `.grad`; False if there is none."""
        if not self.full.is_set():
            return False
        for part, p in zip(self.parts, self.params):
            if p.grad is None:
                p.grad = torch.empty_like(p)
            p.grad.copy_(part)
        self.full.clear()
        self.empty.set()
        return True
