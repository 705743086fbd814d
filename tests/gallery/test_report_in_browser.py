"""report.html in Chromium: the slider, light and dark, on a phone, on paper, without script, offline."""

import io

import numpy as np
import pytest
from PIL import Image

from tf_gradsr.gallery.data_urls import embedded
from tf_gradsr.gallery.report import (
    Cell,
    Contents,
    Measure,
    Shown,
    ShownFace,
    ShownSheet,
    Table,
    uncertainty_map,
    write_report,
)

pytestmark = pytest.mark.slow

EVIL = """<img src="http://192.0.2.1/x.png" onerror="document.title='hacked'">"""
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1200, "height": 900}


def smooth(rng, height, width):
    coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def pictures():
    """LR, what was made of it, a sample; each unlike the others everywhere."""
    rng = np.random.default_rng(0)
    lr = rng.integers(0, 256, (16, 16, 3), np.uint8)
    return {"LR": lr, "z = 0": smooth(rng, 128, 128), "sample 00": smooth(rng, 128, 128)}


@pytest.fixture(scope="module")
def report(tmp_path_factory, pictures):
    """Path of a page of everything: two faces, one of them wide and with a hostile name, tables, a sheet."""
    rng = np.random.default_rng(1)
    shown = [
        Shown(title, embedded(picture), before=title == "LR", in_pixels=title == "LR")
        for title, picture in pictures.items()
    ]
    bicubic = Shown("bicubic", embedded(smooth(rng, 128, 128)), before=True)
    uncertainty = uncertainty_map(
        rng.uniform(0, 20, (128, 128)), "standard deviation over the samples, grey levels"
    )
    wide = (
        Shown("LR", embedded(smooth(rng, 10, 40)), before=True, in_pixels=True),
        Shown("z = 0", embedded(smooth(rng, 400, 1600))),
    )
    models = tuple(f"a_model_with_a_long_name_{number}, z != 0, exact" for number in range(9))
    cells = tuple(
        Cell("24.123", "[23.111, 25.222]", (24.123, 23.111, 25.222 + number)) for number in range(9)
    )
    measures = (Measure("PSNR, dB", "higher", "against the truth", cells),)
    contents = Contents(
        command="evaluate",
        title="2 small pictures",
        typed="gradsr hallucinate " + "a_long_name_without_a_space" * 12,
        settings=(("seed", "0"),),
        weights=(("gradsr 8x", "sha256:0123456789abcdef"),),
        faces=(
            ShownFace(
                "first", (shown[0], bicubic, *shown[1:]), (("LR-PSNR", "76.5 dB"),), uncertainty, ("a note",)
            ),
            ShownFace(EVIL, wide),
        ),
        tables=(
            Table("Quality", models, measures),
            Table("Few", models[:2], (Measure("PSNR, dB", None, "m", cells[:2]),)),
        ),
        sheets=(ShownSheet("Samples", embedded(smooth(rng, 900, 1400)), "a grid of samples"),),
        notes=("Left out: " + "x" * 200,),
        footnotes=("a footnote",),
    )
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, contents)
    return path


