"""Damage for which no library has a realistic kind. Written for the test set alone: training has its own code, which
this neither uses nor follows.

All functions take and return RGB, float64 in 0..1, [height, width, 3]. "linear" is light: sRGB with a gamma of 2.2.
"""
import cv2
import numpy as np


def to_light(photo):
    return np.clip(photo, 0, 1) ** 2.2


def to_photo(light):
    return np.clip(light, 0, 1) ** (1 / 2.2)


def cloud(rng, size, octaves=5, roughness=0.55):
    """Value noise in 0..1: sums of random lattices, each twice as fine and `roughness` as strong."""
    total = np.zeros((size, size))
    for octave in range(octaves):
        lattice = rng.random((2 ** octave + 2, 2 ** octave + 2))
        total += roughness ** octave * cv2.resize(lattice, (size, size), interpolation=cv2.INTER_CUBIC)
    low, high = total.min(), total.max()
    return (total - low) / (high - low)


def depth_haze(photo, rng, density, air, tint, slope, relief):
    """Light of the scene through a mist, c·t + A(1 - t), t = exp(-density·depth) (Koschmieder). Depth is the height in
    the picture (`slope`), clouds (`relief`) and, as in He's prior, the darkest channel of the neighbourhood."""
    size = photo.shape[0]
    dark = cv2.erode(photo.min(axis=2), np.ones((9, 9)))
    dark = cv2.GaussianBlur(dark, (0, 0), 10)
    height = np.linspace(1, 0, size)[:, None] * np.ones((1, size))
    depth = 0.35 + slope * height + relief * cloud(rng, size) + 0.6 * dark
    through = np.exp(-density * depth / depth.mean())[..., None]
    return photo * through + air * np.array(tint) * (1 - through)


def camera(light, rng, full_well, read):
    """Photon noise of a sensor that holds `full_well` electrons at white, and read noise in electrons."""
    electrons = rng.poisson(np.clip(light, 0, 1) * full_well) + rng.normal(0, read, light.shape)
    return np.clip(electrons / full_well, 0, 1)


def dim(photo, rng, exposure, full_well, read, balance):
    """A shot with too little light: `exposure` of the light, the noise of the sensor, a colour cast."""
    light = to_light(photo) * exposure * np.array(balance)
    return to_photo(camera(light, rng, full_well, read))


def raw_noise(photo, rng, full_well, read, grain):
    """Noise of a sensor in linear light, spread over `grain` px and between the channels as demosaicing does."""
    light = to_light(photo)
    error = camera(light, rng, full_well, read) - light
    soft = cv2.GaussianBlur(error, (0, 0), grain) if grain > 0 else error
    soft *= error.std() / soft.std()
    mixed = 0.8 * soft + 0.2 * soft.mean(axis=2, keepdims=True)
    return to_photo(light + mixed)


def rain_layers(photo, rng, layers, mist, angle):
    """Streaks in layers of depth, screened over the scene. A layer: [count, length, width, strength, blur]. Streaks are
    drawn at 4 times the size, so that thin ones are thin; `mist` greys the scene."""
    size, over = photo.shape[0], 4
    veil = 0.75 * photo.mean() + 0.25
    out = photo * (1 - mist) + veil * mist
    for count, length, width, strength, blur in layers:
        canvas = np.zeros((size * over, size * over), np.float64)
        for _ in range(int(count)):
            x, y = rng.uniform(-0.2, 1.2, 2) * size * over
            long = length * over * rng.uniform(0.6, 1.4)
            lean = np.deg2rad(angle + rng.normal(0, 1.5))
            tip = (int(x + long * np.sin(lean)), int(y + long * np.cos(lean)))
            cv2.line(canvas, (int(x), int(y)), tip, rng.uniform(0.4, 1), max(1, round(width * over)))
        canvas = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
        if blur > 0:
            canvas = cv2.GaussianBlur(canvas, (0, 0), blur)
        out = 1 - (1 - out) * (1 - strength * np.clip(canvas, 0, 1)[..., None])
    return out


