"""How each item of the recipe is made. `degrade` is a function of the item and the photos alone: its seed gives every
random number.

albumentations where it has a kind that looks real, else optics.py. Looked at and left out: the fog of albumentations (it
blurs the photo under round puffs) and of imagecorruptions (dark blobs), and albumentations' ISO noise (white specks)."""
import albumentations as A
import numpy as np

from . import optics


def library(transform, seed):
    """An albumentations transform, seeded, as a function of uint8 RGB."""
    chain = A.Compose([transform], seed=seed)
    return lambda photo: chain(image=photo)['image']


def both(value):
    return (value, value)


TRANSFORMS = {
    'gaussian-noise': lambda p: A.GaussNoise(std_range=both(p['std']), noise_scale_factor=p['grain'], p=1),
    'shot-noise': lambda p: A.ShotNoise(scale_range=both(p['scale']), p=1),
    'gaussian-blur': lambda p: A.GaussianBlur(sigma_limit=both(p['sigma']), blur_limit=0, p=1),
    'motion-blur': lambda p: A.MotionBlur(
        blur_limit=both(p['length']), angle_range=both(p['angle']), direction_range=(0.0, 0.0), allow_shifted=False, p=1
    ),
    'defocus': lambda p: A.Defocus(radius=both(p['radius']), alias_blur=both(p['alias']), p=1),
    'jpeg': lambda p: A.ImageCompression(compression_type='jpeg', quality_range=both(p['quality']), p=1),
    'webp': lambda p: A.ImageCompression(compression_type='webp', quality_range=both(p['quality']), p=1),
    'drizzle': lambda p: A.RandomRain(
        slant_range=both(p['slant']), drop_length=p['length'], drop_width=1, drop_color=(p['level'],) * 3,
        blur_value=p['blur'], brightness_coefficient=1.0, rain_type=p['amount'], p=1,
    ),
    'sun-flare': lambda p: A.RandomSunFlare(
        flare_roi=(p['x'], p['y'], p['x'] + 0.01, p['y'] + 0.01), src_radius=p['radius'], src_color=tuple(p['colour']),
        angle_range=both(p['angle']), num_flare_circles_range=both(p['circles']), method=p['method'], p=1,
    ),
    'contrast': lambda p: A.RandomBrightnessContrast(
        brightness_limit=(0, 0), contrast_limit=both(p['contrast']), p=1
    ),
    'gamma': lambda p: A.RandomGamma(gamma_limit=both(p['gamma']), p=1),
}

OPTICS = {
    'depth-haze': optics.depth_haze,
    'dim': optics.dim,
    'raw-noise': optics.raw_noise,
    'rain-layers': optics.rain_layers,
    'screen': optics.screen_photo,
    'fringes': optics.fringes,
    'lens-flare': optics.lens_flare,
}


def bytes_of(photo):
    return np.clip(np.rint(photo * 255), 0, 255).astype(np.uint8)


def jpeg_twice(photo, params, seed):
    """Saved, cut by a few pixels, saved again: the blocks of the first time no longer lie on the grid of the second."""
    x, y = params['shift']
    wide = np.pad(photo, ((y, 0), (x, 0), (0, 0)), mode='edge')
    first = library(TRANSFORMS['jpeg']({'quality': params['first']}), seed)(wide)[y:, x:]
    return library(TRANSFORMS['jpeg']({'quality': params['second']}), seed)(np.ascontiguousarray(first))


def darken(photo, params, seed):
    """Darkening of the library, then a little noise of the library."""
    kind = 'gamma' if 'gamma' in params else 'contrast'
    dark = library(TRANSFORMS[kind](params), seed)(photo)
    return library(TRANSFORMS['gaussian-noise']({'std': params['std'], 'grain': 1}), seed)(dark)


def degrade(item, photo, other):
    """
    item: an entry of quality-set.json; photo and other: uint8 RGB [size, size, 3], the second scene of reflections.
    Returns uint8 RGB.
    """
    kind, params, seed = item['kind'], item['params'], item['seed']
    if kind in ('gamma', 'contrast'):
        return darken(photo, params, seed)
    if kind in TRANSFORMS:
        return library(TRANSFORMS[kind](params), seed)(photo)
    if kind == 'jpeg-twice':
        return jpeg_twice(photo, params, seed)
    rng = np.random.default_rng(seed)
    scene = photo / 255.0
    if kind == 'glass':
        return bytes_of(optics.through_glass(scene, other / 255.0, rng, **params))
    return bytes_of(OPTICS[kind](scene, rng, **params))
