"""Hypothesis on what reads strangers' bytes: a few examples here, 100,000 by `make fuzz` (FUZZ_EXAMPLES)."""

import functools
import os

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, picture_files
from tf_gradsr.config import Config

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
# Each target fails itself: on any exception but its own, on answers of another type.
several = settings(
    max_examples=EXAMPLES,
    # Hangs are what `tests.fuzz.guided` ends; here the first example builds the target.
    deadline=None,
    database=None,
    # The same ones each time, or all of those asked for.
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


@functools.cache
def target(name):
    return TARGETS[name]()[0]


@st.composite
def damaged(draw, files):
    """A file with a few bytes changed, cut off, with a part left out or twice, or with more behind it."""
    data = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    first, last = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
    kind = draw(st.sampled_from(["whole", "cut", "gap", "twice", "longer"]))
    changed = {
        "whole": data,
        "cut": data[:last],
        "gap": data[:first] + data[last:],
        "twice": data[:last] + data[first:],
        "longer": data + draw(st.binary(max_size=40)),
    }
    return bytes(changed[kind])


@several
@given(damaged(picture_files()))
def test_pictures(data):
    target("pictures")(data)


@several
@given(damaged(picture_files(["PNG", "JPEG"])))
def test_the_serving_graphs_decoder(data):
    target("serving")(data)


number = st.one_of(st.integers(), st.floats(), st.text(max_size=4)).map(str)
place = st.lists(number, min_size=1, max_size=5).map(",".join)


@several
@given(st.one_of(place, st.tuples(place, place).map(" ".join), st.text()))
def test_face_points(text):
    target("points")(text.encode("utf-8", "surrogatepass"))


leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("a:b"))
value = st.recursive(
    leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
known = {name: list(section) for name, section in Config().as_dict().items()}
section = st.sampled_from(sorted(known)).flatmap(
    lambda name: st.tuples(
        st.just(name),
        st.one_of(value, st.dictionaries(st.sampled_from(known[name]), value, min_size=1, max_size=3)),
    )
)
document = st.one_of(st.lists(section, max_size=3).map(dict), value).map(
    lambda content: yaml.safe_dump(content).encode()
)


@several
@given(st.one_of(document, st.binary(max_size=80)))
def test_config(data):
    target("config")(data)
