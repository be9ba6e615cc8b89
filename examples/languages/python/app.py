"""A package that renders a ConfigMap with a greeting."""

import json

import yaml
from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.types import (
    Description,
    Diagnostic,
    Manifest,
    Position,
    Rendering,
    Severity,
)

LABEL = "greeting.example.dev/name"

SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "Greeting",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "greeting": {
            "description": "The text of the greeting.",
            "type": "string",
            "default": "hello",
        },
    },
}

DEFAULTS = """\
# The text of the greeting.
greeting: hello
"""


def error(code, path, message, mark, help=None):
    """Returns an error about the place that a mark of the YAML parser has."""
    position = Position(mark.line + 1, mark.column + 1) if mark else None
    return Diagnostic(Severity.ERROR, code, path, position, message, help)


def read(text):
    """Returns the greeting, or raises all errors of the values."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as e:
        raise Err([error("yaml-syntax", "", str(e.problem), e.problem_mark)])
    except yaml.YAMLError as e:
        raise Err([error("yaml-syntax", "", str(e).splitlines()[0], None)])
    if root is None:
        return "hello"
    if not isinstance(root, yaml.MappingNode):
        raise Err([error("invalid-value", "", "the values are an object", root.start_mark)])
    greeting, errors = "hello", []
    for key, value in root.value:
        path = str(key.value)
        if path != "greeting":
            message = f"no such field `{path}`"
            errors.append(error("unknown-field", path, message, key.start_mark, "the only field is `greeting`"))
        elif value.tag == "tag:yaml.org,2002:null":
            pass
        elif value.tag != "tag:yaml.org,2002:str":
            help = "write text, in quotes if it looks like something else"
            errors.append(error("invalid-value", path, "this is not text", value.start_mark, help))
        else:
            greeting = value.value
    if errors:
        raise Err(errors)
    return greeting


class Renderer(exports.Renderer):
    def describe(self):
        return Description(
            name="greeting",
            version="0.1.0",
            summary="A ConfigMap with a greeting",
            api_version="greeting.example.dev/v1",
            kind="Greeting",
            app_versions=["1.0"],
            ownership_label=LABEL,
        )

    def schema(self):
        return json.dumps(SCHEMA, indent=2) + "\n"

    def defaults(self):
        return DEFAULTS

    def render(self, request):
        config_map = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": request.name,
                "namespace": request.namespace,
                "labels": {LABEL: request.name},
            },
            "data": {"greeting": read(request.values)},
        }
        manifest = Manifest(
            api_version="v1",
            kind="ConfigMap",
            name=request.name,
            namespace=request.namespace,
            file_name=f"configmap-{request.name}.yaml",
            document=yaml.safe_dump(config_map, sort_keys=False, allow_unicode=True),
        )
        return Rendering(manifests=[manifest], warnings=[], notes="")

    def observes(self):
        return []

    def plan(self, installed, desired):
        raise Err([error("no-plan", "", "this package does not plan changes", None)])
