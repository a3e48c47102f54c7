"""Dimensions of the small restoration model, and the order of its tasks.

The dictionary is written verbatim as `config.json` beside the exported weights,
so a pack builder reads every dimension from there and none from this code.
"""

TASKS = ["blur", "compression", "flare", "moire", "haze", "low-light", "noise", "rain", "reflection"]


def default_config() -> dict:
    """Return a fresh copy of the released configuration (size S)."""
    return {
        "family": "restoration-small",
        "transformer": {
            "in_channels": 128,
            "out_channels": 64,
            "vec_in_dim": 128,
            "context_in_dim": 128,
            "hidden_size": 256,
            "mlp_ratio": 4.0,
            "num_heads": 4,
            "depth": 2,
            "depth_single_blocks": 4,
            "axes_dim": [8, 28, 28],
            "theta": 10000,
            "qkv_bias": True,
            "guidance_embeds": False,
        },
        "vae": {
            "widths": [48, 96, 192],
            "encoder_blocks": [2, 2, 2],
            "decoder_blocks": [3, 4, 4],
            "latent_channels": 16,
            "scale": 1,
            "shift": 0,
        },
        "conditioning": {"tasks": list(TASKS), "task_tokens": 4, "thumb": 64},
        "auto": {"stem": 64, "widths": [64, 128], "blocks": [3, 4], "hidden": 256, "crop": 128, "crops": 8, "thumb": 128},
        # Tasks whose tiles take their low frequencies from the whole photo, reduced to `side` px; sigma in its px.
        "anchor": {"side": 384, "sigma": 6, "tasks": ["haze", "low-light"]},
        # The last pass over a decoded photo, one network a task (refine.py).
        "refine": {
            "widths": [32, 64, 96],
            "blocks": [2, 2, 4],
            "tasks": ["blur", "compression", "flare", "moire", "haze", "low-light", "noise", "rain", "reflection"],
            # Photos of these tasks are sharpened by mixed inverse filters beforehand (sharpen.py, filters.py).
            "sharpen": {"tasks": ["blur"], "window": 32, "side": 21, "filters": 64, "width": 384},
            # Those of these tasks are seen as the photo itself becomes by smooth gains, too (guide.py).
            "guide": {"tasks": ["flare", "haze", "reflection"], "step": 4, "radius": 4, "epsilon": 3e-5},
        },
        # Tasks whose photos take their low frequencies from a look at the thumbnail (overview.py); sigma in its px, and by `doubt`
        # less far where the mirror image is seen otherwise, which does much less harm where the look errs.
        "overview": {"widths": [48, 72, 96], "blocks": [2, 3, 4], "sigma": 4, "doubt": 4, "tasks": ["flare", "reflection"]},
        "start_sigma": 0.05,
        "steps": 1,
    }
