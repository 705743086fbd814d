"""One photograph's folder: its faces hallucinated, the whole photograph enlarged with them in it."""

import json
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Optional

import numpy as np
from PIL import Image

from tf_gradsr import ops
from tf_gradsr.faces import Face, align, find_faces
from tf_gradsr.faces.pasting import LOSSY, TRUSTED, difference, enlarged, memory_needed, paste
from tf_gradsr.faces.similarity import CORNERS, apply_matrix
from tf_gradsr.gallery.face_preview import face_preview
from tf_gradsr.gallery.input_figures import InputFigures
from tf_gradsr.gallery.photo_metadata import PhotoMetadata, read_metadata
from tf_gradsr.gallery.reading import Picture, over_white, read_picture
from tf_gradsr.gallery.writing import INTENDED_USE, PHOTO_RECORD, save_png
from tf_gradsr.lr_input import TooLarge
from tf_gradsr.memory import available_memory
from tf_gradsr.result_folder import ResultFolders

SOFTWARE = "tf_gradsr.photo"
# Side of a face's frame, in pixels, up to which the hallucinated face is nearer to the truth
# than the enlarged one: see benchmarks/face_sizes.py.
SHARP = 48


@dataclass(frozen=True)
class PhotoRequest:
    """What is to be made of a photograph."""

    outscale: int = 4
    """How many times larger the whole photograph becomes."""
    faces: str = "all"
    """"all", "largest", or numbers such as "1,3", of the faces by size, from 1."""
    num_samples: int = 4
    seed: int = 0
    temperature: float = 1.0
    consistency: str = "exact"
    z_per_face: bool = False
    """Whether each face has noise of its own; otherwise sample i of every face has the same z."""
    downscale: bool = False
    """Whether faces that are sharp already are downscaled first, as an experiment."""
    min_size: float = 16
    """Least side of a face's frame in pixels of the photograph."""
    keep_gps: bool = False
    tile: int = 256
    """Longer side of the small pictures on sheets."""


@dataclass
class Treated:
    """A face of the photograph and what was done with it."""

    number: int
    face: Face
    done: str
    """In words."""
    folder: Optional[str] = None
    """Where its results are, if it was hallucinated."""
    made_small: bool = False
    """Whether it was downscaled first, as an experiment."""
    figures: Optional[InputFigures] = None
    """Of its results, if it was hallucinated."""
    legend: str = ""
    """What the numbers of its uncertainty map count."""


@dataclass
class PhotoReport:
    """What is said about one photograph when its folder is complete."""

    size: tuple
    """(width, height) of the photograph."""
    outscale: int
    treated: list = field(default_factory=list)
    difference: tuple = (0.0, 0)
    """Mean and largest, of the enlarged photograph, reduced again, from the photograph, in grey levels."""
    notes: tuple = ()

    def __str__(self):
        width, height = self.size
        said = [f"{width}x{height} -> {width * self.outscale}x{height * self.outscale}"]
        said.append(
            f"reduced again, it differs by {self.difference[0]:.2f} grey levels, at most {self.difference[1]}"
        )
        return "; ".join([*said, *self.notes])

    def faces_said(self) -> list:
        """What was done with the faces: a line for each, or for several in a row that were treated alike."""
        lines = []
        for done, group in groupby(self.treated, key=lambda treated: treated.done):
            first, *others = group
            if others:
                last = others[-1]
                sizes = f"{first.face.size:.0f} to {last.face.size:.0f} pixels"
                lines.append(f"faces {first.number} to {last.number}, {sizes}: {done}")
            else:
                lines.append(f"face {first.number}, {first.face.size:.0f} pixels: {done}")
        return lines


def chosen_faces(faces: str, count: int) -> set:
    """The numbers that `PhotoRequest.faces` means, of `count` faces.

    Raises:
        ValueError: a number that no face has.
    """
    if faces == "all":
        return set(range(1, count + 1))
    if faces == "largest":
        return {1} if count else set()
    numbers = {int(number) for number in faces.split(",")}
    if numbers and not count:
        raise ValueError(f"faces: no face was found, so none has a number. Received: {faces}")
    if numbers and max(numbers) > count:
        raise ValueError(
            f"faces: of this photograph's {count}, numbered from the largest one. Received: {faces}"
        )
    return numbers


