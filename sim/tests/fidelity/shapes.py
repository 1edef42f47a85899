"""Strict reading of replies: everything sent must be in the service model, with the model's type.

botocore ignores elements it doesn't know, so parsing alone would prove little.
"""

import datetime
import json
import re
import xml.etree.ElementTree as ElementTree

from botocore.model import ListShape, StructureShape
from botocore.parsers import RpcV2CBORParser

TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


def check_reply(operation_model, response_dict, **_):
    """Hook for botocore's before-parse event: replies are held against the model."""
    kind = response_dict["headers"].get("content-type")
    if kind == "application/cbor":
        parser = RpcV2CBORParser()
        stream = parser.get_peekable_stream_from_bytes(response_dict["body"])
        check_value(operation_model, response_dict, parser.parse_data_item(stream))
        return
    if kind == "application/x-amz-json-1.0":
        check_value(operation_model, response_dict, json.loads(response_dict["body"]))
        return
    assert kind == "text/xml", kind
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


def check_value(operation_model, response_dict, value):
    """A CBOR or JSON reply: the same, of dictionaries, lists and numbers."""
    if response_dict["status_code"] >= 300:
        assert sorted(value) == ["__type", "message"], value
        return
    check_plain(value, operation_model.output_shape, operation_model.name)


def check_plain(value, shape, path):
    if isinstance(shape, StructureShape):
        for name, inner in value.items():
            assert name in shape.members, f"{path}.{name} is not in the model"
            check_plain(inner, shape.members[name], f"{path}.{name}")
    elif isinstance(shape, ListShape):
        assert isinstance(value, list), f"{path}: {value}"
        for inner in value:
            check_plain(inner, shape.member, f"{path}[]")
    elif shape.type_name == "double":
        assert isinstance(value, float), f"{path}: {value!r}"
    elif shape.type_name == "timestamp":
        assert isinstance(value, (int, float, datetime.datetime)), f"{path}: {value!r}"
    elif getattr(shape, "enum", None):
        assert value in shape.enum, f"{path}: {value} is not one of {shape.enum}"
    else:
        assert isinstance(value, str), f"{path}: {value!r}"


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
