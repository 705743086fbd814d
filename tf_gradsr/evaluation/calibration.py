"""Records in a run what an evaluation found out about its samples, for those who use them later."""

from typing import Optional

from tf_gradsr.evaluation.columns import Z_RANDOM
from tf_gradsr.run_folder import RunFolder

# Columns that say how far the spread of samples can be trusted.
FIGURES = ("spread_error", "gain_of_mean", "crps")


def calibration_of(row, results, evaluation) -> Optional[dict]:
    """Turns a row of samples into the entry "calibration" of its run's summary.json.

    Args:
        row: `Row`. results: the `Results` that it is from. evaluation: the `Evaluation`.

    Returns:
        Dict of the figures (means, None where there is none), what they hold for (`weights`, `temperature`,
        `consistency`), `num_samples`, and `measured_on`, in words; None for a row that is not of samples, or
        whose samples are all the same.
    """
    ratio = row.figures["spread_error"]
    if row.z != Z_RANDOM or not ratio or not ratio.mean:
        return None
    return {
        **{name: row.figures[name] and row.figures[name].mean for name in FIGURES},
        "weights": row.identity["weights"],
        "temperature": row.temperature,
        "consistency": row.consistency,
        "num_samples": evaluation.num_samples,
        "measured_on": results.described(evaluation.split),
    }


def record_calibration(results, evaluation) -> list:
    """Writes each run's calibration into its summary.json, beside the other entries.

    If a run has several rows of samples, the first one counts: the first consistency and temperature given.

    Returns:
        Paths of the files written; models with one answer have no calibration.

    Raises:
        ConfigError: a summary.json cannot be read or written.
    """
    written = []
    for run in evaluation.runs:
        rows = (row for row in results.rows if row.model == run.name)
        calibrations = (calibration_of(row, results, evaluation) for row in rows)
        if calibration := next(filter(None, calibrations), None):
            folder = RunFolder(run.path)
            folder.record_calibration(calibration)
            written.append(folder.summary)
    return written
