"""The devices and machines that share a run."""

import json
import os
import sys
from contextlib import contextmanager

import tensorflow as tf

from tf_gradsr.config import Config
from tf_gradsr.errors import ConfigError, reason_of

KINDS = ("auto", "none", "mirrored", "multi_worker", "tpu")
# Of a TF_CONFIG; parameter servers and evaluators are not used.
_ROLES = ("chief", "worker")
# What collective operations raise once a worker is gone, by its place and the moment.
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


class WorkerLost(RuntimeError):
    """Another process of the run has ended or cannot be reached any more."""


class Distribution:
    """The devices that share a run, and this process's part in it.

    A worker is a process with devices of its own; a replica, a device with a copy of the networks. The chief
    is the worker that writes the run folder.

    Args:
        strategy: a `tf.distribute.Strategy`; None: one device.

    Attributes:
        strategy: as given. replicas, workers: int, how many there are in all. worker: int, this one's number;
            the chief's is 0. is_chief: bool. is_tpu: bool.
    """

    def __init__(self, strategy=None):
        self.strategy = strategy or tf.distribute.get_strategy()
        self.replicas = self.strategy.num_replicas_in_sync
        self.worker, self.workers = _place(self.strategy)
        self.is_chief = self.worker == 0
        self.is_tpu = isinstance(self.strategy, tf.distribute.TPUStrategy)

    def __str__(self):
        kind = "TPU core" if self.is_tpu else "GPU" if _gpus() else "CPU"
        devices = f"{self.replicas} {kind}{'s' if self.replicas > 1 else ''}"
        return (
            f"worker {self.worker + 1} of {self.workers}, {devices} in all" if self.workers > 1 else devices
        )

    def check(self, config: Config) -> None:
        """Checks that the settings suit the devices.

        Raises:
            ConfigError: the batch cannot be divided equally, or XLA is asked for on several devices.
        """
        if config.train.batch_size % self.replicas:
            raise ConfigError(
                f"train.batch_size: a multiple of the number of devices, {self.replicas}. "
                f"Received: {config.train.batch_size}"
            )
        if config.train.jit_compile and self.replicas > 1:
            raise ConfigError(
                "train.jit_compile: false, or left out, on several devices, whose step XLA cannot compile as "
                f"one. Received: true, {self.replicas} devices"
            )

    def distributed(self, make):
        """The batches of this process's devices.

        Args:
            make: called with the keywords `worker`, `workers` and `replicas`; returns the `tf.data.Dataset`
                of this worker's parts, each for one device, as `training_batches` does.
        """
        dataset = make(worker=self.worker, workers=self.workers, replicas=self.replicas)
        if self.replicas == 1:
            return dataset
        return self.strategy.distribute_datasets_from_function(lambda context: dataset)

    def total(self, number) -> float:
        """The sum of all workers' numbers, on every worker; all wait for all."""
        if self.workers == 1:
            return float(number)
        # Each device of a worker contributes its share.
        share = float(number) / (self.replicas // self.workers)

        @tf.function
        def summed():
            def own():
                context = tf.distribute.get_replica_context()
                return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.constant(share, tf.float64))

            return self.strategy.experimental_local_results(self.strategy.run(own))[0]

        with self.watched():
            return float(summed())

    def from_chief(self, number: int) -> int:
        """The chief's number, on every worker; all wait for all."""
        return round(self.total(number if self.is_chief else 0))

    def wait(self) -> None:
        """Returns once all workers have come here."""
        self.total(0)

    @contextmanager
    def watched(self):
        """Says in one sentence that another worker is gone, when that ends an operation of the block.

        Raises:
            WorkerLost: it is.
        """
        try:
            yield
        except _LOST as error:
            if self.workers == 1:
                raise
            raise WorkerLost(
                f"Another worker of this run has ended or cannot be reached ({reason_of(error)}). Start the "
                "same command on all machines again: it goes on from the last checkpoint."
            ) from error


def choose_distribution(kind: str = "auto") -> Distribution:
    """Prepares the devices that a run is to use.

    For several workers it must come before anything else that TensorFlow does in the process. It then waits
    until all of them are there.

    Args:
        kind: one of `KINDS`. "auto": "multi_worker" if the environment has TF_CONFIG; "mirrored" if several
            GPUs are visible; otherwise "none", which is one device.

    Raises:
        ConfigError: these devices are not there, or TF_CONFIG does not describe a cluster.
    """
    if kind == "auto":
        kind = "multi_worker" if os.environ.get("TF_CONFIG") else "mirrored" if _gpus() > 1 else "none"
    if kind == "multi_worker":
        return _multi_worker()
    if kind == "tpu":
        return _tpu()
    if kind == "mirrored":
        # Without GPUs, the CPU alone: what a cluster runs can then be tried on a laptop.
        return Distribution(tf.distribute.MirroredStrategy())
    return Distribution()


def _gpus():
    return len(tf.config.list_physical_devices("GPU"))


def _multi_worker():
    cluster = _check_tf_config(os.environ.get("TF_CONFIG"))
    print(f"Waiting for all {sum(map(len, cluster.values()))} workers of TF_CONFIG", file=sys.stderr)
    try:
        return Distribution(tf.distribute.MultiWorkerMirroredStrategy())
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        raise ConfigError(
            "TF_CONFIG: addresses at which all workers reach each other, this one's being free. "
            f"Received: {os.environ['TF_CONFIG']} ({reason_of(error)})"
        ) from error


def _check_tf_config(text):
    """The cluster of a TF_CONFIG, checked for what TensorFlow would fail at later and less clearly."""
    rule = (
        'TF_CONFIG: JSON with the addresses of all workers and this one\'s number, such as {"cluster": '
        '{"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}'
    )
    if not text:
        raise ConfigError(f"{rule}. Received: an environment without it")
    try:
        found = json.loads(text)
        cluster, task = found["cluster"], found["task"]
        others = set(cluster) - set(_ROLES)
        if others:
            raise ValueError(f"a cluster of {' and '.join(_ROLES)} alone, not {', '.join(sorted(others))}")
        if not 0 <= int(task["index"]) < len(cluster[task["type"]]):
            raise ValueError("a task that is not in the cluster")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{rule}. Received: {text} ({reason_of(error)})") from error
    return cluster


def _place(strategy):
    """(This process's number, the number of all), the chief's being 0."""
    resolver = strategy.cluster_resolver
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) or not resolver.task_type:
        return 0, 1
    cluster = resolver.cluster_spec().as_dict()
    before = 0 if resolver.task_type == "chief" else len(cluster.get("chief", []))
    return before + resolver.task_id, sum(map(len, cluster.values()))


def _tpu():
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=os.environ.get("TPU_NAME", "local"))
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return Distribution(tf.distribute.TPUStrategy(resolver))
    except (tf.errors.OpError, ValueError, RuntimeError, OSError) as error:
        raise ConfigError(
            "distribution: tpu on a machine with TPUs, or with TPU_NAME naming some, and with the TensorFlow "
            f"that drives them. Received: none that answers ({reason_of(error)})"
        ) from error
