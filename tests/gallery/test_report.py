"""report.html without a browser: well formed, escaped, complete in itself, pictures exact."""

import base64
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from arrays import noise
from PIL import Image

from tf_gradsr.errors import ConfigError
from tf_gradsr.gallery.data_urls import EXACT_PIXELS, LONGEST_EMBEDDED, embedded
from tf_gradsr.gallery.heat_map import colour
from tf_gradsr.gallery.report import (
    FACES_SHOWN,
    Cell,
    Contents,
    Measure,
    Shown,
    ShownFace,
    ShownSheet,
    Table,
    as_html,
    uncertainty_map,
    write_report,
)
from tf_gradsr.gallery.writing import save_png

EVIL = """<img src=x onerror=alert(1)>"'{{ 7 * 7 }}</script><script>alert(2)</script>&amp;"""
VOID = {"meta", "link", "img", "input"}


@pytest.fixture
def contents(rng):
    """A page of everything, each text of which is `EVIL`."""
    lr, made = embedded(noise(rng, 4, 6, 3)), embedded(noise(rng, 16, 24, 3))
    face = ShownFace(
        EVIL,
        (Shown(EVIL, lr, before=True, in_pixels=True), Shown(EVIL, made, caption=EVIL)),
        ((EVIL, EVIL),),
        uncertainty_map(rng.uniform(0, 7, (16, 24)), EVIL),
        (EVIL,),
    )
    cells = (Cell("1.5", "[1.0, 3.0]", (1.5, 1.0, 3.0)), Cell(EVIL, EVIL, (4.0, 2.0, 5.0)), Cell(EVIL))
    measures = (Measure(EVIL, "higher", EVIL, cells),)
    return Contents(
        command="hallucinate",
        title=EVIL,
        typed=EVIL,
        settings=((EVIL, EVIL),),
        weights=((EVIL, "sha256:0123456789abcdef"),),
        faces=(face,),
        tables=(Table(EVIL, (EVIL, EVIL, "third"), measures),),
        sheets=(ShownSheet(EVIL, made, EVIL),),
        notes=(EVIL,),
        footnotes=(EVIL,),
    )


