"""Runs `echelon bench`."""
import json
import pathlib
import subprocess
import sys
import tempfile


def bench(arguments, config, weights, *options):
    command = [arguments.echelon, "bench", "--config", config, "--weights", weights, "--json",
               "--threads", arguments.threads, "--rows", ",".join(map(str, arguments.rows)), *options]
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed.")
    report = json.loads(result.stdout)
    report["model"]["name"] = pathlib.Path(config).name
    return report


def matrices(arguments, config, weights):
    """A model of one block a group has all shapes of matrices in a third of the memory."""
    small = config | {f"n_layers_in_{group}": 1 for group in ["prelude", "recurrent_block", "coda"]}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(small, file)
        file.flush()
        return bench(arguments, file.name, weights, "--only", "matrices", "--repeats", arguments.repeats)


def functions(arguments, weights):
    return bench(arguments, arguments.config, weights, "--only", "functions", "--repeats", arguments.rounds,
                 "--context", arguments.context, "--prefill-recurrence", arguments.prefill_recurrence)
