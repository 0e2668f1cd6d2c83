"""Text from outside, as it may be shown: nothing in it steers a terminal or turns a line around."""

from __future__ import annotations

# Control characters but for line breaks and tabs; and the marks that reorder what follows them,
# so that a line reads otherwise than it is written.
_CONTROLS = (c for c in (*range(32), *range(127, 160)) if chr(c) not in "\n\t")
_BIDIRECTIONAL = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_STEERING = dict.fromkeys([*_CONTROLS, *_BIDIRECTIONAL])
_ESCAPED = {code: f"\\u{code:04x}" for code in _STEERING}


def sanitized(text: str) -> str:
    """The text without what steers a screen: escape sequences, bidirectional overrides.

    Example:
        >>> sanitized("Hi" + chr(27) + "]0;owned" + chr(7))
        'Hi]0;owned'
    """
    return text.translate(_STEERING)


def sanitized_line(text: str) -> str:
    """The same on one line, so that a title cannot pretend to be the next entry of a list."""
    return " ".join(sanitized(text).split())


def sanitized_json(text: str) -> str:
    r"""JSON that says the same, with what steers a screen as escapes.

    Example:
        >>> sanitized_json('"' + chr(0x9B) + '2J"')
        '"\\u009b2J"'
    """
    return text.translate(_ESCAPED)