class Document(HTMLParser):
    """Every tag with its attributes and the text in it; refuses tags that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"{tag} with an attribute twice"
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if text.strip():
            self.texts.append((self.open[-1], text))

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def pixels_of(url):
    kind, content = re.fullmatch(r"data:image/(png|webp);base64,([A-Za-z0-9+/=]+)", url).groups()
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert picture.format.lower() == kind
    return np.asarray(picture)


# ---------------------------------------------------------------- pictures


def test_small_pictures_are_embedded_exactly(tmp_path, rng):
    for shape in ((3, 5, 3), (256, 256, 4)):
        picture = noise(rng, *shape)
        url, width, height, exact = embedded(picture)
        assert exact
        np.testing.assert_array_equal(pixels_of(url), picture)
        assert (height, width) == shape[:2]
    # A file with its metadata, byte by byte.
    path = tmp_path / "sample.png"
    save_png(path, noise(rng, 128, 128, 3), metadata={"seed": "7"})
    url = embedded(path).url
    assert base64.b64decode(url.partition(",")[2]) == path.read_bytes()


def test_large_pictures_become_small_files_that_look_the_same(tmp_path):
    ramp = np.linspace(0, 255, 1600)
    picture = np.uint8(
        np.stack([np.tile(ramp, (800, 1)), np.tile(ramp[:800, None], 1600), np.full((800, 1600), 90)], -1)
    )
    assert picture.shape[0] * picture.shape[1] > EXACT_PIXELS
    save_png(tmp_path / "large.png", picture)
    for given in (picture, tmp_path / "large.png"):
        url, width, height, exact = embedded(given)
        assert not exact
        assert url.startswith("data:image/webp") and len(url) < 60_000
        # It says how large the picture was.
        assert (width, height) == (1600, 800)
        shown = pixels_of(url)
        assert shown.shape == (LONGEST_EMBEDDED // 2, LONGEST_EMBEDDED, 3)
        expected = Image.fromarray(picture).resize(
            (LONGEST_EMBEDDED, LONGEST_EMBEDDED // 2), Image.Resampling.BOX
        )
        assert np.abs(shown.astype(int) - np.asarray(expected)).mean() < 2


def test_own_pictures_may_be_larger_than_what_pillow_opens(monkeypatch, rng, tmp_path):
    Image.fromarray(noise(rng, 300, 400, 3)).save(tmp_path / "photo.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert embedded(tmp_path / "photo.png")[1:] == (400, 300, False)
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_the_uncertainty_map_has_its_colours_and_its_scale(rng):
    stddev = rng.uniform(0, 3.9, (8, 9))
    found = uncertainty_map(stddev, "grey levels")
    np.testing.assert_array_equal(pixels_of(found.picture.url), colour(stddev, 5.0))
    bar = pixels_of(found.bar.url)[0]
    np.testing.assert_array_equal(bar[[0, -1]], colour(np.array([[0.0, 5.0]]), 5.0)[0])
    assert (found.top, found.open_end, found.unit) == (5.0, False, "grey levels")
    # One pixel in 720 does not stretch the scale.
    wild = np.tile(stddev, (10, 1))
    wild[0, 0] = 40.0
    found = uncertainty_map(wild, "grey levels")
    assert (found.top, found.open_end) == (5.0, True)


# ---------------------------------------------------------------- the page


def test_texts_are_texts_wherever_they_stand(contents):
    document = Document(as_html(contents))
    # The page's own script, and nothing that a text brought with it.
    assert len(document.all("script")) == 1
    assert all(image["src"].startswith("data:") for image in document.all("img") if "src" in image)
    for tag, attributes in document.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
    whole = [text for _, text in document.texts if text.strip() == EVIL]
    # Title and heading, command, notes, names, figures ...: all as given.
    assert len(whole) >= 18
    assert document.texts[0] == ("title", f"{EVIL} · GradSR")
    alternatives = [image["alt"] for image in document.all("img")]
    assert (
        f"{EVIL} of {EVIL}" in alternatives
        and f"Uncertainty of {EVIL}, from 0, dark, to 10, bright" in alternatives
    )


def test_the_page_needs_nothing_else_and_allows_nothing_else(contents):
    text = as_html(contents)
    document = Document(text)
    addresses = [
        value
        for _, attributes in document.tags
        for name, value in attributes.items()
        if name in ("src", "href")
    ]
    assert len(addresses) == 6 and all(address.startswith("data:") for address in addresses)
    style, script = (re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1] for tag in ("style", "script"))
    assert not re.search(r"url\(|@import|import\(|https?:|fetch\(", style + script)
    policy = next(
        m["content"] for m in document.all("meta") if m.get("http-equiv") == "Content-Security-Policy"
    )
    allowed = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert allowed["default-src"] == "'none'" and allowed["img-src"] == "data:"
    for name, part in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert allowed[name] == f"'sha256-{digest}'"


def test_everything_is_there_and_named(contents):
    document = Document(as_html(contents))
    texts = " ".join(text for _, text in document.texts)
    for said in (
        "sha256:0123456789abcdef",
        "they are not evidence of anybody's identity",
        "[1.0, 3.0]",
        "higher is better",
    ):
        assert said in texts
    ids = [attributes["id"] for _, attributes in document.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) == 5
    labelled = [
        attributes["aria-labelledby"] for _, attributes in document.tags if "aria-labelledby" in attributes
    ]
    assert set(labelled) == set(ids)
    assert document.all("html")[0]["lang"] == "en"
    assert all("alt" in image for image in document.all("img"))
    slider = next(each for each in document.all("input") if each["type"] == "range")
    assert slider["aria-label"] and (slider["min"], slider["max"], slider["value"]) == ("0", "100", "50")
    # One radio button for each picture, the first of each side chosen.
    radios = [each for each in document.all("input") if each["type"] == "radio"]
    assert [(each["name"], "checked" in each) for each in radios] == [("before-1", True), ("after-1", True)]
    assert as_html(contents) == as_html(contents)


def test_intervals_are_drawn_on_one_scale(contents):
    (measure,) = contents.tables[0].measures
    places = [place for _, place in measure.placed()]
    # From 1 to 5, which is 4 % to 96 % of the width: 23 % for each 1.
    assert places == [(4.0, 15.5, 50.0), (27.0, 73.0, 96.0), None]
    assert [place for _, place in replace(measure, cells=measure.cells[::2]).placed()] == [None, None]
    same = Cell("1", "[1, 1]", (1.0, 1.0, 1.0))
    assert replace(measure, cells=(same, same)).placed() == [(same, (50.0, 50.0, 50.0))] * 2


def test_the_first_faces_are_shown_and_the_others_counted(contents):
    many = replace(contents, faces=contents.faces * (FACES_SHOWN + 2), further=3)
    document = Document(as_html(many))
    classes = [attributes.get("class", "") for attributes in document.all("section")]
    assert sum(name.startswith("face ") for name in classes) == FACES_SHOWN
    said = f"Below are the first {FACES_SHOWN} of {FACES_SHOWN + 5} pictures."
    assert said in [text for _, text in document.texts]
    assert "Below are" not in as_html(contents)


def test_a_page_says_where_pictures_are_not_exact(contents, rng):
    (face,) = contents.faces
    large = Shown("large", embedded(noise(rng, 257, 256, 3)))
    said = "no side longer than 1280 pixels; the files of the results hold every pixel"
    assert said in as_html(replace(contents, faces=(replace(face, pictures=(*face.pictures, large)),)))
    assert said not in as_html(contents)


def test_only_an_earlier_report_is_replaced(contents, tmp_path):
    path = tmp_path / "report.html"
    write_report(path, contents)
    with pytest.raises(ConfigError, match=r"output: .*report\.html already exists; give --overwrite"):
        write_report(path, contents)
    # A name that is no text, as the system hands it on.
    write_report(path, replace(contents, title="face\udcff"), overwrite=True)
    assert "<h1>face\\udcff</h1>" in path.read_text(encoding="utf-8")
    path.write_text("<!doctype html><p>mine")
    with pytest.raises(
        ConfigError, match=r"overwrite: replaces only a report .*report\.html is something else"
    ):
        write_report(path, contents, overwrite=True)
    assert path.read_text() == "<!doctype html><p>mine"
