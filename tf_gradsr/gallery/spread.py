"""The text below a map of the standard deviation over samples."""

from typing import Optional

# What uncertainty maps count.
UNIT = "standard deviation over the samples, grey levels"


def legend(calibration: Optional[dict], temperature: float, consistency: str) -> str:
    """What the numbers of an uncertainty map count and, if that was measured, how far they can be trusted.

    Args:
        calibration: of the model, see `RunFolder.calibration`, or None. temperature, consistency: of the
            samples; a calibration holds for its own only.
    """
    text = UNIT
    if not calibration or (temperature, consistency) != tuple(
        calibration.get(name) for name in ("temperature", "consistency")
    ):
        return text
    times = 1.0 / calibration["spread_error"]
    return (
        f"{text}; true errors are {times:.1f} times as large ({calibration.get('measured_on', 'measured')})"
    )
