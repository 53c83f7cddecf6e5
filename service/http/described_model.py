"""DescribedModel: a model whose JSON schema has the docstrings of its attributes."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic_core import CoreSchema

FOREIGN = ("pydantic", "builtins", "abc", "typing")


class DescribedModel(BaseModel):
    """Base of what is sent and answered; each field is described by the docstring below it.

    pydantic's ``use_attribute_docstrings`` reads the source whenever a class is made: a fifth of
    the start of a gateway. Here it is read when somebody asks for the schema.
    """

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in attribute_docstrings(cls).items():
            properties[name].setdefault("description", text)
        return schema


def attribute_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """What is said of each field, by the model or by one of ours that it is derived from."""
    texts: dict[str, str] = {}
    for cls in (c for c in reversed(model.__mro__) if not c.__module__.startswith(FOREIGN)):
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        assert isinstance(definition, ast.ClassDef)
        texts |= dict(filter(None, map(_described_field, pairwise(definition.body))))
    return texts


def _described_field(statements: tuple[ast.stmt, ast.stmt]) -> tuple[str, str] | None:
    """Name and description, where a field is followed by a string."""
    match statements:
        case (ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(ast.Constant(str(text)))):
            return name, inspect.cleandoc(text)
    return None
