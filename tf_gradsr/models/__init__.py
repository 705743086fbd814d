"""The networks of GradSR."""

from tf_gradsr.models.critics import build_critics
from tf_gradsr.models.discriminator import Discriminator
from tf_gradsr.models.generator import Generator
from tf_gradsr.models.gradsr import GradSR, build_generator
from tf_gradsr.models.super_resolver import SuperResolver

__all__ = ["Discriminator", "Generator", "GradSR", "SuperResolver", "build_critics", "build_generator"]
