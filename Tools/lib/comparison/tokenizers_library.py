"""The comparison of echelon's tokenizer with the tokenizers library, text by text."""
import json
import subprocess

import tokenizers

# Token sequences that no text gives are decoded in chunks of this many ids.
STRIDE = 61


def run(echelon, path, options, inputs):
    """echelon's answer to each of `inputs`, and its message if it refuses one."""
    lines = "".join(json.dumps(value) + "\n" for value in inputs)
    command = [str(echelon), "tokenize", str(path), "--json-lines", *options]
    result = subprocess.run(command, input=lines.encode(), capture_output=True)
    answers = [json.loads(line) for line in result.stdout.decode().split("\n") if line]
    return answers, result.stderr.decode().strip() if result.returncode else None


def texts(text, chunk):
    """The whole text, its lines, and chunks, which may cut words and characters that belong together."""
    lines = dict.fromkeys(text.splitlines(keepends=True) + text.splitlines())
    chunks = (text[start:start + size] for size in (chunk, 7) for start in range(0, len(text), size))
    return list(dict.fromkeys([text, *lines, *chunks]))


def sequences(library, encoded):
    """The tokens of the texts, and all ids of the vocabulary side by side."""
    ids = sorted(library.get_vocab(with_added_tokens=True).values())
    strides = [ids[start::len(ids) // STRIDE + 1] for start in range(len(ids) // STRIDE + 1)]
    return [list(ids) for ids in dict.fromkeys(map(tuple, encoded + strides)) if ids]


def compare(echelon, path, text, chunk):
    library = tokenizers.Tokenizer.from_file(str(path))
    library.no_truncation()
    library.no_padding()
    result = {"tokenizer": str(path), "tokenizers": tokenizers.__version__, "texts": 0, "sequences": 0, "refusal": None,
              "difference": None}
    inputs = texts(text, chunk)
    encoded = []
    for special in [True, False]:
        wanted = [library.encode(part, add_special_tokens=special).ids for part in inputs]
        options = ["--special-tokens" if special else "--no-special-tokens"]
        if check(result, "texts", inputs, wanted, run(echelon, path, options, inputs)):
            return result
        encoded += wanted
    inputs = sequences(library, encoded)
    wanted = [library.decode(ids, skip_special_tokens=False) for ids in inputs]
    check(result, "sequences", inputs, wanted, run(echelon, path, ["--decode"], inputs))
    return result


def check(result, count, inputs, wanted, answer):
    """Records how many inputs were equal, and the first difference or refusal. Returns whether there is one."""
    answers, message = answer
    for given, expected, found in zip(inputs, wanted, answers):
        if expected != found:
            result["difference"] = {"input": given, "tokenizers": expected, "echelon": found}
            return True
        result[count] += 1
    result["refusal"] = message
    return message is not None


def sentence(result):
    equal = f"{result['texts']} texts and {result['sequences']} token sequences are equal"
    if result["refusal"]:
        return f"echelon refuses: {result['refusal']}\n{equal} before that."
    if difference := result["difference"]:
        show = {name: json.dumps(value, ensure_ascii=False) for name, value in difference.items()}
        place = next((index for index, (a, b) in enumerate(zip(difference["tokenizers"], difference["echelon"]))
                      if a != b), min(len(difference["tokenizers"]), len(difference["echelon"])))
        return (f"The first difference is at element {place} of the result.\ninput       {show['input']}\n"
                f"tokenizers  {show['tokenizers']}\nechelon     {show['echelon']}\n{equal} before that.")
    return f"{equal}."
