"""The matrices of a Huginn model, and the number of times that a step multiplies by each."""

# The bytes of the matrices of one shape that take turns, many times the size of any cache.
BYTES_OF_PASS = 512 << 20


def matrices(config):
    """(n outputs, k inputs) by the names that `echelon bench` gives a shape's first matrix, in the order of a step."""
    width, hidden = config["n_embd"], config["intermediate_size"]
    return {
        "Wqkv": (3 * width, width),
        "attn.proj": (width, width),
        "mlp.fc": (2 * hidden, width),
        "mlp.proj": (width, hidden),
        "head": (config["vocab_size"], width),
    }


def uses(config, recurrence):
    """The number of times that one step with `recurrence` inner recurrences multiplies by each."""
    blocks = (config["n_layers_in_prelude"] + recurrence * config["n_layers_in_recurrent_block"]
              + config["n_layers_in_coda"])
    # The adapter's half for the states runs in every recurrence, its half for the inputs once; both are width × width.
    return {"Wqkv": blocks, "attn.proj": blocks + recurrence + 1, "mlp.fc": blocks, "mlp.proj": blocks, "head": 1}


def name_of(config, n, k):
    """The name of the shape that `echelon bench` reports."""
    return next((name for name, shape in matrices(config).items() if shape == (n, k)), None)
