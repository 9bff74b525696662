# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""Riemann's messages, decoded by Google's protobuf. The fields are those of proto.proto
in riemann-java-client, the protocol's published description."""
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELDS = {
    "Attribute": "key:string=1! value:string=2",
    "Event": "time:int64=1 state:string=2 service:string=3 host:string=4 description:string=5 "
             "tags:string=7* ttl:float=8 attributes:Attribute=9* time_micros:int64=10 "
             "metric_sint64:sint64=13 metric_d:double=14 metric_f:float=15",
    "Msg": "ok:bool=2 error:string=3 events:Event=6*",
}
LABELS = {"!": "LABEL_REQUIRED", "*": "LABEL_REPEATED"}


def _field(message, text):
    field = message.field.add()
    text, label = (text[:-1], LABELS[text[-1]]) if text[-1] in LABELS else (text, "LABEL_OPTIONAL")
    field.name, kind = text.split(":")
    kind, number = kind.split("=")
    field.number = int(number)
    field.label = descriptor_pb2.FieldDescriptorProto.Label.Value(label)
    if kind in FIELDS:
        field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = f".riemann.{kind}"
    else:
        field.type = descriptor_pb2.FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")


def _messages():
    file = descriptor_pb2.FileDescriptorProto(
        name="riemann.proto", package="riemann", syntax="proto2")
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for text in fields.split():
            _field(message, text)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    msg = pool.FindMessageTypeByName("riemann.Msg")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(msg)
    return message_factory.MessageFactory(pool).GetPrototype(msg)


Msg = _messages()
