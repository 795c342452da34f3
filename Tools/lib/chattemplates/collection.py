"""The chat templates in a folder: files *.jinja, and `chat_template` in tokenizer_config.json and chat_template.json."""
import json

TOKENS = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]
DEFAULT_TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def templates(folder):
    """Names of templates with their sources and special tokens, each source once."""
    seen = set()
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".jinja", ".jinja2", ".json") or not path.is_file():
            continue
        for name, source, tokens in read(path):
            if source not in seen:
                seen.add(source)
                yield str(path.relative_to(folder)) + name, source, tokens


def read(path):
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    if path.suffix != ".json":
        yield "", text, DEFAULT_TOKENS
        return
    if not path.name.endswith(("tokenizer_config.json", "chat_template.json")):
        return
    try:
        fields = json.loads(text)
    except json.JSONDecodeError:
        return
    template = fields.get("chat_template") if isinstance(fields, dict) else None
    tokens = {}
    for name in TOKENS:
        token = fields.get(name) if isinstance(fields, dict) else None
        token = token.get("content") if isinstance(token, dict) else token
        if isinstance(token, str):
            tokens[name] = token
    if isinstance(template, str):
        yield "", template, tokens or DEFAULT_TOKENS
    for named in template if isinstance(template, list) else []:
        yield f" [{named['name']}]", named["template"], tokens or DEFAULT_TOKENS
