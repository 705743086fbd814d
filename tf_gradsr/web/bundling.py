"""The page's scripts: npm fetches what package-lock.json names, esbuild makes one file of each script."""

import subprocess
from pathlib import Path

# In a checkout beside the package; `gradsr web build` needs one.
SOURCES = Path(__file__).parent.parent.parent / "export" / "web"
PACKAGES = SOURCES / "node_modules"
# LiteRT.js's variants that the page asks for: plain, for browsers without relaxed SIMD, with threads.
VARIANTS = ("litert_wasm_internal", "litert_wasm_compat_internal", "litert_wasm_threaded_internal")


class BundlingError(RuntimeError):
    """npm or the bundler failed."""


def install() -> None:
    """Fetches the packages into `node_modules`, unless the locked ones are there.

    Raises:
        BundlingError: npm failed; its last words.
    """
    # npm's own note of what it has installed.
    done = PACKAGES / ".package-lock.json"
    if done.is_file() and done.stat().st_mtime >= (SOURCES / "package-lock.json").stat().st_mtime:
        return
    # No package runs a program of its own at installation.
    _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund")


def bundle(folder) -> None:
    """Writes `page.js` and `worker.js`.

    Raises:
        BundlingError: the bundler failed; its last words.
    """
    _npm("run", "--silent", "bundle", "--", f"--outdir={folder}")


def wasm_files() -> list:
    """Paths of LiteRT.js's scripts and WebAssembly, which the page loads one variant of."""
    folder = PACKAGES / "@litertjs" / "core" / "wasm"
    return [folder / f"{variant}.{ending}" for variant in VARIANTS for ending in ("js", "wasm")]


def _npm(*arguments):
    result = subprocess.run(["npm", *arguments], cwd=SOURCES, capture_output=True, text=True)
    if result.returncode:
        words = [line for line in result.stderr.splitlines() if "npm warn" not in line.lower()]
        raise BundlingError(f"npm {arguments[0]}: {' '.join(words[-8:]) or result.stdout[-500:]}")