def screen_photo(photo, rng, pitch, turn, keystone, gap, blur):
    """A photo of a screen: `pitch` camera pixels per pixel of the screen, `turn` degrees, `keystone` of perspective. The
    stripes of red, green and blue (a share `gap` of a pixel is black) meet the camera's Bayer grid; the picture is put
    back on the photo's grid."""
    size, cell = photo.shape[0], 6
    raster = np.repeat(np.repeat(to_light(photo), cell, 0), cell, 1)
    columns = np.arange(size * cell) % cell
    for channel in range(3):
        lit = (columns // 2 == channel).astype(float)
        raster[..., channel] *= 3 * lit[None, :]
    dark_rows = (np.arange(size * cell) % cell) < gap * cell
    raster[dark_rows] *= 0.15
    shot = int(round(size * pitch))
    over = 3
    side = shot * over
    jitter = rng.uniform(-1, 1, (4, 2)) * keystone * side
    corners = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float64)
    turned = cv2.getRotationMatrix2D((side / 2, side / 2), turn, 1)
    there = corners @ turned[:, :2].T + turned[:, 2] + jitter
    source = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64) * size * cell
    onto = cv2.getPerspectiveTransform(source.astype(np.float32), there.astype(np.float32))
    seen = cv2.warpPerspective(raster.astype(np.float32), onto, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    if blur > 0:
        seen = cv2.GaussianBlur(seen, (0, 0), blur * over)
    seen = cv2.resize(seen, (shot, shot), interpolation=cv2.INTER_AREA)
    seen *= to_light(photo).mean() / max(seen.mean(), 1e-6)
    coded = np.clip(to_photo(seen) * 255, 0, 255).astype(np.uint8)
    bayer = np.empty((shot, shot), np.uint8)
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        bayer[row::2, column::2] = coded[row::2, column::2, channel]
    rgb = cv2.cvtColor(bayer, cv2.COLOR_BayerRGGB2RGB).astype(np.float32) / 255
    back = np.linalg.inv(onto @ np.diag([cell, cell, 1.0]))
    scale = np.diag([over, over, 1.0])
    return cv2.warpPerspective(rgb, back @ scale, (size, size), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT).astype(np.float64)


def fringes(photo, rng, gratings, strength):
    """Beats of fine gratings with the pixel grid: a grating with `[cycles a px, degrees, bend]` is looked at once a
    pixel, which folds it down to a slow, curved wave, with another phase in each colour."""
    size = photo.shape[0]
    y, x = np.mgrid[0:size, 0:size].astype(float)
    out = to_light(photo)
    for cycles, degrees, bend in gratings:
        lean = np.deg2rad(degrees)
        along = x * np.cos(lean) + y * np.sin(lean)
        across = -x * np.sin(lean) + y * np.cos(lean)
        path = along * cycles + bend * (across / size) ** 2 * size * 0.1
        phase = rng.uniform(0, 1)
        for channel, shift in enumerate((0, 1 / 3, 2 / 3)):
            wave = np.cos(2 * np.pi * (path + phase + shift * 0.8))
            out[..., channel] *= 1 + strength * wave
    return to_photo(out)


def lens_flare(photo, rng, where, glow, radius, rays, ghosts, veil, colour):
    """Light scattered in a lens, added in linear light: a glow that falls off with the distance to the lamp at `where`,
    `rays` spikes, `ghosts` discs on the line through the middle, and a grey `veil`."""
    size = photo.shape[0]
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    dx, dy = x - where[0], y - where[1]
    far = np.hypot(dx, dy)
    light = glow / (1 + (far / radius) ** 2) ** 1.5
    angle = np.arctan2(dy, dx)
    if rays > 0:
        start = rng.uniform(0, np.pi)
        spikes = np.abs(np.cos(angle * rays / 2 + start)) ** 60
        light = light + 0.5 * glow * spikes * np.exp(-far / (4 * radius))
    out = to_light(photo) + light[..., None] * np.array(colour) + veil
    for _ in range(int(ghosts)):
        along = rng.uniform(0.4, 1.9)
        cx, cy = where[0] + along * (0.5 - where[0]) * 2, where[1] + along * (0.5 - where[1]) * 2
        r = rng.uniform(0.02, 0.1)
        disc = np.clip((r - np.hypot(x - cx, y - cy)) / 0.012 + 0.5, 0, 1)
        out = out + (0.06 + 0.18 * rng.random()) * glow * disc[..., None] * (0.3 + 0.7 * rng.random(3))
    return to_photo(out)


def through_glass(photo, other, rng, share, defocus, ghost, patchy):
    """The scene through a pane that mirrors another one of middling brightness, summed in linear light. `defocus` px of blur of the mirrored
    scene, a second image of it `ghost` px beside the first (double glazing), `patchy`: the mirror shows in parts only."""
    size = photo.shape[0]
    mirrored = to_light(other[:, ::-1])
    mirrored *= min(4, 0.25 / mirrored.mean())
    if defocus > 0:
        mirrored = cv2.GaussianBlur(mirrored, (0, 0), defocus)
    if ghost:
        twin = np.roll(np.roll(mirrored, int(ghost[0]), 1), int(ghost[1]), 0)
        mirrored = 0.6 * mirrored + 0.4 * twin
    where = 1.0
    if patchy > 0:
        edge = cloud(rng, size, octaves=3)
        where = np.clip((edge - 0.5) * 4 * patchy + 0.75, 0.1, 1)[..., None]
    return to_photo(to_light(photo) * (1 - 0.35 * share * where) + share * where * mirrored)
