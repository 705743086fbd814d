"""What an evaluation says about a run's samples, for those who use them later: from the table to the run."""

from typing import Optional

from tf_gradsr.evaluation.columns import Z_RANDOM
from tf_gradsr.run_folder import RunFolder

# Columns that tell how far the spread of samples can be trusted.
FIGURES = ("spread_error", "gain_of_mean", "crps")


def calibration_of(row, results, evaluation) -> Optional[dict]:
    """A row of samples as the entry "calibration" of its run's summary.json.

    Args:
        row: `Row`. results: `Results` that it is from. evaluation: what was asked.

    Returns:
        Dict of the figures (means, None where there is none), of what they hold for (`weights`,
        `temperature`, `consistency`), and of `num_samples` and `measured_on`, in words; None for a row that
        is not of samples, or whose samples are all the same.
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
    """Writes each run's calibration into its summary.json, beside what is there.

    Of several rows of samples the first one's: the first consistency and temperature that were asked for.

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
