"""The page of export/web in Chromium: its pictures against the Python model's, its controls, its messages."""

import io
import json
import os
import re
import struct
import urllib.request
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from commands import refuses, run_command
from PIL import Image
from web_page import (
    CLOSE,
    COUNT,
    SLOW,
    anew,
    answers,
    difference,
    message,
    noise_picture,
    picture_file,
    pixels,
    samples_of,
    set_slider,
    settled,
    upload,
)

from tf_gradsr import metrics, ops
from tf_gradsr.export.lite import tflite
from tf_gradsr.faces.resampling import cut
from tf_gradsr.gallery.heat_map import RAMP, colour, rounded_top
from tf_gradsr.gallery.walk import slerp
from tf_gradsr.gallery.writing import INTENDED_USE
from tf_gradsr.inference import Hallucinator
from tf_gradsr.sampling import mean_and_stddev, noise_vector
from tf_gradsr.web import build, bundling, screenshot, serve
from tf_gradsr.web.serve import PageHandler, PlainHandler, serving

HEIGHT, WIDTH, SCALE, Z_SIZE = 8, 12, 4, 3
# The page's path on the plain server: not its root.
PLACE = "some/where"


@pytest.fixture(scope="module")
def run_dir(folder, write_run):
    return write_run(folder / "run", folder / "pictures", lr_size=[HEIGHT, WIDTH])


