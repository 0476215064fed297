"""Files that declare environments, jobs and prices: read with the line of each value, and checked. Pure."""

try:
    import pydantic as _pydantic
    import yaml as _yaml
except ModuleNotFoundError as error:  # Only the extra installs them.
    raise ModuleNotFoundError(
        f"{error.name} is missing; install what reads YAML: pip install 'cdk-processing[yaml]'", name=error.name
    ) from None

__all__: list[str] = []

del _pydantic, _yaml
