# SPDX-License-Identifier: BSD-3-Clause
"""Writes dictionaries as block-style YAML, the style that operators write by hand."""

import re

PLAIN = re.compile(r"^[A-Za-z_/][A-Za-z0-9_./-]*$")
RESERVED = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def scalar(value):
    if value is True or value is False:
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value)
    if PLAIN.match(text) and text.lower() not in RESERVED:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def key(text):
    return text if PLAIN.match(text) else scalar(text)


def dump(value, indent=0):
    pad = "  " * indent
    if isinstance(value, dict):
        lines = []
        for name, item in value.items():
            if isinstance(item, (dict, list)) and item:
                lines.append(f"{pad}{key(name)}:\n{dump(item, indent + 1)}")
            elif isinstance(item, (dict, list)):
                lines.append(f"{pad}{key(name)}: {'{}' if isinstance(item, dict) else '[]'}")
            else:
                lines.append(f"{pad}{key(name)}: {scalar(item)}")
        return "\n".join(lines)
    lines = []
    for item in value:
        if isinstance(item, dict):
            first, *rest = dump(item, indent + 1).split("\n")
            lines.append("\n".join([f"{pad}- {first.lstrip()}"] + rest))
        else:
            lines.append(f"{pad}- {scalar(item)}")
    return "\n".join(lines)