@pytest.fixture(scope="module")
def model(folder, run_dir):
    path = folder / "model.tflite"
    assert tflite.main(["--run", str(run_dir), "--output", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def root(folder, model, npm):
    """What the server serves: the page in a folder of it."""
    output = folder / "root" / PLACE
    assert build.main(["--model", str(model), "--output", str(output)]) == 0
    return folder / "root"


@pytest.fixture(scope="module")
def url(root):
    with serving(root, PlainHandler) as at:
        yield f"{at}{PLACE}/"


def python_lr(piece):
    """The input that `tf_gradsr` makes from a piece of a picture."""
    factor = piece.shape[0] // HEIGHT
    return ops.to_uint8(ops.downscale(ops.to_float(piece[None]), factor)).numpy()


# ---------------------------------------------------------------- its pictures


def test_pictures_are_the_python_models(open_page, hallucinator):
    page = open_page()
    # Exactly five times the input: the first crop is all of it.
    picture = noise_picture(HEIGHT * 5, WIDTH * 5)
    upload(page, picture_file(picture))
    lr = python_lr(picture)
    np.testing.assert_array_equal(pixels(page, "#lr"), lr[0])
    assert difference(pixels(page, "#bicubic"), metrics.bicubic(ops.to_float(lr), SCALE)[0].numpy()) <= 1
    assert difference(pixels(page, "#reconstruction"), hallucinator.reconstruct(lr).image[0]) <= CLOSE
    anew(page, lambda: (page.fill("#seed", "7"), page.keyboard.press("Enter")))
    right = hallucinator.sample(lr, COUNT, seed=7)
    found = samples_of(page)
    assert difference(found, right.images[0]) <= CLOSE
    assert difference(found[0], found[1]) > 20, "z does nothing"
    stddev = mean_and_stddev(found[None])[1][0].mean(-1)
    top = rounded_top(stddev)
    assert difference(pixels(page, "#uncertainty"), colour(stddev, top)) <= 1
    assert page.inner_text("#top") == f"{top:g}"
    assert re.search(r"\d+ ms each on one thread\. Each downscales to the input", page.inner_text("#status"))


def test_temperature(open_page, hallucinator):
    page = open_page()
    lr = pixels(page, "#lr")[None]
    anew(page, lambda: set_slider(page, "#temperature", 0.5))
    assert difference(samples_of(page), hallucinator.sample(lr, COUNT, 0, 0.5).images[0]) <= CLOSE
    anew(page, lambda: set_slider(page, "#temperature", 0))
    assert (samples_of(page) == pixels(page, "#reconstruction")).all()


def test_sliders_between_z_0_and_two_samples(open_page, hallucinator):
    page = open_page()
    lr, found, middle = pixels(page, "#lr")[None], samples_of(page), pixels(page, "#reconstruction")
    assert settled(page, "#between", found[0]) == 0, "it begins at A, the first sample"
    set_slider(page, "#strength", 0)
    assert settled(page, "#between", middle) == 0
    set_slider(page, "#strength", 1)
    set_slider(page, "#morph", 1)
    assert settled(page, "#between", found[1]) == 0
    set_slider(page, "#morph", 0.25)
    set_slider(page, "#strength", 0.8)
    a, b = hallucinator.noise(2)
    z = 0.8 * slerp(a, b, 0.25)
    assert settled(page, "#between", hallucinator.generate(lr, z[None])[0][0]) <= CLOSE
    assert difference(found[0], middle) > 20
    # Other ends: by click, then, since B is next, by keyboard.
    set_slider(page, "#strength", 1)
    page.locator("#samples button").nth(4).click()
    assert settled(page, "#between", found[4]) == 0
    page.locator("#samples button").nth(6).focus()
    page.keyboard.press("Space")
    assert settled(page, "#between", found[6]) == 0
    pressed = page.locator("#samples button[aria-pressed=true]")
    assert [b.get_attribute("aria-label") for b in pressed.all()] == ["Sample 5, A", "Sample 7, B"]


def test_new_samples_and_the_same_again(open_page):
    page = open_page()
    assert page.input_value("#seed") == "0"
    first = samples_of(page)
    anew(page, lambda: page.click("#again"))
    seed = int(page.input_value("#seed"))
    second = samples_of(page)
    assert 0 < seed < 2**31 and difference(first, second) > 20
    for typed in ("-1", "2147483648", "1.5", ""):
        anew(page, lambda: (page.fill("#seed", typed), page.keyboard.press("Tab")))  # noqa: B023
        assert page.input_value("#seed") == str(seed), typed
    anew(page, lambda: (page.fill("#seed", "0"), page.keyboard.press("Enter")))
    np.testing.assert_array_equal(samples_of(page), first)


def test_sample_faces(open_page, root):
    page = open_page()
    names = json.loads((root / PLACE / "gradsr.json").read_text())["faces"]
    faces = page.locator("#faces button")
    assert faces.count() == len(names) >= 4
    first = pixels(page, "#lr")
    anew(page, lambda: faces.nth(1).click())
    assert difference(pixels(page, "#lr"), first) > 20


def test_transparent_and_rotated_photos(open_page):
    page = open_page()
    rgb = noise_picture(HEIGHT * 2, WIDTH * 2)
    alpha = np.zeros(rgb.shape[:2], np.uint8)
    alpha[:, WIDTH:] = 255
    upload(page, picture_file(np.dstack([rgb, alpha])))
    over_white = np.where(alpha[..., None] > 0, rgb, 255).astype(np.uint8)
    np.testing.assert_array_equal(pixels(page, "#lr"), python_lr(over_white)[0])
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    Image.fromarray(np.rot90(rgb)).save(file, "JPEG", exif=exif, quality=100, subsampling=0)
    upload(page, {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()})
    assert difference(pixels(page, "#lr"), python_lr(rgb)[0]) <= 3


# ---------------------------------------------------------------- the crop


def frame_of(page):
    """The frame as the page tells it: its width and its middle in the photo's pixels, its turn in degrees."""
    numbers = re.findall(r"-?[\d.]+", page.locator("#crop-state").text_content())
    return SimpleNamespace(**dict(zip(("width", "x", "y", "turn"), map(float, numbers))))


@pytest.fixture
def cropped(open_page):
    """A page with a photo of 100x80 pixels, and what to compare the input with."""
    page, photo = open_page(), noise_picture(80, 100, seed=3)
    upload(page, picture_file(photo))

    def agrees():
        """Whether the input is the frame's, up to the state's rounding, once the page has drawn it."""
        page.wait_for_timeout(100)
        frame, found = frame_of(page), pixels(page, "#lr")
        if frame.turn == 0 and (frame.width / WIDTH, frame.x % 1, frame.y % 1) == (8, 0, 0):
            top, left = round(frame.y) - 4 * HEIGHT, round(frame.x) - 4 * WIDTH
            return (found == python_lr(photo[top : top + 8 * HEIGHT, left : left + 8 * WIDTH])[0]).all()
        # A square as wide as the input, of which that is the middle.
        angle = np.radians(frame.turn)
        linear = frame.width * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = np.column_stack([linear, np.array([frame.x, frame.y]) - linear @ (0.5, 0.5)])
        first = (WIDTH - HEIGHT) // 2
        # A tenth of the photo's pixels is some levels of such noise; half an input pixel is some fifty.
        return difference(found, cut(photo, matrix, WIDTH)[first : first + HEIGHT]) <= 8

    return SimpleNamespace(
        page=page, frame=lambda: frame_of(page), agrees=agrees, box=page.locator("#stage").bounding_box()
    )


def test_frame_by_keyboard(cropped):
    page, frame = cropped.page, cropped.frame
    # The largest of whole blocks that fits, in the middle: eight times 12x8.
    assert vars(frame()) == {"width": 96, "x": 50, "y": 40, "turn": 0} and cropped.agrees()
    page.focus("#stage")
    for _ in range(20):
        page.keyboard.press("-")
    assert frame().width == pytest.approx(96 / 1.02**20, abs=0.1) and cropped.agrees()
    before, half = samples_of(page), frame().width / WIDTH / 2
    anew(page, lambda: page.keyboard.press("ArrowRight"))
    assert difference(samples_of(page), before) > 5, "the samples follow"
    page.keyboard.press("Shift+ArrowUp")
    assert frame().x == pytest.approx(50 + half, abs=0.1) and frame().y == pytest.approx(
        40 - 4 * half, abs=0.1
    )
    assert cropped.agrees()
    for _ in range(7):
        page.keyboard.press(".")
    page.keyboard.press(",")
    assert frame().turn == 6 and cropped.agrees()
    for _ in range(30):
        page.keyboard.press("Shift+ArrowLeft")
    assert frame().x == 0 and cropped.agrees(), "the frame's middle stays in the photo, whose border goes on"
    page.keyboard.press("Home")
    assert vars(frame()) == {"width": 96, "x": 50, "y": 40, "turn": 0}
    page.locator("#by-hand summary").click()
    page.locator("#by-hand summary").click()
    page.focus("#turn")
    page.keyboard.press("ArrowRight")
    assert frame().turn == 0.5 and cropped.agrees()
    set_slider(page, "#size", 0)
    assert frame().width == WIDTH / 2, "half a pixel of the photo for one of the input"


def test_frame_by_mouse(cropped):
    page, frame, box = cropped.page, cropped.frame, cropped.box
    one = box["width"] / 100
    at = lambda x, y: (box["x"] + x * one, box["y"] + y * one)  # noqa: E731

    def drag(start, end):
        page.mouse.move(*at(*start))
        page.mouse.down()
        page.mouse.move(*at(*end), steps=4)
        page.mouse.up()

    def is_at(**right):
        return vars(frame()) == pytest.approx({"turn": 0, **right}, abs=0.15) and cropped.agrees()

    drag((98, 72), (50, 40))  # the lower right corner, to half the size
    assert is_at(width=48, x=26, y=24)
    drag((26, 24), (56, 34))
    assert is_at(width=48, x=56, y=34)
    drag((50, 30), (500, 400))
    assert (frame().x, frame().y) == (100, 80)
    page.mouse.move(*at(50, 40))
    page.mouse.wheel(0, -100)
    page.wait_for_timeout(100)
    assert is_at(width=48 * 1.05, x=100, y=80), "the stage has been chosen, so that the wheel sizes the frame"


def test_frame_by_touch(open_page):
    page = open_page(has_touch=True, viewport={"width": 400, "height": 800})
    upload(page, picture_file(noise_picture(80, 100, seed=3)))
    page.locator("#stage").scroll_into_view_if_needed()
    box = page.locator("#stage").bounding_box()
    touch = page.context.new_cdp_session(page)

    def fingers(kind, *places):
        points = [{"x": box["x"] + box["width"] * x, "y": box["y"] + box["width"] * y} for x, y in places]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def gesture(start, end):
        fingers("touchStart", *start)
        fingers("touchMove", *end)
        fingers("touchEnd")
        return frame_of(page)

    assert frame_of(page).width == 96
    after = gesture([(0.3, 0.4), (0.7, 0.4)], [(0.5, 0.5), (0.5, 0.3)])
    assert (after.width, after.turn) == (pytest.approx(48, abs=1), pytest.approx(-90, abs=1)), (
        "as a sheet of paper"
    )
    moved = gesture([(0.5, 0.4)], [(0.6, 0.4)])
    assert moved.x == pytest.approx(after.x + 10, abs=0.5) and moved.width == after.width


# ---------------------------------------------------------------- messages


def blank_png(side):
    """A black PNG of one bit a pixel, small as a file."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(side * (side // 8 + 1)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_photos_that_cannot_be_used(open_page):
    page = open_page()
    before = pixels(page, "#lr")
    page.set_input_files("#file", {"name": "notes.png", "mimeType": "image/png", "buffer": b"just text"})
    assert "notes.png is not a picture" in message(page)
    cut_off = {**picture_file(noise_picture(300, 300), "cut.png"), "mimeType": "image/png"}
    page.set_input_files("#file", {**cut_off, "buffer": cut_off["buffer"][:60]})
    page.get_by_text("cut.png could not be decoded: it is damaged").wait_for()
    page.set_input_files("#file", {**cut_off, "name": "huge.png", "buffer": blank_png(20_000)})
    page.get_by_text("huge.png is too large: 20000×20000, 400 megapixels.").wait_for()
    page.set_input_files("#file", picture_file(noise_picture(8, 11), "tiny.png"))
    page.get_by_text("tiny.png is too small: 11×8 pixels. The model needs at least 12×8.").wait_for()
    np.testing.assert_array_equal(pixels(page, "#lr"), before)
    upload(page, picture_file(noise_picture(8, 12)))
    assert page.locator("#error").is_hidden(), "a good photo clears the message"


@pytest.mark.parametrize(
    "prepare, text",
    [
        (answers("**/model.tflite", status=404), "model could not be loaded: the server answers 404"),
        (answers("**/model.tflite", body=b"<html>not found</html>"), "it is not a .tflite file"),
        (answers("**/model.tflite", body=b"\x1c\0\0\0TFL3" + bytes(200)), "LiteRT cannot load it"),
        (answers("**/*.wasm", status=404), "could not start LiteRT"),
        (answers("**/wasm/*.js", status=404), "could not start LiteRT"),
        (answers("**/worker.js", status=404), "could not start LiteRT"),
        (answers("**/gradsr.json", status=404), "gradsr.json is missing"),
        (lambda page: page.add_init_script("delete globalThis.WebAssembly"), "it has no WebAssembly"),
    ],
    ids=[
        "no model",
        "other file",
        "broken model",
        "no wasm",
        "no script",
        "no worker",
        "no description",
        "old",
    ],
)
def test_what_is_missing_is_named(open_page, prepare, text):
    page = open_page(ready=False, prepare=prepare, expected=".")
    assert text in message(page)


def test_another_models_description(open_page, root):
    facts = json.loads((root / PLACE / "gradsr.json").read_text())
    prepare = answers("**/gradsr.json", json={**facts, "lr_shape": [WIDTH, HEIGHT]})
    assert "does not describe model.tflite" in message(open_page(ready=False, prepare=prepare))


def test_camera(open_page):
    page = open_page(permissions=["camera"])
    before = pixels(page, "#lr")
    page.click("#use-camera")
    page.locator("#video").wait_for()
    page.locator("#video").evaluate("v => v.videoWidth || new Promise(done => (v.onresize = done))")
    anew(page, lambda: page.click("#shutter"))
    assert difference(pixels(page, "#lr"), before) > 5
    assert page.locator("#camera").is_hidden() and page.locator("#video").evaluate(
        "v => v.srcObject === null"
    )


def test_camera_refused(open_page):
    page = open_page()
    page.click("#use-camera")
    assert "camera was refused" in message(page)


# ---------------------------------------------------------------- the page


def test_phone_width_and_dark_mode(open_page):
    page = open_page(viewport={"width": 360, "height": 700}, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") == 360

    def channels(name):
        text = page.evaluate(f"getComputedStyle(document.body).{name}")
        return [int(number) for number in re.findall(r"\d+", text)[:3]]

    assert max(channels("backgroundColor")) < 60 and min(channels("color")) > 180
    page.emulate_media(color_scheme="light")
    assert min(channels("backgroundColor")) > 200 and max(channels("color")) < 80


def test_everything_has_a_name(open_page):
    page = open_page()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, canvas[role=img], [tabindex], img')].filter(
            (e) => !(e.ariaLabel || e.textContent.trim() || e.alt || e.labels?.[0]?.textContent.trim()
                || e.querySelector('img[alt]'))).map((e) => e.outerHTML)"""
    )
    assert nameless == []
    notice = page.inner_text(".notice")
    assert "Invented faces" in notice and "None of these pictures is evidence" in notice
    assert page.locator("[role=status]").count() == 1


def test_nothing_can_leave_the_page(open_page, root):
    html = (root / PLACE / "index.html").read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy"\s+content="([^"]+)"', html)[1]
    assert "default-src 'none'" in policy
    assert not re.search(r"unsafe-inline|unsafe-eval'(?<!'wasm-unsafe-eval')|\*|https?:", policy)
    page = open_page(expected="Content Security Policy")
    with serving(root, PlainHandler) as other:
        other = other.replace("localhost", "127.0.0.1")
        script = "at => fetch(at, { mode: 'no-cors' }).then(() => 'sent', (error) => error.name)"
        assert page.evaluate(script, other) == "TypeError"


def test_threads_where_the_server_isolates_the_page(open_page, root):
    one = open_page()
    with serving(root / PLACE, PageHandler) as at:
        page = open_page(at)
        threads = min(os.cpu_count(), 4)
        assert ("threads" if threads > 1 else "one thread") in page.inner_text("#status")
        assert difference(samples_of(page), samples_of(one)) <= CLOSE


def test_browsers_without_relaxed_simd(open_page, root):
    """They ask for LiteRT's third variant, even where there could be threads."""
    worker = (root / PLACE / "worker.js").read_text()
    # LiteRT.js finds out by instantiating a module of a few bytes.
    old = (
        "const instantiate = WebAssembly.instantiate; WebAssembly.instantiate = (code, ...rest) =>"
        "code.byteLength < 99 ? Promise.reject(new Error('old')) : instantiate(code, ...rest);"
    )
    with serving(root / PLACE, PageHandler) as at:
        headers = {"Cross-Origin-Embedder-Policy": "require-corp", "Content-Type": "text/javascript"}
        page = open_page(at, prepare=answers("**/worker.js", body=old + worker, headers=headers))
    assert "one thread" in page.inner_text("#status")
    loaded = [request.rsplit("/")[-1] for request in page.requests if request.endswith(".wasm")]
    assert loaded == ["litert_wasm_compat_internal.wasm"]


def test_saving(open_page, tmp_path):
    page = open_page()
    settled(page, "#between", samples_of(page)[0])

    def saved(button):
        with page.expect_download() as download:
            page.click(button)
        download.value.save_as(tmp_path / "saved.png")
        picture = Image.open(tmp_path / "saved.png")
        assert picture.info["Disclaimer"] == INTENDED_USE and picture.info["seed"] == "0"
        return download.value.suggested_filename, np.asarray(picture.convert("RGB"))

    # Outdated pictures are not saved under the new settings' name.
    page.evaluate("document.getElementById('seed').value = 5")
    locked = "document.getElementById('again').click(), document.getElementById('save-sheet').disabled"
    assert page.evaluate(f"() => ({locked})")
    page.fill("#seed", "0")
    page.press("#seed", "Enter")
    settled(page, "#between", samples_of(page)[0])

    name, picture = saved("#save")
    assert name == "gradsr_seed0_samples1to2_at0.00_strength1.00_temperature1.00.png"
    np.testing.assert_array_equal(picture, pixels(page, "#between"))
    name, sheet = saved("#save-sheet")
    assert name == "gradsr_seed0.png" and sheet.shape[1] > 4 * WIDTH * SCALE


def test_models_that_give_one_answer(open_page, folder, write_run):
    """Such as the baselines."""
    run = write_run(folder / "srgan", folder / "pictures", lr_size=[HEIGHT, WIDTH], name="srgan")
    path = folder / "srgan.tflite"
    assert tflite.main(["--run", str(run), "--output", str(path), "--consistency", "none"]) == 0
    page = open_page(ready=False, prepare=answers("**/model.tflite", body=path.read_bytes()))
    # A canvas has no such attribute until it is painted.
    page.locator("#reconstruction[width]").wait_for(timeout=SLOW)
    lr = pixels(page, "#lr")[None]
    right = Hallucinator.load(run).reconstruct(lr, "none").image[0]
    assert settled(page, "#reconstruction", right) <= CLOSE
    assert page.locator("#between").is_hidden() and page.locator("#uncertainty").is_hidden()


# ---------------------------------------------------------------- its numbers, without a browser


def test_downscaling_rounds_as_tensorflow_does(javascript):
    # Few grey levels, so that means halfway between two are frequent.
    pieces = [
        np.random.default_rng(f).integers(99, 103, (2 * f, 3 * f, 3), np.uint8) for f in (1, 2, 3, 4, 8, 16)
    ]
    given = [
        {"width": p.shape[1], "height": p.shape[0], "data": np.dstack([p, p[..., :1]]).ravel().tolist()}
        for p in pieces
    ]
    found = javascript("given.map((p) => [...pixels.downscale(p, p.height / 2).rgb])", given)
    ties = 0
    for piece, rgb in zip(pieces, found):
        factor = piece.shape[0] // 2
        right = ops.to_uint8(ops.downscale(ops.to_float(piece[None]), factor)).numpy()
        assert rgb == right.ravel().tolist(), factor
        means = piece.reshape(2, factor, 3, factor, 3).mean((1, 3))
        ties += np.sum(means % 1 == 0.5)
    assert ties > 3


def test_bicubic(javascript):
    lr = noise_picture(5, 7)
    given = {"width": 7, "height": 5, "rgb": lr.ravel().tolist()}
    for scale in (2, 4, 8):
        right = metrics.bicubic(ops.to_float(lr[None]), scale)[0].numpy()
        found = javascript(f"[...pixels.bicubic(given, {scale}).rgb]", given)
        assert difference(np.uint8(found).reshape(right.shape), right) <= 1


def test_noise_of_a_seed_is_pythons(javascript):
    cases = [(0, 0, 64), (7, 3, 64), (2**31 - 1, 11, 5), (123456789, 2**20, 2)]
    found = javascript("given.map((one) => [...noise.noiseVector(...one)])", cases)
    for (seed, number, size), z in zip(cases, found):
        np.testing.assert_allclose(z, noise_vector([seed, number], size).numpy(), atol=2e-6)


def test_paths_through_z(javascript, rng):
    a, b = rng.normal(size=(2, 6)).astype(np.float32)
    for start, end in ((a, b), (a, 0 * b), (a, a), (a, -a)):
        for share in (0.0, 0.3, 1.0):
            given = [start.tolist(), end.tolist(), share]
            found = javascript("[...latent.slerp(Float32Array.from(given[0]), given[1], given[2])]", given)
            np.testing.assert_allclose(found, slerp(start, end, share), atol=1e-6)


def test_spread_and_its_colours(javascript, rng):
    images = rng.integers(0, 256, (4, 6, 5, 3), np.uint8)
    given = [{"rgb": image.ravel().tolist()} for image in images]
    found = javascript("[...spread.standardDeviation(given)]", given)
    stddev = mean_and_stddev(images[None])[1][0].mean(-1)
    np.testing.assert_allclose(found, stddev.ravel(), rtol=1e-5)
    assert javascript("spread.RAMP", None) == [list(level) for level in RAMP]
    values = [0.0, 0.01, 0.9, 1.0, 1.7, 3.0, 20.0, 49.0, 120.0]
    tops = javascript("given.map((value) => spread.roundedTop([value, value]))", values)
    assert tops == [rounded_top([value]) for value in values]
    colours = javascript("given.map((value) => spread.colour(value, 50))", values)
    assert difference(np.array(colours), colour(np.array([values]), 50.0)[0]) <= 1


# ---------------------------------------------------------------- the commands


@pytest.fixture
def command(capsys):
    """Runs one of the commands; see `run_command`."""
    return lambda module, *arguments: run_command(module, arguments, capsys)


def test_bad_settings_are_one_line(command, tmp_path, monkeypatch):
    output, model = tmp_path / "page", tmp_path / "model.tflite"
    assert refuses(command(build, "--output", output), "model: a file of gradsr export tflite")
    model.touch()
    assert refuses(command(build, "--model", model, "--output", output), "(.tflite.json) beside it")
    (tmp_path / "model.tflite.json").write_text('{"scale": 8}')
    assert refuses(command(build, "--model", model), "output: the page's folder")
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").touch()
    assert refuses(command(build, "--model", model, "--output", other), "already exists")
    assert refuses(command(build, "--model", model, "--output", other, "--overwrite"), "only a page")
    (other / "gradsr.json").touch()
    assert refuses(
        command(build, "--model", model, "--output", other, "--overwrite"), "notes.txt is something else"
    )
    assert sorted(path.name for path in other.iterdir()) == ["gradsr.json", "notes.txt"]
    assert refuses(command(serve, "--folder", tmp_path), "folder: a page")
    assert refuses(command(serve, "--folder", other, "--port", "70000"), "port: ")
    assert refuses(command(screenshot, "--folder", tmp_path), "folder: a page")
    assert refuses(command(screenshot, "--folder", other, "--output", "a.jpg"), "ends with .png")
    monkeypatch.setenv("PATH", "")
    assert refuses(command(build, "--model", model, "--output", output), "npm: Node.js with npm")
    assert not output.exists()


def test_an_invalid_description(command, tmp_path, npm):
    (tmp_path / "model.tflite").touch()
    for text in ('{"scale": 8}', "no JSON", "[]"):
        (tmp_path / "model.tflite.json").write_text(text)
        result = command(build, "--model", tmp_path / "model.tflite", "--output", tmp_path / "page")
        assert refuses(result, "a description as gradsr export tflite writes it")
    assert not (tmp_path / "page").exists()


def test_a_failing_bundler_leaves_nothing(command, root, model, tmp_path, monkeypatch):
    monkeypatch.setattr(bundling, "install", lambda: None)
    # Its package.json names no bundler.
    (tmp_path / "package.json").write_text("{}")
    monkeypatch.setattr(bundling, "SOURCES", tmp_path)
    result = command(build, "--model", model, "--output", tmp_path / "out" / "page")
    assert result.status == 1 and "npm run" in result.err and "Nothing was written" in result.err
    assert list((tmp_path / "out").iterdir()) == []


def test_a_page_is_replaced_when_asked(command, root, model, folder):
    page = folder / "again"
    assert command(build, "--model", model, "--output", page).status == 0
    (page / "index.html").write_text("old")
    result = command(build, "--model", model, "--output", page, "--overwrite")
    assert result.status == 0 and str(page) in result.out
    html = (page / "index.html").read_text()
    assert "old" != html == (root / PLACE / "index.html").read_text()
    assert {path.name for path in page.iterdir()} == set(build.PAGE_FILES)
    facts = json.loads((page / "gradsr.json").read_text())
    assert (facts["lr_shape"], facts["scale"], facts["z_size"]) == ([HEIGHT, WIDTH], SCALE, Z_SIZE)
    assert "config" not in facts, "nothing of the trainer's folders is published"


def test_served_types(root):
    with serving(root / PLACE) as at:
        headers = {}
        for name in ("", "page.js", "wasm/litert_wasm_internal.wasm"):
            with urllib.request.urlopen(at + name) as response:
                headers[name] = response.headers
    assert headers[""]["Content-Type"].startswith("text/html")
    assert headers["page.js"]["Content-Type"].startswith("text/javascript")
    assert headers["wasm/litert_wasm_internal.wasm"]["Content-Type"] == "application/wasm"
    assert headers[""]["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers[""]["Cross-Origin-Embedder-Policy"] == "require-corp"
