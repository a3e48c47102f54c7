"""Model: shapes, exact names, packing order, rotary tables, export round trip, gradients everywhere."""

import json

import numpy as np
import torch

from training.conditioning import pack, position_ids, unpack
from training.config import TASKS, default_config
from training.data import batch, task_cycle
from training.dit import rope_table, sinusoid
from training.export import load, random_model, write
from training.fixtures import make
from training.losses import log_mse, psnr
from training.model import Restorer, export_names, import_names, init_weights
from training.objective import floor, plan, rate, step_loss
from training.train import groups


def test_names_and_shapes():
    t = {k: tuple(v.shape) for k, v in export_names(random_model()).items()}
    assert t["img_in.weight"] == (256, 128) and t["txt_in.weight"] == (256, 128)
    assert t["double_blocks.0.img_attn.qkv.weight"] == (768, 256)
    assert t["double_blocks.0.txt_mlp.2.weight"] == (256, 1024)
    assert t["double_blocks.0.img_attn.norm.query_norm.scale"] == (64,)
    assert t["single_blocks.2.linear1.weight"] == (1792, 256)
    assert t["single_blocks.2.linear2.weight"] == (256, 1280)
    assert t["single_blocks.2.modulation.lin.weight"] == (768, 256)
    assert t["final_layer.adaLN_modulation.1.weight"] == (512, 256)
    assert t["encoder.stem.weight"] == (32, 3, 6, 6) and t["decoder.in.weight"] == (128, 16, 3, 3)
    assert t["decoder.blocks.0.1.film.weight"] == (64, 128) and t["decoder.up.0.weight"] == (128, 64, 1, 1)
    assert t["conditioning.task_tokens"] == (9, 4, 128) and t["conditioning.thumb_vec.2.weight"] == (128, 128)
    assert len(t) == 151


def test_pack_order():
    z = torch.arange(2 * 4 * 6).view(1, 2, 4, 6).float()
    tokens = pack(z)
    assert tokens.shape == (1, 6, 8)
    for c in range(2):
        for dy in range(2):
            for dx in range(2):
                assert tokens[0, 4, 4 * c + 2 * dy + dx] == z[0, c, 2 + dy, 2 + dx]
    assert torch.equal(unpack(tokens, 2, 3), z)


def test_rope_and_sinusoid():
    ids = position_ids(2, 2, 3)
    assert ids[:2].abs().sum() == 0 and ids[2 + 4].tolist() == [0, 1, 1]
    cos, sin = rope_table(ids, [8, 28, 28], 10000.0)
    assert cos.shape == (8, 32)
    assert torch.allclose(sin[6, 4], torch.tensor(1.0).sin()) and torch.allclose(sin[6, 18], torch.tensor(1.0).sin())
    assert sin[6, :4].abs().sum() == 0
    s = sinusoid(torch.tensor([0.5]))
    assert torch.allclose(s[0, 0], torch.tensor(500.0).cos(), atol=1e-4)
    assert torch.allclose(s[0, 128], torch.tensor(500.0).sin(), atol=1e-4)


def test_fresh_model_is_near_identity():
    torch.manual_seed(0)
    model = Restorer(default_config()).eval()
    init_weights(model)
    photo = torch.rand(1, 3, 64, 96) * 2 - 1
    out = model.restore(photo, torch.rand(1, 3, 64, 64) * 2 - 1, torch.tensor([2]), torch.randn(1, 16, 8, 12), 2)
    assert out.shape == photo.shape and (out - photo).abs().mean() < 0.3


def test_export_round_trip_and_fixtures(tmp_path):
    model = random_model()
    assert not [k for k, v in export_names(model).items() if v.std() == 0]
    assert set(import_names(export_names(model))) == {k for k in model.state_dict() if not k.startswith("preview.")}
    write(model, tmp_path / "a", half=False)
    write(model, tmp_path / "a", half=False)
    back = load(tmp_path / "a")
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), back.state_dict().values()))
    assert json.loads((tmp_path / "a/config.json").read_text())["conditioning"]["tasks"] == TASKS
    one, two = make(tmp_path / "a"), make(tmp_path / "a")
    assert all(torch.equal(one[k], two[k]) for k in one)
    assert one["velocity"].shape == (1, 24, 64) and one["txt0"].shape == (1, 20, 128)
    assert one["restored"].shape == (1, 3, 64, 96)


def test_tiles_see_no_global_statistics():
    """Far from the border, encoder and decoder give the same values in a crop as in the whole."""
    model = random_model()
    photo = torch.rand(1, 3, 256, 256) * 2 - 1
    with torch.no_grad():
        whole, part = model.encoder(photo)[0], model.encoder(photo[:, :, :, :192])[0]
    assert torch.allclose(whole[..., :12], part[..., :12], atol=1e-5)


def test_one_training_step_reaches_every_tensor():
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 255, (200, 200, 3)).astype(np.uint8)]
    b = batch(photos, np.ones(1), task_cycle(rng), rng, views=4, size=96, crop=64, per_view=2, clean_rate=0.1)
    torch.manual_seed(0)
    model = random_model().train()
    loss, parts = step_loss(model, b, 0.5, rng)
    loss.backward()
    assert torch.isfinite(loss) and set(parts) == {"pixel", "flow", "auto", "z"}
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    assert sum(len(g["params"]) for g in groups(model)) == len(list(model.parameters()))


def test_schedule_and_losses():
    assert floor(0.0) == 1e-3 and abs(floor(0.9) - 1e-4) < 1e-9
    assert rate(0.0, 10_000) > 1 and rate(1.0, 10_000) < 0.002 and rate(0.5, 0) < 0.01
    assert plan(0.1)["clean_rate"] == 0 and plan(0.9)["crop"] == 256
    a = torch.zeros(1, 3, 8, 8)
    assert psnr(a, a).item() > 100 and log_mse(a, a, 1e-3).item() < log_mse(a, a + 0.1, 1e-3).item()
