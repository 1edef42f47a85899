"""Strict reading of replies: everything sent must be in the service model, with the model's type.

botocore ignores elements it doesn't know, so parsing alone would prove little.
"""

import datetime
import re
import xml.etree.ElementTree as ElementTree

from botocore.model import ListShape, StructureShape

TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


def check_reply(operation_model, response_dict, **_):
    """Hook for botocore's before-parse event: XML replies are held against the model."""
    if response_dict["headers"].get("content-type") != "text/xml":
        return
    root = ElementTree.fromstring(response_dict["body"])
    namespace = operation_model.metadata["xmlNamespace"]
    assert root.tag.startswith(f"{{{namespace}}}"), f"{root.tag} is not in {namespace}"
    if response_dict["status_code"] >= 300:
        assert local(root) == "ErrorResponse"
        assert [local(child) for child in root] == ["Error", "RequestId"]
        assert [local(child) for child in root[0]] == ["Type", "Code", "Message"]
        return
    name = operation_model.name
    assert local(root) == f"{name}Response"
    wrapper = operation_model.output_shape.serialization["resultWrapper"]
    assert [local(child) for child in root] == [wrapper, "ResponseMetadata"]
    check_structure(root[0], operation_model.output_shape, wrapper)


def local(element):
    return element.tag.rpartition("}")[2]


def check_structure(element, shape, path):
    members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
    seen = set()
    for child in element:
        name = local(child)
        assert name in members, f"{path}/{name} is not in the model"
        assert name not in seen, f"{path}/{name} comes twice"
        seen.add(name)
        check(child, members[name], f"{path}/{name}")


def check(element, shape, path):
    if isinstance(shape, StructureShape):
        check_structure(element, shape, path)
    elif isinstance(shape, ListShape):
        item = shape.member.serialization.get("name", "member")
        for child in element:
            assert local(child) == item, f"{path}/{local(child)} should be {item}"
            check(child, shape.member, f"{path}/{item}")
    else:
        check_scalar(element, shape, path)


def check_scalar(element, shape, path):
    assert len(element) == 0, f"{path} has children"
    text = element.text or ""
    if shape.type_name in ("integer", "long"):
        int(text)
    elif shape.type_name == "boolean":
        assert text in ("true", "false"), f"{path}: {text}"
    elif shape.type_name == "timestamp":
        assert TIMESTAMP.match(text), f"{path}: {text}"
    elif getattr(shape, "enum", None):
        assert text in shape.enum, f"{path}: {text} is not one of {shape.enum}"
    else:
        assert text, f"{path} is empty"


def paths(value, prefix=""):
    """Every member path in a parsed reply, lists as [], as a sorted list."""
    found = set()
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "ResponseMetadata":
                here = f"{prefix}.{key}" if prefix else key
                found |= {here} | set(paths(inner, here))
    elif isinstance(value, list):
        for inner in value:
            found |= set(paths(inner, f"{prefix}[]"))
    return sorted(found)


UTC = datetime.timezone.utc
START = datetime.datetime(2026, 3, 2, tzinfo=UTC)
