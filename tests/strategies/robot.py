"""Suites for Robot Framework."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from tests.strategies.values import hostile_text, rarely

__all__ = ["robot_suites"]


@st.composite
def robot_suites(draw: st.DrawFn) -> str:
    """The text of a suite for Robot Framework: keywords and control structures within each other, some of which fail.

    ``Relay`` is a keyword of a library that runs the keyword it is given with the very texts that it is given.
    """
    keywords = [draw(_robot_keyword(number)) for number in range(draw(st.integers(0, 3)))]
    count = len(keywords)
    fixtures = st.sampled_from(["Suite Setup", "Suite Teardown", "Test Setup", "Test Teardown"])
    settings = [f"{name}    {draw(_robot_call(count))}" for name in draw(st.lists(fixtures, unique=True))]
    tests = []
    for number in range(draw(st.integers(1, 4))):
        tests += [draw(st.sampled_from([f"Test {number}", "Twice"])), *draw(_robot_body(count))]
    of_keywords = [line for lines in keywords for line in lines]
    sections = ("Settings", ["Library    Relay.py", *settings]), ("Test Cases", tests), ("Keywords", of_keywords)
    return "\n".join(line for name, lines in sections for line in [f"*** {name} ***", *lines, ""])


@st.composite
def _robot_keyword(draw: st.DrawFn, number: int) -> list[str]:
    """The lines of the keyword of this number, which may call those before it."""
    names = st.lists(st.sampled_from(["Setup", "Teardown"]), unique=True)
    about = [f"    [{name}]    {draw(_robot_call(number))}" for name in draw(names)]
    if draw(rarely()):
        about.append("    [Tags]    robot:flatten")
    return [f"Keyword > {number}", *about, *draw(_robot_body(number, returns=True))]


def _robot_call(keywords: int) -> st.SearchStrategy[str]:
    """A call of one of so many keywords, or of a keyword that everybody has."""
    texts = (hostile_text() | st.text(max_size=8)).map(_robot_cell)
    own = [st.sampled_from([f"Keyword > {number}" for number in range(keywords)])] if keywords else []
    simple = st.one_of(
        *own,
        st.sampled_from(["No Operation", "Missing Keyword", "Sleep"]),
        st.builds("{}    {}".format, st.sampled_from(["Log", "Log", "Log", "Fail", "Set Test Message"]), texts),
        st.builds("Relay    {}    {}    {}".format, st.sampled_from(["Log Many", "Fail", "Skip"]), texts, texts),
    )
    run = ["Run Keyword And Ignore Error", "Run Keyword And Continue On Failure", "Repeat Keyword    2x", "Run Keyword"]
    return st.one_of(
        simple,
        st.builds("{}    {}".format, st.sampled_from(run), simple),
        st.builds("Run Keywords    {}    AND    {}".format, simple, simple),
    )


@st.composite
def _robot_body(
    draw: st.DrawFn, keywords: int, *, depth: int = 1, loop: bool = False, returns: bool = False
) -> list[str]:
    """The lines of a body: calls, and structures that hold further bodies."""
    words = [*(["BREAK", "CONTINUE"] if loop else []), *(["RETURN"] if returns else []), "VAR    ${x}    1"]
    opening = [["FOR    ${each}    IN    a    b"], ["FOR    ${each}    IN    @{EMPTY}"], ["IF    True"]]
    opening += [["IF    False", "ELSE"], ["TRY", "EXCEPT", "FINALLY"], ["GROUP    a few"], ["IF    oops ("]]
    opening += [["WHILE    True    limit=2    on_limit=pass"]]
    lines: list[str] = []
    for kind in draw(st.lists(st.sampled_from(["call", "call", "word", "structure"]), max_size=3)):
        if kind == "structure" and depth < 4:
            parts = draw(st.sampled_from(opening))
            inside = loop or parts[0].startswith(("FOR", "WHILE"))
            for part in parts:
                within = _robot_body(keywords, depth=depth + 1, loop=inside, returns=returns)
                lines += ["    " * depth + part, *draw(within)]
            lines.append("    " * depth + "END")
        else:
            lines.append("    " * depth + draw(st.sampled_from(words) if kind == "word" else _robot_call(keywords)))
    return lines


def _robot_cell(text: str) -> str:
    """A text as one cell of a suite, which gives that very text; Robot Framework writes no surrogates."""
    said = text.encode("utf-8", "replace").decode()
    plain = string.ascii_letters + string.digits + "-_.,;:!?<>'\"/*ä漢😀"
    return "".join(each if each in plain else f"\\U{ord(each):08x}" for each in said) or "${EMPTY}"
