"""The face of a photograph as HR, from which `gradsr hallucinate --downscale` makes LR."""

from dataclasses import replace
from typing import Optional

from tf_gradsr.errors import ConfigError
from tf_gradsr.faces.finding import align, find_faces
from tf_gradsr.faces.points_by_hand import face_by_hand
from tf_gradsr.gallery.reading import Picture, over_white


class AlignedInput:
    """Cuts the largest face out of a photograph, as the training faces are cut.

    Call: `Picture` of any size -> `Picture`, `[side, side, 3]`, with a note; or the picture as it was, with a
    note that says why, so that its centre is used. A picture of exactly that size counts as aligned already,
    a smaller one not as a photograph.

    Args:
        side: int, of HR.
        how: "auto", "none" (never) or "points".
        points: eyes and perhaps the mouth, see `face_by_hand`, for "points".
        detector: see `find_faces`.
    """

    def __init__(self, side: int, how: str = "auto", points: Optional[list] = None, detector=None):
        self.side, self.how, self.points, self.detector = side, how, points, detector

    def __call__(self, picture: Picture) -> Picture:
        if self.how == "none":
            return picture
        height, width = picture.rgb.shape[:2]
        if self.how == "points":
            return self._cut(picture, face_by_hand(self.points, picture.rgb), "the face at the given points")
        if (height, width) == (self.side, self.side) or max(height, width) < self.side:
            return picture
        try:
            faces = find_faces(over_white(picture).rgb, detector=self.detector)
        except ConfigError as error:
            # Without the extra, everything else works.
            return _with_note(picture, f"its centre is used, since faces are not searched for: {error}")
        if not faces:
            return _with_note(picture, "no face was found, so its centre is used; --eyes says where one is")
        which = "its face" if len(faces) == 1 else f"the largest of its {len(faces)} faces"
        return self._cut(picture, faces[0], which)

    def _cut(self, picture, face, which):
        enlarged = ", enlarged" if face.size < self.side else ""
        profile = ", a profile: the result is less reliable" if face.profile else ""
        note = f"{which} is cut out ({face.size:.0f} pixels{enlarged}{profile})"
        whole = over_white(picture)
        return _with_note(replace(whole, rgb=align(whole.rgb, face, self.side)), note)


def _with_note(picture, note):
    return replace(picture, notes=(*picture.notes, note))
