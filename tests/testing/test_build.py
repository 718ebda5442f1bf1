"""What an accelerator is known by: everything that it is made from, wherever that lies."""

import typing

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from small_network import TARGET_II, write_network

from hwflow.cli.model_options import ModelOptions, read_source
from hwflow.config.base import parse
from hwflow.config.design import Design
from hwflow.config.fifos import Fifo, load_fifos
from hwflow.errors import ConfigError
from hwflow.testing import open_accelerator
from hwflow.testing.build import PATH_FIELDS, _key, rooted

# Fields of text that say something else than where a file lies.
WORDS = {"name", "model.name"}


def fields_of_text(model: type[BaseModel], where: str = "") -> typing.Iterator[str]:
    """Yield the fields that hold any text, in ``model`` and in the models below it."""
    for name, field in model.model_fields.items():
        yield from _text_in(field, f"{where}{name}")


def _text_in(field: FieldInfo, name: str) -> typing.Iterator[str]:
    pending = [field.annotation]
    while pending:
        kind = pending.pop()
        if kind is str:
            yield name
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields_of_text(kind, f"{name}.")
        elif typing.get_origin(kind) is not typing.Literal:
            pending += typing.get_args(kind)


def test_every_field_of_a_design_that_names_a_file_is_known():
    assert set(fields_of_text(Design)) - WORDS == set(PATH_FIELDS)


def design_in(folder, *, field, content):
    """Return a design in ``folder`` whose ``field`` names a file of ``content``."""
    folder.mkdir()
    write_network(folder / "model.onnx")
    (folder / "mine.json").write_text(content)
    told = {
        "schema_version": 1,
        "name": "small",
        "board": "pynq-z2",
        "model": {"kind": "onnx", "path": str(folder / "model.onnx")},
    }
    if field == "model.path":
        (folder / "model.onnx").write_text(content)
    else:
        told[field] = str(folder / "mine.json")
    return parse(Design, told, source="test")


@pytest.mark.parametrize("field", PATH_FIELDS)
def test_files_that_a_design_names_count_by_their_content(tmp_path, field):
    keys = [
        _key(design_in(tmp_path / name, field=field, content=text), bundle_dir=None, frames=None)
        for name, text in (("a", "1"), ("b", "1"), ("c", "2"))
    ]
    assert keys[0] == keys[1] != keys[2]


def test_a_missing_file_is_named(tmp_path):
    design = design_in(tmp_path / "a", field="fifos", content="1")
    (tmp_path / "a" / "mine.json").unlink()
    with pytest.raises(ConfigError, match=r"mine\.json: not found"):
        _key(design, bundle_dir=None, frames=None)


def test_paths_are_relative_to_the_folder_that_is_told(tmp_path):
    told = rooted(
        {
            "bundle": None,
            "frames": "f.npy",
            "folding": "sub/folding.json",
            "fifos": "formula",
            "target_ii": 3,
            "overrides": ["fifos=x.json", "folding=null", "fifos=simulated", "name=x.json"],
        },
        tmp_path,
    )
    assert told == {
        "bundle": None,
        "frames": tmp_path / "f.npy",
        "folding": tmp_path / "sub" / "folding.json",
        "fifos": "formula",
        "target_ii": 3,
        "overrides": [
            f'fifos="{tmp_path / "x.json"}"',
            "folding=null",
            "fifos=simulated",
            "name=x.json",
        ],
    }
    assert rooted({"fifos": "mine.json"}, tmp_path)["fifos"] == tmp_path / "mine.json"
    model = write_network(tmp_path / "model.onnx")
    design = read_source(
        model, ModelOptions(board="pynq-z2"), overrides=tuple(told["overrides"][:1])
    )
    assert design.fifos_file == str(tmp_path / "x.json")


@pytest.mark.finn
@pytest.mark.sim
def test_an_edited_depth_is_another_accelerator(small_accelerator, tmp_path):
    """What came out stale: the same path, other depths."""
    written = load_fifos(small_accelerator.folder / "fifos.json")
    mine = tmp_path / "mine.json"
    mine.write_text(written.model_dump_json())
    model = write_network(tmp_path / "model.onnx")

    def opened():
        return open_accelerator(model, board="pynq-z2", target_ii=TARGET_II, fifos=mine)

    with opened() as first:
        assert load_fifos(first.folder / "fifos.json").stages[0].fifos[0].found == "given"
    stage = written.stages[0]
    depth = stage.fifos[0].depth_words + 7
    deeper = Fifo(name=stage.fifos[0].name, depth_words=depth)
    stage = stage.model_copy(update={"fifos": (deeper, *stage.fifos[1:])})
    edited = written.model_copy(update={"stages": (stage, *written.stages[1:])})
    mine.write_text(edited.model_dump_json())
    with opened() as second:
        assert second.folder != first.folder
        built = load_fifos(second.folder / "fifos.json").stages[0].fifos[0]
        assert built.depth_words == depth
        second.assert_exact()
    with opened() as again:
        assert again.from_cache
        assert again.folder == second.folder
