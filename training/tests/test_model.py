"""Model: shapes, exact names, packing order, rotary tables, export round trip, gradients everywhere."""

import json
import random
from argparse import Namespace
from copy import deepcopy

import numpy as np
import pytest
import torch
from PIL import Image

from training.conditioning import pack, position_ids, unpack
from training.config import TASKS, default_config
from training.data import SHARE, Photos, batch, clean_flags, task_list
from training.dit import rope_table, sinusoid
from training.export import files_of, load, random_model, write
from training.fixtures import make
from training.losses import log_mse, psnr
from training.model import APART, Restorer, export_names, import_names, init_weights
from training.objective import floor, plan, rate, step_loss
from training import train_refine
from training.train import groups
from training.train_auto import crops_of, fit, gather


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
    assert t["encoder.stem.weight"] == (48, 3, 6, 6) and t["decoder.in.weight"] == (192, 16, 3, 3)
    assert t["decoder.blocks.0.1.film.weight"] == (96, 128) and t["decoder.up.0.weight"] == (192, 96, 1, 1)
    assert t["refine.blur.stem.weight"] == t["refine.blur.photo.weight"] == (32, 3, 6, 6) and t["refine.compression.down.1.weight"] == (96, 64, 3, 3)
    assert t["auto.stem.weight"] == (64, 3, 7, 7) and t["auto.fc1.weight"] == (256, 6 * (64 + 256 + 512))
    assert t["auto.stages.1.0.shortcut.weight"] == (512, 256, 1, 1) and t["auto.mean"] == (4992,)
    assert t["conditioning.task_tokens"] == (9, 4, 128) and t["conditioning.thumb_vec.2.weight"] == (128, 128)
    assert all(2 * np.prod(v) < 15_000_000 for v in t.values())  # a file of the export holds each


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


def small_batch(clean_rate: float = 0.3):
    rng, g = random.Random(0), torch.Generator().manual_seed(0)
    bytes_ = np.random.default_rng(0)
    photos = Photos([bytes_.integers(0, 255, (240, 200 + 8 * n, 3)).astype(np.uint8) for n in range(9)], "cpu")
    shape = {"views": 20, "size": 160, "crop": 64, "scale": 0.8, "clean_rate": clean_rate, "web": 0.3}
    return batch(photos, shape, rng, g)


def test_one_training_step_reaches_every_tensor():
    b = small_batch()
    torch.manual_seed(0)
    model = Restorer(default_config(), ())
    model.load_state_dict(random_model().state_dict(), strict=False)
    loss, parts = step_loss(model.train(), b, 0.5, random.Random(1))
    loss.backward()
    assert torch.isfinite(loss)
    assert set(parts) == {"pixel", "flow", "auto", "z", "same", "gain", "counts"}
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    assert sum(len(g["params"]) for g in groups(model)) == len(list(model.parameters()))


def test_batches_are_seeded_and_shuffled_together():
    a, b = small_batch(), small_batch()
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert a["y"].shape == (20, 3, 64, 64) and a["thumb"].shape == (20, 3, 64, 64)
    change = (a["y"] - a["x"]).abs().amax((1, 2, 3))
    assert a["clean"].any() and not (change[a["clean"]] > 0).any() and (change > 0).any()


def test_tasks_come_by_their_share():
    rng = random.Random(2)
    tasks = [t for _ in range(50) for t in task_list(64, rng)]
    total = sum(SHARE.values())
    for n, task in enumerate(TASKS):
        assert abs(tasks.count(n) / len(tasks) - SHARE[task] / total) < 0.02
    assert not any(clean_flags(tasks, 0.0, rng)) and 0.08 < np.mean(clean_flags(tasks, 0.1, rng)) < 0.16


def test_schedule_and_losses():
    assert floor(0.0) == 1e-3 and abs(floor(0.9) - 1e-4) < 1e-9
    assert rate(0.0, 10_000) > 1 and rate(1.0, 10_000) < 0.002 and rate(0.5, 0) < 0.01
    assert plan(0.1, "cpu", 0.5)["clean_rate"] == 0 and plan(0.9, "cuda", 0.5)["crop"] == 384
    assert plan(0.5, "cuda", 0.5)["web"] == 0 and plan(0.9, "cuda", 0.5)["web"] > 0
    a = torch.zeros(1, 3, 8, 8)
    assert psnr(a, a).item() > 100 and log_mse(a, a, 1e-3).item() < log_mse(a, a + 0.1, 1e-3).item()