class PhotoFolders:
    """Makes the folder of one photograph after another.

    Args:
        hallucinator: a `Hallucinator` of square LR pictures.
        request: what is wanted.
        progress: called with a few words about what is being made.
        detector: see `find_faces`.
    """

    def __init__(self, hallucinator, request: PhotoRequest, progress=lambda words: None, detector=None):
        self.hallucinator, self.request, self.progress = hallucinator, request, progress
        self.detector = detector
        self.stochastic = hallucinator.stochastic and request.num_samples > 0

    def make(self, file, folder) -> PhotoReport:
        """Makes all results of a photograph in an existing folder.

        Raises:
            one of `tf_gradsr.lr_input.FAILURES`, or ValueError: a face that is asked for is not there.
        """
        picture = over_white(read_picture(file))
        photograph, folder = picture.rgb, Path(folder)
        self._check_size(photograph)
        metadata = read_metadata(file, picture.icc_profile, self.request.keep_gps)
        self.progress("finding faces")
        faces = find_faces(photograph, self.request.min_size, detector=self.detector)
        chosen = chosen_faces(self.request.faces, len(faces))
        height, width = photograph.shape[:2]
        report = PhotoReport((width, height), self.request.outscale, notes=(*picture.notes, *metadata.notes))
        if not faces:
            report.notes += ("no face was found, so it is enlarged and nothing else",)
        for number, face in enumerate(faces, start=1):
            report.treated.append(
                self._treat(folder, picture, number, face)
                if number in chosen
                else Treated(number, face, "not chosen, enlarged only")
            )
        if faces:
            outlines = [apply_matrix(face.matrix, CORNERS) for face in faces]
            save_png(folder / "faces.png", face_preview(photograph, outlines, chosen))
        report.difference = self._save_photographs(folder, photograph, metadata, report.treated)
        self._save_record(folder, file, report)
        return report

    def _treat(self, folder, picture, number, face):
        """Hallucinates a face, unless it is sharp already."""
        if face.size > SHARP and not self.request.downscale:
            return Treated(number, face, "sharp already, enlarged only")
        self.progress(f"face {number}")
        scale, side = self.hallucinator.scale, self.hallucinator.config.lr_shape[0]
        truth, made_small = None, face.size > SHARP
        if made_small:
            truth = align(picture.rgb, face, side * scale)
            method = self.hallucinator.config.data.downscale
            lr = ops.to_uint8(ops.downscale(ops.to_float(truth[np.newaxis]), scale, method))[0].numpy()
            truth = Picture(truth, icc_profile=picture.icc_profile)
        else:
            lr = align(picture.rgb, face, side)
        name = f"face_{number}"
        (folder / name).mkdir()
        results = ResultFolders(self.hallucinator, self._settings(number), self.progress)
        report = results.fill(folder / name, name, Picture(lr, icc_profile=picture.icc_profile), truth)
        figures = ", ".join(" ".join(figure) for figure in report.figures())
        kind = "made small, then hallucinated" if made_small else "hallucinated"
        profile = ", a profile: the result is less reliable" if face.profile else ""
        return Treated(
            number, face, f"{kind}{profile} ({figures})", name, made_small, report, results.legend()
        )

    def _settings(self, number):
        """What `ResultFolders` takes of a command line's settings."""
        request = self.request
        return SimpleNamespace(
            num_samples=request.num_samples,
            seed=self._seed(number),
            temperature=request.temperature,
            consistency=request.consistency,
            tile=request.tile,
            downscale=False,
            interpolate=0,
            interpolate_format="webp",
        )

    def _seed(self, number):
        return (self.request.seed + (number - 1 if self.request.z_per_face else 0)) % 2**31

    def _save_photographs(self, folder, photograph, metadata: PhotoMetadata, treated):
        """Writes the photograph for z = 0 and for each sample; returns the first one's `difference`."""
        request = self.request
        about = {"Software": SOFTWARE, **self.hallucinator.identity, "consistency": request.consistency}
        about["Disclaimer"] = INTENDED_USE
        wanted = [("photo", "reconstruction", {})]
        if self.stochastic and any(t.folder for t in treated):
            noise = {"seed": str(request.seed), "temperature": repr(float(request.temperature))}
            noise["z_per_face"] = str(request.z_per_face).lower()
            wanted += [
                (f"photo_sample_{i:02d}", f"sample_{i:02d}", {**noise, "z_index": str(i)})
                for i in range(request.num_samples)
            ]
        base, found = enlarged(photograph, request.outscale), None
        for name, of_the_face, noise in wanted:
            self.progress(name)
            canvas = base.copy()
            for t in treated:
                if t.folder:
                    face = np.asarray(Image.open(folder / t.folder / f"{of_the_face}.png").convert("RGB"))
                    back = None if t.made_small else photograph
                    shares = LOSSY if self.hallucinator.clean_lr else TRUSTED
                    paste(canvas, face, t.face.matrix, request.outscale, back, shares)
            metadata.save(folder / f"{name}.png", canvas, {**about, **noise})
            found = found or difference(canvas, photograph)
        return found

    def _save_record(self, folder, file, report):
        record = {
            "photo": Path(file).name,
            "photo_size": report.size,
            "settings": asdict(self.request),
            **self.hallucinator.identity,
            "difference": {"mean": round(report.difference[0], 3), "largest": report.difference[1]},
            "faces": [
                {"number": t.number, "done": t.done, "folder": t.folder, **t.face.as_json()}
                for t in report.treated
            ],
            "notes": report.notes,
            "intended_use": INTENDED_USE,
        }
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
        # Bytes of the file's name that are not UTF-8 become JSON's own escapes.
        (folder / PHOTO_RECORD).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")

    def _check_size(self, photograph):
        """Refuses what would fill the memory, before the system kills the process half-way."""
        outscale = self.request.outscale
        height, width = (side * outscale for side in photograph.shape[:2])
        needed = memory_needed(photograph.shape, outscale, SHARP)
        available = available_memory()
        if needed > available:
            raise TooLarge(
                f"outscale: a photograph of {width}x{height} needs {needed / 1e9:.1f} GB of memory, but "
                f"{available / 1e9:.1f} GB are free; take a smaller one. Received: {outscale}"
            )
