"""Makes a checked LiteRT file from a run folder, with its description beside it."""

from importlib.metadata import version
from pathlib import Path

from tf_gradsr.export.lite.conversion import converted
from tf_gradsr.export.lite.graph import LiteGraph
from tf_gradsr.export.lite.operators import left_to_cpu, operations
from tf_gradsr.export.lite.paths import description_path
from tf_gradsr.export.lite.sample_pictures import calibration_pictures, comparison_pictures
from tf_gradsr.export.lite.verification import verify
from tf_gradsr.export.model_card import model_facts, signature_texts
from tf_gradsr.files import claim_output, json_text, prepare_folder, unwritable
from tf_gradsr.inference import Hallucinator
from tf_gradsr.run_folder import RunFolder
from tf_gradsr.sampling import noise_vector


def export(
    run: RunFolder,
    path: Path,
    quantize: str = "none",
    lr_shape=None,
    consistency: str = "exact",
    representative_path=None,
    representative_pictures: int = 100,
    progress=lambda words: None,
    overwrite: bool = False,
    trust: bool = False,
) -> dict:
    """Writes the LiteRT file of a run and its description, `description_path`; both or neither.

    Args:
        run: a trained run.
        path: of the file.
        quantize: "none", "float16", "dynamic" or "int8".
        lr_shape: (height, width) of the LR pictures; None: those that the run was trained with.
        consistency: "exact" or "none".
        representative_path: for int8: where the run's pictures are, if not where its config says.
        representative_pictures: for int8: how many of them to calibrate with.
        progress: called with a few words about what is being done.
        overwrite: whether existing files may be replaced.
        trust: whether code that the run's config names may be run.

    Returns:
        The description.

    Raises:
        ConfigError: the run's weights or pictures cannot be used, or the file cannot be written.
        WrongFile: what was converted does not agree with the Python model, or a phone lacks its operations.
    """
    prepare_folder(path.parent)
    progress("loading the weights")
    hallucinator = Hallucinator.load(run.path, trust=trust)
    config = hallucinator.config
    lr_shape = tuple(lr_shape or config.lr_shape)
    signatures = LiteGraph(hallucinator, consistency, lr_shape).signatures()
    representative, pictures = None, None
    if quantize == "int8":
        progress("reading the run's pictures")
        training, pictures = calibration_pictures(
            config, lr_shape, representative_path, representative_pictures
        )
        representative = representative_inputs(signatures, training, hallucinator.z_size)
    else:
        pictures = comparison_pictures(config, lr_shape)
    progress("converting")
    model = converted(hallucinator.generator, signatures, quantize, representative)
    progress(f"comparing its answers to {len(pictures)} pictures")
    differences = verify(model, hallucinator, consistency, quantize, pictures)
    description = {
        **model_facts(run, hallucinator, consistency),
        **describe(model, signatures, lr_shape, hallucinator, quantize),
        "differences_to_python_in_grey_levels": differences,
    }
    description["versions"]["ai-edge-litert"] = version("ai-edge-litert")
    _write(path, model, description, overwrite)
    return description


def describe(model: bytes, signatures: dict, lr_shape, hallucinator: Hallucinator, quantize: str) -> dict:
    """What a program that loads the file must know, ready for JSON."""
    height, width = (side * hallucinator.scale for side in lr_shape)
    channels = hallucinator.config.model.gradient_channels
    return {
        "quantize": quantize,
        "lr_shape": list(lr_shape),
        "signatures": signature_texts(signatures),
        "outputs": {
            "image": f"uint8 [1, {height}, {width}, 3]",
            "gradient": f"float32 [1, {height}, {width}, {channels}]",
        },
        "ranges": {
            "lr": "0 to 255, RGB",
            "z": "normal, mean 0, standard deviation 1; 0 gives the reconstruction",
            "image": "0 to 255, RGB",
            "gradient": ">= 0, of the picture in [-1, 1]",
        },
        "bytes": len(model),
        "operations": sorted(operations(model)),
        "operations_that_gpus_leave_to_the_cpu": sorted(left_to_cpu(model)),
    }


def representative_inputs(signatures: dict, lr, z_size: int):
    """Returns the calibration inputs of int8: every picture, with its own z if the signature takes one.

    Args:
        signatures: names. lr: uint8 `[N, h, w, 3]`. z_size: m.

    Returns:
        Function without arguments that yields (signature, {input: NumPy array}).
    """

    def inputs():
        for signature in signatures:
            for i in range(len(lr)):
                one = {"lr": lr[i : i + 1]}
                if signature == "hallucinate":
                    one["z"] = noise_vector([0, i], z_size).numpy()[None]
                yield signature, one

    return inputs


def _write(path, model, description, overwrite):
    beside = description_path(path)
    try:
        with claim_output(path, overwrite) as file, claim_output(beside, overwrite) as text:
            file.write_bytes(model)
            text.write_text(json_text(description, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise unwritable(path, error) from error