def test_a_model_without_what_is_trained_apart_leaves_that_of_the_folder(tmp_path):
    model = random_model()
    write(model, tmp_path / "state", half=True, progress={"updates": 1, "hours": 0})
    files = {part: files_of(tmp_path / "state", part) for part in APART}
    assert len(files["auto"]) == 1 < len(files["refine"])  # what is over 15 MB is cut
    every = [f for own in files.values() for f in own]
    before = [f.read_bytes() for f in every]
    assert max(map(len, before)) < 16 * 2**20
    write(Restorer(default_config(), ()), tmp_path / "state", half=True)
    assert [f.read_bytes() for f in every] == before and (tmp_path / "state/progress.json").exists()
    back = load(tmp_path / "state").state_dict()
    assert all(torch.equal(v.half().float(), back[k]) for k, v in model.state_dict().items() if k.startswith(APART))
    for part, own in files.items():
        for f in own:
            f.unlink()
        assert not hasattr(load(tmp_path / "state"), part)


def test_the_last_pass_belongs_to_its_tasks():
    """It sees a photo of any multiple of 16, and only samples of its own task; far from a border it sees no border."""
    model = random_model()
    del model.refine["noise"]  # a task without one
    photo = torch.rand(2, 3, 48, 352, generator=torch.Generator().manual_seed(4)) * 2 - 1
    for task in ("blur", "compression", "haze"):
        with torch.no_grad():
            out = model.refined(photo, 0.9 * photo, torch.tensor([TASKS.index("noise"), TASKS.index(task)]))
            part = model.refine[task](photo[1:, ..., :288], 0.9 * photo[1:, ..., :288])
        assert torch.equal(out[0], 0.9 * photo[0]) and (out[1] - 0.9 * photo[1]).abs().mean() > 1e-3
        assert torch.allclose(out[1:, ..., :64], part[..., :64], atol=1e-5)


def test_the_last_pass_learns_and_is_put_into_the_state(tmp_path, monkeypatch):
    task = {"task": "blur", "run": str(tmp_path / "run"), "pairs": str(tmp_path / "pairs"), "state": str(tmp_path / "state")}
    model = random_model()
    del model.refine["noise"]
    model.config["refine"]["tasks"].remove("noise")
    write(model, tmp_path / "state", half=True)
    (tmp_path / "pairs").mkdir()
    clean = torch.randint(0, 255, (4, 1, 3, 16, 16), generator=torch.Generator().manual_seed(5)).repeat_interleave(16, 3)
    clean = clean.repeat_interleave(16, 4).byte()
    torch.save(torch.cat([clean // 2, clean // 2, clean], 1), tmp_path / "pairs/00000.pt")
    a = Namespace(**task, data=None, seconds=3.0, lr=1e-3, resume=False, init=None, like=None, sharpen=None, perceptual=None, mean=False, device="cpu")
    train_refine.train(a)
    before = load(tmp_path / "state").refine
    train_refine.put(a)
    after = load(tmp_path / "state").refine
    kept = torch.load(tmp_path / "run/ckpt.pt", weights_only=True)["ema"]
    on = Namespace(**{**vars(a), "run": str(tmp_path / "on"), "init": str(tmp_path / "state"), "seconds": 0.0})
    train_refine.train(on)
    again = torch.load(tmp_path / "on/ckpt.pt", weights_only=True)["ema"]
    assert torch.equal(again["out.weight"], after["blur"].out.weight)
    assert torch.allclose(after["blur"].out.weight, kept["out.weight"], atol=1e-3)
    assert torch.equal(after["compression"].out.weight, before["compression"].out.weight)
    s = torch.load(tmp_path / "run/ckpt.pt", weights_only=True)
    s["model"] = {k: v + 1 if k.startswith("sharpen.") else v for k, v in s["model"].items()}
    torch.save(s, tmp_path / "run/ckpt.pt")
    taken, aimed = [], train_refine.aimed
    monkeypatch.setattr(train_refine, "aimed", lambda net, seen: taken.append(deepcopy(net.sharpen.state_dict())) or aimed(net, seen))
    train_refine.train(Namespace(**{**vars(a), "resume": True, "seconds": 0.0}))  # by what the run has, not by new weights
    assert all(torch.equal(v, s["model"][f"sharpen.{k}"]) for k, v in taken[0].items())
    other = Namespace(**{**vars(on), "task": "noise", "run": str(tmp_path / "noise"), "like": "compression"})
    train_refine.train(other)  # a task that has no last pass begins with another's
    train_refine.put(other)
    both = load(tmp_path / "state")
    assert both.config["refine"]["tasks"] == list(both.refine) == TASKS
    assert torch.equal(both.refine["noise"].out.weight, before["compression"].out.weight)
    train_refine.put(Namespace(**{**vars(a), "mean": True}))  # half of the state's, half of the run's
    half, was = load(tmp_path / "state").refine["blur"], both.refine["blur"]
    other = torch.load(tmp_path / "run/ckpt.pt", weights_only=True)["ema"]
    assert torch.allclose(half.stem.weight, (was.stem.weight + other["stem.weight"]) / 2, atol=1e-3)


def test_a_last_pass_of_another_shape_is_to_be_put_first(tmp_path):
    """A state from before haze saw the smooth gains: its configuration would promise what its weights do not hold."""
    c = default_config()
    del c["refine"]["guide"]
    write(Restorer(c), tmp_path / "state", half=True)
    torch.save({"ema": load(tmp_path / "state").refine["blur"].state_dict()}, tmp_path / "ckpt.pt")
    with pytest.raises(SystemExit, match="flare of another shape"):
        train_refine.put(Namespace(task="blur", run=str(tmp_path), state=str(tmp_path / "state"), mean=False))


def test_views_seen_without_the_transformer_are_to_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(train_refine, "PART", 8)  # two batches, the second after the end of the time
    write(random_model(), tmp_path / "state", half=True)
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 300, 3), np.uint8)).save(tmp_path / "photos/a.jpg")
    for off in (False, True):
        a = Namespace(task="noise", data=[str(tmp_path / "photos")], pairs=str(tmp_path / f"pairs-{off}"), seconds=0.1, state=str(tmp_path / "state"),
                      device="cpu", off=off)
        train_refine.see(a)
        _, restored, clean = train_refine.pairs(a.pairs)[:4].unbind(1)
        assert torch.equal(restored, clean) == off


