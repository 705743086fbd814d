"""Bundles the page's scripts: npm fetches what package-lock.json names, esbuild makes one file per script."""

import subprocess
from pathlib import Path

# In a checkout, next to the package; `gradsr web build` needs one.
SOURCES = Path(__file__).parent.parent.parent / "export" / "web"
PACKAGES = SOURCES / "node_modules"
# LiteRT.js's variants that the page may load: plain, for browsers without relaxed SIMD, with threads.
VARIANTS = ("litert_wasm_internal", "litert_wasm_compat_internal", "litert_wasm_threaded_internal")


class BundlingError(RuntimeError):
    """npm or the bundler failed."""


def install() -> None:
    """Fetches the packages into `node_modules`, unless the locked ones are there.

    Raises:
        BundlingError: npm failed; the message is its last lines.
    """
    # npm's own record of what it has installed.
    done = PACKAGES / ".package-lock.json"
    if done.is_file() and done.stat().st_mtime >= (SOURCES / "package-lock.json").stat().st_mtime:
        return
    # No package may run a program of its own during installation.
    _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund")


def bundle(folder) -> None:
    """Writes `page.js` and `worker.js`.

    Raises:
        BundlingError: the bundler failed; the message is its last lines.
    """
    _npm("run", "--silent", "bundle", "--", f"--outdir={folder}")


def wasm_files() -> list:
    """Paths of LiteRT.js's scripts and WebAssembly, of which the page loads one variant."""
    folder = PACKAGES / "@litertjs" / "core" / "wasm"
    return [folder / f"{variant}.{ending}" for variant in VARIANTS for ending in ("js", "wasm")]


def _npm(*arguments):
    result = subprocess.run(["npm", *arguments], cwd=SOURCES, capture_output=True, text=True)
    if result.returncode:
        words = [line for line in result.stderr.splitlines() if "npm warn" not in line.lower()]
        raise BundlingError(f"npm {arguments[0]}: {' '.join(words[-8:]) or result.stdout[-500:]}")
