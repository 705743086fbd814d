"""What the tests of the page do with it in Chromium."""

import io

import numpy as np
from PIL import Image
from skimage.transform import SimilarityTransform, rescale, warp

from tf_gradsr.data.faces import encoded_faces

COUNT = 12
# Grey levels of 255.
CLOSE = 2
SECONDS = 1000
SLOW = 30 * SECONDS


def wait_for_samples(page):
    page.locator("#status", has_text=f"{COUNT} samples").wait_for(timeout=SLOW)


def anew(page, act):
    """Does something that makes new samples, and waits for them."""
    page.evaluate("document.querySelector('#status').textContent = ''")
    act()
    wait_for_samples(page)


def pixels(page, selector, number=0):
    """uint8 `[h, w, 3]` of a canvas."""
    canvas = page.locator(selector).nth(number)
    height, width, data = canvas.evaluate(
        "c => [c.height, c.width, Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)]"
    )
    rgba = np.uint8(data).reshape(height, width, 4)
    assert (rgba[..., 3] == 255).all()
    return rgba[..., :3]


def samples_of(page):
    return np.stack([pixels(page, "#samples canvas", number) for number in range(COUNT)])


def difference(a, b):
    assert a.shape == b.shape
    return np.abs(a.astype(int) - b.astype(int)).max()


def picture_file(picture, name="face.png", kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind)
    return {"name": name, "mimeType": "image/png", "buffer": file.getvalue()}


def upload(page, file):
    anew(page, lambda: page.set_input_files("#file", file))


def noise_picture(height, width, seed=0):
    """Coarse noise, so that pieces of it differ in their means."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def group_photo(ground, places):
    """A photo with embedded test faces, placed by scikit-image.

    Args:
        ground: `[h, w, 3]`. places: of each face the side of its frame, its centre (x, y), degrees.
    """
    photo = np.asarray(ground, np.float64)
    for face, (side, centre, degrees) in zip(encoded_faces("test", range(len(places))).values(), places):
        picture = np.asarray(Image.open(io.BytesIO(face)).convert("RGB"), np.float64)
        # Smaller ones are made small first, so that they do not alias.
        small = rescale(picture, min(1, side / 128), channel_axis=2, anti_aliasing=True)
        place = SimilarityTransform(scale=side / len(small), rotation=np.radians(degrees))
        # scikit-image counts from the centre of the first pixel.
        shift = np.array(centre) - place(np.full((1, 2), len(small) / 2 - 0.5))[0] - 0.5
        place += SimilarityTransform(translation=shift)
        opaque = np.dstack([small, np.ones(small.shape[:2])])
        there = warp(opaque, place.inverse, output_shape=photo.shape[:2], order=3)
        photo = np.where(there[..., 3:] > 0.99, there[..., :3], photo)
    return photo.clip(0, 255).round().astype(np.uint8)


def set_slider(page, selector, value):
    page.locator(selector).evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", str(value)
    )


def settled(page, selector, expected):
    """Waits until a canvas shows a picture; returns the largest difference between them."""
    for _ in range(100):
        found = pixels(page, selector)
        if found.shape == expected.shape and difference(found, expected) <= CLOSE:
            break
        page.wait_for_timeout(50)
    return difference(pixels(page, selector), expected)


def message(page):
    alert = page.locator("#error[role=alert]")
    alert.wait_for(timeout=SLOW)
    return alert.inner_text()


def answers(pattern, **response):
    return lambda page: page.route(pattern, lambda route: route.fulfill(**response))