def test_the_classifier_sees_crops_and_learns(tmp_path):
    rng, head = random.Random(0), random_model().auto
    view = torch.rand(3, 256, 256, generator=torch.Generator().manual_seed(1))
    crops = crops_of(view, 128, rng)
    assert crops.shape == (4, 3, 128, 128) and any(torch.equal(crops[0], view[:, y : y + 128, x : x + 128])
                                                   for y in (0, 128) for x in (0, 40, 80, 128))
    assert crops_of(torch.rand(3, 400, 400), 128, rng).shape == (4, 3, 128, 128)
    with torch.no_grad():
        both = head(crops[None] * 2 - 1, crops[:1] * 2 - 1)
        assert both.shape == (1, 10) and torch.isfinite(both).all()
    g = torch.Generator().manual_seed(2)
    task = torch.arange(40) % 10
    seen = torch.randn(40, 5, 1664, generator=g) + 3 * torch.nn.functional.one_hot(task, 1664)[:, None]
    part = {"crops": seen[:, :4].half(), "thumb": seen[:, 4].half(), "task": task, "clean": task == 9,
            "error": torch.full((40,), 1e-2)}
    torch.save(part, tmp_path / "seen-1-0000.pt")
    crops, thumb, label = gather(tmp_path)
    assert torch.equal(label, task)
    fit(head, crops, thumb, label, 200, 0.1)
    with torch.no_grad():
        assert (head.judge(crops, thumb).argmax(1) == label).float().mean() > 0.9


def test_features_are_those_of_the_backbone():
    """Against the definition in numbers: means and deviations over space, offsets as Keras takes them off."""
    head = random_model().auto
    head.offset.copy_(torch.tensor([123.68, 116.779, 103.939]))
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(3)) * 2 - 1
    with torch.no_grad():
        seen = head.see(x)
        stem = head.stem((x * 0.5 + 0.5) * 255 - head.offset.view(1, 3, 1, 1)).clamp_min(0).double()
    assert torch.allclose(seen[:, :64].double(), stem.mean((2, 3)), rtol=1e-4)
    assert torch.allclose(seen[:, 64:128].double(), stem.flatten(2).std(2, correction=0), rtol=1e-4)
