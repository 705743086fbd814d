"""The report of `hallucinate`: what is in the folders of results, on one page."""

import shlex
from pathlib import Path

import numpy as np

from tf_gradsr import metrics, ops
from tf_gradsr.gallery.data_urls import embedded
from tf_gradsr.gallery.input_figures import InputFigures
from tf_gradsr.gallery.reading import read_picture
from tf_gradsr.gallery.report import (
    FACES_SHOWN,
    REPORT_FILE,
    Contents,
    Shown,
    ShownFace,
    uncertainty_map,
    write_report,
)
from tf_gradsr.result_folder import SAMPLES_SHOWN


class ReportedFolders:
    """Collects the folders of results of one command for its report, if it has one.

    Args:
        hallucinator: the model. settings: the command line's.
    """

    def __init__(self, hallucinator, settings):
        self.hallucinator, self.settings = hallucinator, settings
        self.faces, self.count = [], 0

    def add(self, name: str, report: InputFigures, legend: str) -> None:
        """Adds a folder that is complete; beyond `FACES_SHOWN`, only counts it.

        Args:
            name: of the folder. report: what `ResultFolders.make` said about it.
            legend: what the numbers of its uncertainty map count.
        """
        self.count += 1
        if self.settings.report and len(self.faces) < FACES_SHOWN:
            folder = Path(self.settings.output) / name
            self.faces.append(face_of_folder(folder, report, self.hallucinator.scale, legend))

    def write(self, failed) -> Path:
        """Writes the page; returns its path.

        Args:
            failed: list of (file, reason) of those that have no folder.

        Raises:
            ConfigError: see `write_report`.
        """
        path = Path(self.settings.output) / REPORT_FILE
        write_report(path, self._contents(failed), self.settings.overwrite)
        return path

    def _contents(self, failed):
        settings, identity = self.settings, self.hallucinator.identity
        title = "1 small picture" if self.count == 1 else f"{self.count} small pictures"
        how = [("consistency", settings.consistency)]
        if self.hallucinator.stochastic and settings.num_samples:
            title += f", {settings.num_samples} plausible large ones of {'it' if self.count == 1 else 'each'}"
            how += [
                ("samples", str(settings.num_samples)),
                ("seed", str(settings.seed)),
                ("temperature", f"{settings.temperature:g}"),
            ]
        else:
            title += ", enlarged"
        if settings.downscale:
            config = self.hallucinator.config
            how.append(("LR made by", f"{config.data.downscale}, {config.model.scale} times smaller"))
        return Contents(
            command="hallucinate",
            title=title,
            typed=shlex.join(["gradsr", "hallucinate", *settings.typed]),
            settings=(*how, ("tf_gradsr", identity["version"])),
            weights=((identity["model"], identity["weights"]),),
            faces=tuple(self.faces),
            further=self.count - len(self.faces),
            notes=tuple(f"Left out: {file}: {reason}" for file, reason in failed),
        )


def face_of_folder(folder: Path, report: InputFigures, scale: int, legend: str) -> ShownFace:
    """What a page shows of a folder of results.

    Args:
        folder: complete. report: what `ResultFolders.make` said about it. scale: of the model.
        legend: what the numbers of its uncertainty map count.
    """
    lr = read_picture(folder / "lr.png").rgb
    bicubic = metrics.bicubic(ops.to_float(lr[np.newaxis]), scale)[0].numpy()
    height, width = lr.shape[:2]
    samples = sorted(folder.glob("sample_*.png"), key=lambda path: int(path.stem.partition("_")[2]))
    others = (("mean of samples", folder / "mean.png"), ("truth", folder / "truth.png"))
    notes = report.notes
    if len(samples) > SAMPLES_SHOWN:
        notes = (*notes, f"the first {SAMPLES_SHOWN} of {len(samples)} samples are shown")
    return ShownFace(
        name=folder.name,
        pictures=(
            Shown(f"LR {width}×{height}", embedded(folder / "lr.png"), before=True, in_pixels=True),
            Shown("bicubic", embedded(bicubic), before=True),
            Shown("z = 0", embedded(folder / "reconstruction.png")),
            *(Shown(path.stem.replace("_", " "), embedded(path)) for path in samples[:SAMPLES_SHOWN]),
            *(Shown(title, embedded(path)) for title, path in others if path.exists()),
        ),
        figures=(("size", report.sizes.replace("->", "→").replace("x", "×")), *report.figures()),
        uncertainty=None if report.uncertainty is None else uncertainty_map(report.uncertainty, legend),
        notes=notes,
    )
