"""Cases of templates and their texts as rendered by Jinja2, for files in Tests/CheckpointsTests/Fixtures.

Jinja2 is set up as transformers' apply_chat_template sets it up: the immutable sandbox, trim_blocks, lstrip_blocks,
the loop controls, and its own tojson, raise_exception and strftime_now. A case has a name, a template, the messages,
variables, and either the rendered text or `"fails": true`.
"""
import json
from datetime import datetime
from pathlib import Path

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

FOLDER = Path(__file__).resolve().parents[3] / "Tests/CheckpointsTests/Fixtures"
FAULTS = (
    jinja2.exceptions.TemplateError, ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError,
    SyntaxError, TypeError, ValueError)


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(
            value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: datetime(2024, 7, 26, 9, 5, 3, 250000).strftime(form)
    return env


def ordered(value):
    """The value with dictionaries as lists of pairs, since readers of JSON lose the order of keys."""
    if isinstance(value, dict):
        return {"entries": [{"key": key, "value": ordered(item)} for key, item in value.items()]}
    return [ordered(item) for item in value] if isinstance(value, list) else value


class Cases:
    def __init__(self, messages):
        self.messages = messages
        self.entries = []

    def case(self, name, template, messages=None, add_generation_prompt=True, **variables):
        messages = self.messages if messages is None else messages
        values = {"tools": None, "documents": None, **variables}
        entry = {
            "name": name, "template": template, "messages": messages, "add_generation_prompt": add_generation_prompt,
            "variables": {key: ordered(value) for key, value in variables.items()},
        }
        try:
            entry["text"] = environment().from_string(template).render(
                messages=messages, add_generation_prompt=add_generation_prompt, **values)
        except FAULTS as error:
            entry["fails"] = True
            entry["why"] = f"{type(error).__name__}: {error}"
        self.entries.append(entry)

    def expressions(self, group, *sources, **variables):
        """Cases of one expression each."""
        for source in sources:
            self.case(f"{group}: {source}", "{{ " + source + " }}", messages=self.messages[:1], **variables)

    def write(self, file):
        names = [entry["name"] for entry in self.entries]
        assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]
        FOLDER.mkdir(parents=True, exist_ok=True)
        lines = ",\n".join(json.dumps(entry, ensure_ascii=True) for entry in self.entries)
        (FOLDER / file).write_text("[\n" + lines + "\n]\n", encoding="utf-8")
        failing = sum("fails" in entry for entry in self.entries)
        print(f"{len(self.entries)} cases, {failing} of which fail")
