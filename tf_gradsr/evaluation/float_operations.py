"""Counts the floating-point operations of a graph, by TensorFlow's profiler."""

import contextlib

import tensorflow as tf


def float_operations(graph) -> int:
    """Floating-point operations of one run of a graph; a multiply-add counts as two.

    Convolutions and matrix products, their gradients among them, sums and most operations on single numbers
    are counted; resizing and the inside of `tf.cond` and `tf.while_loop` are not. Nor is what a run leaves
    out because no result needs it: a gradient in a frozen kernel, say, which a tape puts into the graph.

    Args:
        graph: of a concrete function whose shapes are all known.
    """
    counted = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options = tf.compat.v1.profiler.ProfileOptionBuilder(counted).with_empty_output().build()
    with _silent_deprecations():
        tree = tf.compat.v1.profiler.profile(graph, options=options)
    needed = _needed(graph)
    return sum(node.float_ops for node in _nodes(tree) if node.name in needed)


def _needed(graph):
    """Names of the operations on which the results and the updates of a concrete function's graph depend."""
    found, waiting = set(), [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    while waiting:
        op = waiting.pop()
        if op.name not in found:
            found.add(op.name)
            waiting += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    return found


def _nodes(node):
    """A profiler's node and all below it."""
    yield node
    for child in node.children:
        yield from _nodes(child)


@contextlib.contextmanager
def _silent_deprecations():
    """Silences TensorFlow's profiler, which warns about its own deprecated parts."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(level)
