"""SRGAN (Ledig et al. 2017) and ESRGAN (Wang et al. 2018), trained and measured in the same way as GradSR."""

from tf_gradsr.baselines.baseline import PictureDiscriminator
from tf_gradsr.baselines.esrgan import ESRGAN, RRDBNet, build_rrdbnet
from tf_gradsr.baselines.srgan import SRGAN, SRResNet, build_srresnet

__all__ = [
    "ESRGAN",
    "SRGAN",
    "PictureDiscriminator",
    "RRDBNet",
    "SRResNet",
    "build_rrdbnet",
    "build_srresnet",
]
