"""Configuration of the launchpad whose bounds hold before a run is begun.

Dagster takes the types of a `Config` for the launchpad, and looks at its bounds and patterns when
the run is under way. `launchpad_schema` makes types of them that refuse a value while the run is
planned, so that there is none.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar, get_args, get_origin

import dagster as dg
from dagster._config import ConfigScalar, ConfigScalarKind, ConfigType, PostProcessingError
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

__all__ = ["configured", "launchpad_schema"]

_Model = TypeVar("_Model", bound=dg.Config)
_KINDS: Final = {
    bool: ConfigScalarKind.BOOL,
    int: ConfigScalarKind.INT,
    str: ConfigScalarKind.STRING,
}


def launchpad_schema(model: type[dg.Config]) -> dict[str, dg.Field]:
    """Return what the launchpad takes for a model, for ``config_schema`` of an asset.

    Parameters
    ----------
    model : type of Config
        Each field is a bool, int or str, or a list of one, with a default and a description.

    Examples
    --------
    >>> class Simulated(dg.Config):
    ...     workers: int = 0
    >>> launchpad_schema(Simulated)["workers"].default_value
    0
    """
    return {
        name: dg.Field(
            _type(f"{model.__name__}_{name}", field.annotation, field),
            is_required=False,
            default_value=field.default,
            description=field.description,
        )
        for name, field in model.model_fields.items()
    }


def configured(context: dg.AssetExecutionContext, model: type[_Model]) -> _Model:
    """Return what the launchpad, a job or a command gave an asset with `launchpad_schema`."""
    return model(**context.op_execution_context.op_config)


class _Checked(ConfigScalar):
    """A value that pydantic takes as the field of a model."""

    def __init__(self, key: str, kind: ConfigScalarKind, annotation: Any) -> None:
        super().__init__(key, given_name=key, scalar_kind=kind)
        self._adapter: TypeAdapter[Any] = TypeAdapter(annotation)

    def post_process(self, value: object) -> object:
        try:
            return self._adapter.validate_python(value)
        except ValidationError as error:
            said = "; ".join(one["msg"] for one in error.errors())
            raise PostProcessingError(f"found {value!r}: {said}") from None


def _type(key: str, annotation: Any, field: FieldInfo | None = None) -> ConfigType:
    if get_origin(annotation) is list:
        return dg.Array(_type(key, get_args(annotation)[0]))
    plain = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    bounds = field.metadata if field is not None else []
    return _Checked(key, _KINDS[plain], Annotated[annotation, *bounds] if bounds else annotation)
