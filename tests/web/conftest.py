"""The page in Chromium, and its modules in Node.js; a test's module says by `url` where the page is."""

import json
import re
import shutil
import subprocess

import pytest
from web_page import wait_for_samples

from tf_gradsr.web import bundling


@pytest.fixture(scope="module")
def plain_context(browser):
    """Shared by pages that need no settings of their own: what one has loaded, the next need not load."""
    return browser.new_context()


@pytest.fixture
def open_page(browser, plain_context, url):
    """Opens the page in a browser with these settings; with `ready=False` without waiting for samples.

    In the end, no other server must have been asked for anything, and the console must have no errors except
    `page.expected`, a regular expression.
    """
    contexts, pages = [], []

    def open_one(at=None, ready=True, prepare=lambda page: None, expected=None, **settings):
        if settings:
            contexts.append(browser.new_context(**settings))
        page = (contexts[-1] if settings else plain_context).new_page()
        page.expected, page.problems, page.requests = expected, [], []
        page.on("console", lambda line: line.type == "error" and page.problems.append(line.text))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("request", lambda request: page.requests.append(request.url))
        pages.append((page, at or url))
        prepare(page)
        page.goto(at or url)
        if ready:
            wait_for_samples(page)
        return page

    yield open_one
    for page, at in pages:
        origin = at.split("/some")[0]
        assert all(request.startswith((origin, "blob:")) for request in page.requests), page.requests
        assert [p for p in page.problems if not page.expected or not re.search(page.expected, p)] == []
        page.close()
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def javascript():
    """Runs an expression over the page's modules in Node.js."""
    if not shutil.which("node"):
        pytest.skip("no Node.js on the PATH")
    sources = bundling.SOURCES / "src"
    names = (
        *("pixels", "noise", "latent", "spread", "scaling", "resampling", "similarity", "frame", "mtcnn"),
        *("png", "shown"),
    )

    def run(expression, given):
        imports = "".join(f"import * as {name} from '{(sources / name).as_uri()}.js';" for name in names)
        read = "const given = JSON.parse(fs.readFileSync(0));"
        code = f"import fs from 'fs'; {imports} {read} console.log(JSON.stringify({expression}))"
        result = subprocess.run(
            ["node", "--input-type=module", "--eval", code],
            input=json.dumps(given),
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run
