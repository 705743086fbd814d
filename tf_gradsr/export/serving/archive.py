"""Makes a checked SavedModel from a run folder."""

from pathlib import Path

from tf_gradsr.export.keras_archive import write_saved_model
from tf_gradsr.export.model_card import CARD_FILE, model_card, write_model_card
from tf_gradsr.export.serving.graph import ServingGraph
from tf_gradsr.export.serving.input_checks import Limits
from tf_gradsr.export.serving.verification import verify
from tf_gradsr.export.serving.version_folder import SAVED_MODEL
from tf_gradsr.export.serving.warmup import WARMUP_FILE, warmup_inputs, write_warmup
from tf_gradsr.files import claim_output
from tf_gradsr.inference import Hallucinator
from tf_gradsr.run_folder import RunFolder


def export(
    run: RunFolder,
    folder: Path,
    consistency: str,
    limits: Limits,
    progress=lambda words: None,
    overwrite: bool = False,
    trust: bool = False,
) -> dict:
    """Writes the SavedModel of a run with its warm-up requests and model card; all of it or nothing.

    Args:
        run: a trained run.
        folder: the version's, as from `check_version_folder`.
        consistency: "exact" or "none". limits: what a request may ask for.
        progress: called with a few words about what is being done.
        overwrite: whether an existing SavedModel may be replaced.
        trust: whether code that the run's config names may be run.

    Returns:
        As `verify`.

    Raises:
        ConfigError: the run's weights cannot be used, or the folder cannot be written.
        WrongExport: what was written does not agree with the Python model.
    """
    with claim_output(folder, overwrite, SAVED_MODEL) as partial:
        progress("loading the weights")
        hallucinator = Hallucinator.load(run.path, trust=trust)
        signatures = ServingGraph(hallucinator, consistency, limits).signatures()
        progress("writing the SavedModel")
        write_saved_model(partial, hallucinator.generator, signatures)
        requests = warmup_inputs(
            [*signatures, "serving_default"], hallucinator.config.lr_shape, hallucinator.z_size
        )
        write_warmup(partial / WARMUP_FILE, folder.parent.name, requests)
        progress("loading it again, comparing its answers")
        differences = verify(partial, hallucinator, consistency)
        card = model_card(run, hallucinator, consistency, limits, signatures, differences)
        write_model_card(partial / CARD_FILE, card)
    return differences
