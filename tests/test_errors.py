import pytest
from hypothesis import given

from rpa_lab import errors
from rpa_lab.errors import MissingExtraError, RpaLabError, UnknownNameError, need, quote, unknown_name
from tests.strategies import hostile_values

TREE = {
    "InputError": ("RpaLabError", ValueError),
    "SourceError": ("InputError", ValueError),
    "UnknownNameError": ("RpaLabError", LookupError),
    "StoreError": ("RpaLabError", OSError),
    "DamageError": ("StoreError", OSError),
    "MissingExtraError": ("RpaLabError", ImportError),
    "ReportError": ("RpaLabError", RuntimeError),
}


@pytest.mark.parametrize("name", TREE)
def test_each_error_is_what_a_caller_would_catch(name: str) -> None:
    parent, builtin = TREE[name]
    error = getattr(errors, name)
    assert error.__bases__[0].__name__ == parent
    assert issubclass(error, RpaLabError)
    assert issubclass(error, builtin)
    assert str(error("the text")) == "the text"


def test_the_drawn_tree_names_every_error() -> None:
    defined = {name for name in vars(errors) if name.endswith("Error") and name != "RpaLabError"}
    assert defined == set(TREE)
    assert errors.__doc__ is not None
    for name, (parent, builtin) in TREE.items():
        drawn = f"{name} ({builtin.__name__})" if parent == "RpaLabError" else f"└── {name} "
        assert drawn in errors.__doc__


@given(hostile_values())
def test_quote_never_fails_and_never_exceeds_80_characters(value: object) -> None:
    text = quote(value)
    assert 0 < len(text) <= 80
    whole = repr(value)
    assert text == whole if len(whole) <= 80 else (text[-1] == "…" and whole.startswith(text[:-1]))


def test_quote_survives_a_value_that_cannot_be_shown() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    assert quote(Broken()) == "<Broken>"


def test_unknown_name_suggests_the_closest_and_lists_what_exists() -> None:
    error = unknown_name("steps has no column", "duration", ["node_id", "duration_ms"])
    assert isinstance(error, UnknownNameError)
    assert str(error) == ("steps has no column 'duration'; did you mean 'duration_ms'? It has: duration_ms, node_id")


def test_unknown_name_without_a_close_one_suggests_nothing() -> None:
    assert str(unknown_name("there is no workflow", "zzz", [])) == "there is no workflow 'zzz'. It has: nothing yet"


def test_unknown_name_counts_the_names_that_it_leaves_out() -> None:
    text = str(unknown_name("there is no workflow", 7, [f"w{i:02}" for i in range(20)], most=3))
    assert text == "there is no workflow 7. It has: w00, w01, w02, … (17 more)"


def test_a_missing_extra_says_how_to_install_it() -> None:
    with pytest.raises(MissingExtraError, match=r"^no_such_module_here is not installed; .*'rpa-lab\[lab\]'"):
        need("no_such_module_here.inner", "lab")
