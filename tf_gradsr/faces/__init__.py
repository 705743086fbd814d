"""Faces: found in photographs and cut out as the training faces are, or made, to train on.

Finding needs the extra [photos]; placing faces by points, and cutting, does not.
"""

from tf_gradsr.faces.finding import align, find_faces
from tf_gradsr.faces.found_face import Face, face_from_points

__all__ = ["Face", "align", "face_from_points", "find_faces"]
