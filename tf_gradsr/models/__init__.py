"""The networks of GradSR."""

from tf_gradsr.models.critics import build_critics
from tf_gradsr.models.discriminator import Discriminator
from tf_gradsr.models.generator import Generator, build_gradsr_generator
from tf_gradsr.models.gradsr import GradSR
from tf_gradsr.models.super_resolver import SuperResolver

__all__ = ["Discriminator", "Generator", "GradSR", "SuperResolver", "build_critics", "build_gradsr_generator"]
