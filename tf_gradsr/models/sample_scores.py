"""Proper scores of two samples as a loss: of the pictures, and of what the critics' frozen features see."""

from tf_gradsr import losses
from tf_gradsr.config import LossConfig


def sample_scores(weights: LossConfig, critics: dict, pyramids, views) -> tuple:
    """The fair CRPS of two samples of each LR picture (`losses.two_sample_crps`), weighted. Not in the paper.

    Adversarial terms say whether a sample looks real; a proper score also says whether samples are as far
    from each other as they are from the truth, in pixels and in features that know textures and faces.

    Args:
        weights: reads `crps` and `feature_crps`.
        critics: `Critic`s by name; those on frozen features are scored, times their own weights.
        pyramids: three lists of float32 `[B, H, W, 3]`, coarse to fine: two samples and the truth.
        views: by a critic's name, its views of the "real" picture and of both samples ("hallucination").

    Returns:
        (float32 scalar; dict of the raw float32 scalars to log).
    """
    loss, logs = 0.0, {}
    if weights.crps:
        logs["loss/g/crps"] = losses.two_sample_crps(*pyramids)
        loss += weights.crps * logs["loss/g/crps"]
    if weights.feature_crps:
        for name, critic in critics.items():
            if critic.needs_draws:
                score = critic.crps(views[name]["hallucination"], views[name]["real"])
                loss += weights.feature_crps * critic.weight * score
                logs[f"loss/g/crps_{name}"] = score
    return loss, logs