@pytest.fixture
def open_page(browser, report):
    """Opens the page; in the end, nothing must have been asked for or complained about."""
    contexts, requests, problems = [], [], []

    def open_one(viewport=DESK, expected="nothing", **settings):
        contexts.append(browser.new_context(viewport=viewport, **settings))
        page = contexts[-1].new_page()
        page.on("console", lambda line: expected in line.text or problems.append(line.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(report.as_uri())
        return page

    yield open_one
    assert [url for url in requests if not url.startswith("data:")] == [report.as_uri()] * len(contexts)
    assert problems == []
    for context in contexts:
        context.close()


def stage_pixels(page, number=0):
    """int `[h, w, 3]` of a slider's pictures, without what lies above them."""
    content = page.locator(".stage").nth(number).screenshot()
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def bare(page):
    """Hides what lies above the pictures and puts the slider on whole pixels, at a size that LR divides."""
    page.evaluate(
        """() => {
             for (const e of document.querySelectorAll('.chip, .divider')) e.style.opacity = 0
             const place = {position: 'fixed', top: 0, left: 0, width: '384px', borderRadius: 0, zIndex: 9}
             Object.assign(document.querySelector('.stage').style, place)
           }"""
    )


def enlarged(picture, side=384):
    """As the browser draws it: pixel by pixel, or smoothly."""
    method = Image.Resampling.NEAREST if len(picture) == 16 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(picture).resize((side, side), method)).astype(int)


def differs(found, picture):
    return np.abs(found - picture).mean()


# ---------------------------------------------------------------- the slider


def test_the_slider_shows_before_on_its_left_and_after_on_its_right(open_page, pictures):
    page = open_page()
    bare(page)
    slider = page.locator(".slider").first
    slider.focus()
    before, after = (enlarged(pictures[name]) for name in ("LR", "z = 0"))

    def shows(per_cent, after=after):
        assert slider.input_value() == str(per_cent)
        found, edge = stage_pixels(page), round(per_cent / 100 * 384)
        left, right = found[:, : max(0, edge - 2)], found[:, edge + 2 :]
        # The left side is the LR picture, pixel by pixel; browsers smooth in their own way.
        assert left.size == 0 or np.abs(left - before[:, : left.shape[1]]).max() <= 1
        assert right.size == 0 or differs(right, after[:, edge + 2 :]) < 3

    shows(50)
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    shows(70)
    for _ in range(45):
        page.keyboard.press("ArrowLeft")
    shows(25)
    page.keyboard.press("End")
    shows(100)
    page.keyboard.press("Home")
    shows(0)
    assert slider.get_attribute("aria-valuetext") == "0 % LR, then z = 0"
    # Another picture on the right, by keyboard.
    page.locator(".face").first.get_by_role("radio", name="z = 0").focus()
    page.keyboard.press("ArrowRight")
    shows(0, enlarged(pictures["sample 00"]))
    assert differs(stage_pixels(page), after) > 20
    assert slider.get_attribute("aria-valuetext") == "0 % LR, then sample 00"


def test_the_slider_by_mouse_and_by_touch(open_page, pictures):
    page = open_page()
    page.locator(".stage").first.scroll_into_view_if_needed()
    box = page.locator(".stage").first.bounding_box()
    middle = box["y"] + box["height"] / 2

    def at():
        return float(page.locator(".slider").first.input_value())

    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, middle, steps=5)
    page.mouse.up()
    assert abs(at() - 80) <= 1
    page.mouse.click(box["x"] + box["width"] * 0.1, middle)
    assert abs(at() - 10) <= 1
    # The divider stands where the pointer is.
    divider = page.locator(".divider").first.bounding_box()
    assert abs(divider["x"] + 1 - box["x"] - box["width"] * at() / 100) <= 1

    phone = open_page(PHONE, has_touch=True, is_mobile=True)
    stage = phone.locator(".stage").first
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    phone.touchscreen.tap(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2)
    assert abs(float(phone.locator(".slider").first.input_value()) - 30) <= 1
    # A finger that moves across; one that moves down scrolls the page instead.
    touch = phone.context.new_cdp_session(phone)
    for kind, share in (("touchStart", 0.3), ("touchMove", 0.5), ("touchMove", 0.7), ("touchEnd", None)):
        point = {"x": box["x"] + box["width"] * (share or 0), "y": box["y"] + box["height"] / 2}
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point] if share else []})
    assert abs(float(phone.locator(".slider").first.input_value()) - 70) <= 2
    assert phone.locator(".slider").first.evaluate("e => getComputedStyle(e).touchAction") == "pan-y"


def test_a_sample_is_chosen_by_its_picture(open_page, pictures):
    page = open_page()
    bare(page)
    face = page.locator(".face").first
    face.locator(".choice", has_text="sample 00").click()
    face.locator(".choice", has_text="bicubic").click()
    face.locator(".slider").focus()
    page.keyboard.press("Home")
    assert differs(stage_pixels(page), enlarged(pictures["sample 00"])) < 3
    assert face.locator(".slider").get_attribute("aria-valuetext") == "0 % bicubic, then sample 00"
    assert page.evaluate("document.title") == "2 small pictures · GradSR"


# ---------------------------------------------------------------- how it looks

