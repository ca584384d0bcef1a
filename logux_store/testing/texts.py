"""How values are shown to people when a test fails."""

from difflib import unified_diff
from pprint import pformat
from typing import Any

__all__ = ["compare"]

LINE = 80


def compare(text: str, **values: Any) -> str:
    """A text, and below it two values under their names: side by side when they are short, else
    what differs between them.
    """
    names = [name.replace("_", " ") for name in values]
    shown = [repr(value) for value in values.values()]
    if all(len(value) <= LINE for value in shown):
        width = max(map(len, names)) + 1
        lines = [f"{name + ':':{width}} {value}" for name, value in zip(names, shown, strict=True)]
    else:
        first, second = (pformat(value, width=LINE).splitlines() for value in values.values())
        lines = [*unified_diff(first, second, names[0], names[1], n=1, lineterm="")]
        if not lines:
            lines = [f"both look like this: {shown[0]}"]
    return "\n".join([f"{text}:", *(f"  {line}" for line in lines)])
