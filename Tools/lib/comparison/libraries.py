"""The same products through PyTorch (bf16 and float32) and numpy, whose float32 product is OpenBLAS's."""
import statistics
import sys
import time

import numpy
import torch

from comparison import shapes

def versions():
    return {"torch": torch.__version__, "numpy": numpy.__version__}


def seconds(run, repeats):
    """The median over the passes of the time of `run`, for each of a shape's matrices."""
    times = []
    for turn in range(repeats + 1):
        start = time.perf_counter()
        count = run()
        if turn > 0:  # the first only touches memory
            times.append((time.perf_counter() - start) / count)
    return statistics.median(times)


def copies(n, k, element_bytes):
    """The number of matrices of this shape that take turns, so that each has to come from memory."""
    return max(1, shapes.BYTES_OF_PASS // (n * k * element_bytes))


# Rows that are drawn at random. The others repeat them, which takes as long to multiply and less time to make.
DRAWN = 64


def torch_times(n, k, rows, dtype, repeats):
    with torch.inference_mode():
        drawn = torch.randn(DRAWN, k, dtype=dtype)
        weights = [drawn.repeat(-(-n // DRAWN), 1)[:n].contiguous() for _ in range(copies(n, k, dtype.itemsize))]

        def run(x):
            for weight in weights:
                torch.nn.functional.linear(x, weight)
            return len(weights)

        inputs = {count: torch.randn(count, k, dtype=dtype) for count in rows}
        return {str(count): seconds(lambda x=x: run(x), repeats) * 1e3 for count, x in inputs.items()}


def numpy_times(n, k, rows, repeats):
    random = numpy.random.default_rng(0)
    drawn = random.random((DRAWN, k), dtype=numpy.float32)
    weights = [numpy.tile(drawn, (-(-n // DRAWN), 1))[:n].copy() for _ in range(copies(n, k, 4))]

    def run(x):
        for weight in weights:
            numpy.matmul(x, weight.T)
        return len(weights)

    inputs = {count: random.random((count, k), dtype=numpy.float32) for count in rows}
    return {str(count): seconds(lambda x=x: run(x), repeats) * 1e3 for count, x in inputs.items()}


def matrices(config, rows, threads, repeats):
    """Milliseconds by library, matrix and rows."""
    torch.set_num_threads(threads)
    times = {"torch bf16": {}, "torch f32": {}, "numpy f32": {}}
    for name, (n, k) in shapes.matrices(config).items():
        print(f"  PyTorch and numpy: {name}", file=sys.stderr)
        times["torch bf16"][name] = torch_times(n, k, rows, torch.bfloat16, repeats)
        times["torch f32"][name] = torch_times(n, k, rows, torch.float32, repeats)
        times["numpy f32"][name] = numpy_times(n, k, rows, repeats)
    return times