CONTRASTS = """() => {
  const channels = (text) => (text.match(/[0-9.]+/g) ?? []).map(Number)
  const light = (c) => c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4
  const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b)
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = channels(getComputedStyle(e).backgroundColor)
      if (c.length === 3) return c
    }
  }
  const found = []
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())
    // Chips lie on pictures, on black of their own.
    if (!own || e.closest('.chip, script')) continue
    const [a, b] = [channels(getComputedStyle(e).color), ground(e)].map(luminance)
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.trim().slice(0, 40)])
  }
  return found
}"""


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_texts_stand_out_in_light_and_dark(open_page, colours):
    page = open_page(color_scheme=colours)
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 40
    # WCAG 2.2, level AA.
    assert [each for each in contrasts if each[0] < 4.5] == []
    ground = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"))
    assert (np.median(ground) > 200) == (colours == "light")


@pytest.mark.parametrize("width", [320, 360, 768, 1200])
def test_nothing_is_wider_than_the_window(open_page, width):
    page = open_page({"width": width, "height": 740})
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    # Nor is anything cut off by what it lies in, but for wide tables on wide windows, which scroll alone.
    beyond = page.evaluate(
        """() => [...document.querySelectorAll('body *')].filter((e) => {
             const box = e.getBoundingClientRect()
             return box.right > innerWidth + 0.5 && !e.closest('.stage, thead')
               && !(innerWidth > 760 && e.closest('.scroll'))
           }).map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert beyond == []
    if width <= 760:
        assert page.locator(".scroll").first.evaluate("e => e.scrollWidth <= e.clientWidth")


def test_tables_are_read_as_tables_on_a_phone_too(open_page):
    page = open_page(PHONE)
    table = page.get_by_role("table").first
    assert table.get_by_role("columnheader").count() == 9
    assert table.get_by_role("rowheader").count() == 1 and table.get_by_role("cell").count() == 10
    label = table.locator("td[data-model]").first.evaluate("e => getComputedStyle(e, '::before').content")
    assert "a_model_with_a_long_name_0" in label


def test_everything_has_a_name_and_is_reached_by_keyboard(open_page):
    page = open_page()
    face = page.locator(".face").first
    assert page.get_by_role("region", name="first").count() == 1
    assert [
        face.get_by_role("radio", name=f"{title} of first").count() for title in ("LR", "z = 0", "sample 00")
    ] == [1] * 3
    assert face.get_by_role("slider", name="Divider between before").count() == 1
    assert page.locator("img:not([alt])").count() == 0
    assert page.get_by_role("img", name="Uncertainty of first, from 0, dark, to 20, bright").count() == 1
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map((e) => Number(e.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1 and np.diff(levels).max() <= 1
    reached = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("(document.activeElement.type ?? '') + document.activeElement.tagName"))
    assert {"rangeINPUT", "radioINPUT", "SUMMARY"} <= reached


def test_a_hostile_name_does_nothing(open_page):
    page = open_page(expected="violates the following Content Security Policy directive")
    assert page.title() == "2 small pictures · GradSR"
    assert page.locator(".face h2").nth(1).inner_text() == EVIL
    # Whatever got in all the same could not run, or ask for anything.
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<i id=last></i>')")
    ran = page.evaluate(
        """() => new Promise((done) => {
             addEventListener('securitypolicyviolation', (e) => done(e.violatedDirective))
             document.querySelector('#last').innerHTML = '<b onclick="window.ran = 1">x</b>'
             setTimeout(() => done('nothing was refused'), 3000)
             document.querySelector('#last b').click()
           })"""
    )
    assert ran.startswith("script-src") and page.evaluate("window.ran") is None


def test_on_paper_every_picture_is_there_without_controls(open_page):
    page = open_page({"width": 800, "height": 1000}, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="light")
    assert not page.locator(".compare, .choice input").filter(visible=True).count()
    assert page.locator(".choice img").filter(visible=True).count() == 6
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details[open]").count() == 2
    assert page.pdf(format="A4")[:5] == b"%PDF-"


def test_without_script_the_pictures_are_there(open_page):
    page = open_page(java_script_enabled=False)
    assert page.locator(".compare").filter(visible=True).count() == 0
    assert page.locator(".choice img").filter(visible=True).count() == 6
    assert page.locator(".choice input").filter(visible=True).count() == 0
