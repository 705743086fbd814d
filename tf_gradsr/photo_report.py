"""The report of `gradsr photo`: each photograph before and after, and each face of it, on one page."""

import shlex
from dataclasses import replace
from pathlib import Path

from tf_gradsr.faces.pasting import enlarged
from tf_gradsr.gallery.data_urls import embedded
from tf_gradsr.gallery.reading import over_white, read_picture
from tf_gradsr.gallery.report import FACES_SHOWN, REPORT_FILE, Contents, Shown, ShownFace, write_report
from tf_gradsr.home import at_home
from tf_gradsr.photo_folder import PhotoReport
from tf_gradsr.result_report import face_of_folder


class ReportedPhotos:
    """Collects the folders of photographs for the report.

    Args:
        hallucinator: the model. settings: the command line's.
    """

    def __init__(self, hallucinator, settings):
        self.hallucinator, self.settings = hallucinator, settings
        self.shown, self.further, self.count = [], 0, 0

    def add(self, file, folder: Path, report: PhotoReport) -> None:
        """Adds a photograph whose folder is complete; beyond `FACES_SHOWN`, only counts it."""
        self.count += 1
        made = [treated for treated in report.treated if treated.folder]
        room = FACES_SHOWN - len(self.shown)
        self.further += max(0, 1 + len(made) - room)
        if room <= 0:
            return
        self.shown.append(self._whole(file, folder, report))
        for treated in made[: room - 1]:
            face = face_of_folder(
                folder / treated.folder, treated.figures, self.hallucinator.scale, treated.legend
            )
            self.shown.append(replace(face, name=f"{file.name}, face {treated.number}"))

    def write(self, failed) -> Path:
        """Writes the page; returns its path.

        Args:
            failed: list of (file, reason) of those that have no folder.

        Raises:
            ConfigError: see `write_report`.
        """
        settings, identity = self.settings, self.hallucinator.identity
        how = [("enlarged", f"{settings.outscale} times"), ("consistency", settings.consistency)]
        if self.hallucinator.stochastic and settings.num_samples:
            how += [
                ("samples", str(settings.num_samples)),
                ("seed", str(settings.seed)),
                ("temperature", f"{settings.temperature:g}"),
            ]
        contents = Contents(
            command="photo",
            title="1 photograph" if self.count == 1 else f"{self.count} photographs",
            typed=shlex.join(["gradsr", "photo", *settings.typed]),
            settings=(*how, ("tf_gradsr", identity["version"])),
            weights=((identity["model"], identity["weights"]),),
            faces=tuple(self.shown),
            further=self.further,
            notes=tuple(f"Left out: {file}: {reason}" for file, reason in failed),
        )
        path = at_home(settings.output) / REPORT_FILE
        write_report(path, contents, settings.overwrite)
        return path

    def _whole(self, file, folder, report):
        plain = enlarged(over_white(read_picture(file)).rgb, report.outscale)
        width, height = report.size
        mean, largest = report.difference
        return ShownFace(
            name=file.name,
            pictures=(
                Shown("enlarged", embedded(plain), before=True),
                Shown("z = 0", embedded(folder / "photo.png")),
                *(
                    Shown(path.stem.removeprefix("photo_").replace("_", " "), embedded(path))
                    for path in sorted(folder.glob("photo_sample_*.png"))
                ),
            ),
            figures=(
                ("size", f"{width}×{height} → {width * report.outscale}×{height * report.outscale}"),
                ("reduced again", f"differs by {mean:.2f} grey levels, at most {largest}"),
            ),
            notes=(
                *report.faces_said(),
                *report.notes,
            ),
        )
