"""The networks of GradSR."""

from tf_gradsr.models.discriminator import Discriminator
from tf_gradsr.models.generator import Generator
from tf_gradsr.models.gradsr import GradSR, build_discriminators, build_generator

__all__ = ["Discriminator", "Generator", "GradSR", "build_discriminators", "build_generator"]
