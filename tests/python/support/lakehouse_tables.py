"""Tables of lakehouse formats, written by their libraries or as their libraries write them."""

import json
import struct
import uuid

import numpy as np
import pyarrow as pa


def table(rows):
    lists = pa.array(np.asarray(rows, np.float32).tolist(), pa.list_(pa.float32()))
    return pa.table(
        {"id": np.arange(len(rows)), "day": [i % 2 for i in range(len(rows))], "emb": lists}
    )


def write_delta(path, *contents, **options):
    """Write a table whose content was replaced several times; the old files stay."""
    from deltalake import write_deltalake

    for rows in contents:
        write_deltalake(path, table(rows), mode="overwrite", **options)
    return path


def write_log(folder, schema, *, features=(), vector=None, configuration=None, names=None):
    """Write a log by hand: part-0 was replaced by part-1."""
    types = {"int64": "long", "list<element: float>": None}
    fields = [
        {
            "name": field.name,
            "type": types.get(str(field.type))
            or {"type": "array", "elementType": "float", "containsNull": True},
            "nullable": True,
            "metadata": {
                "delta.columnMapping.id": number,
                "delta.columnMapping.physicalName": names.get(field.name, field.name),
            }
            if names
            else {},
        }
        for number, field in enumerate(schema, start=1)
    ]
    protocol = {"minReaderVersion": 1, "minWriterVersion": 2}
    if features:
        named = {"readerFeatures": list(features), "writerFeatures": list(features)}
        protocol = {"minReaderVersion": 3, "minWriterVersion": 7, **named}

    def add(name, **more):
        size = (folder / name).stat().st_size
        return {
            "path": name,
            "partitionValues": {},
            "size": size,
            "modificationTime": 0,
            "dataChange": True,
            **more,
        }

    meta = {
        "id": str(uuid.uuid4()),
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps({"type": "struct", "fields": fields}),
        "partitionColumns": [],
        "configuration": configuration or {},
    }
    more = {} if vector is None else {"deletionVector": vector}
    removed = {"path": "part-0.parquet", "dataChange": True, "deletionTimestamp": 0}
    commits = [
        [{"protocol": protocol}, {"metaData": meta}, {"add": add("part-0.parquet")}],
        [{"remove": removed}, {"add": add("part-1.parquet", **more)}],
    ]
    (folder / "_delta_log").mkdir(exist_ok=True)
    for version, actions in enumerate(commits):
        text = "\n".join(map(json.dumps, actions))
        (folder / "_delta_log" / f"{version:020}.json").write_text(text)


def deletion_vector(rows):
    """Encode the numbers of deleted rows as Delta keeps them within its log."""
    digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    head = struct.pack("<iqIIIHHI", 1681511377, 1, 0, 12346, 1, 0, len(rows) - 1, 16)
    data = head + struct.pack(f"<{len(rows)}H", *rows)
    padded = data + bytes(-len(data) % 4)
    text = ""
    for (word,) in struct.iter_unpack(">I", padded):
        text += "".join(digits[word // 85**power % 85] for power in (4, 3, 2, 1, 0))
    return {
        "storageType": "i",
        "pathOrInlineDv": text,
        "sizeInBytes": len(data),
        "cardinality": len(rows),
    }


def write_iceberg(folder, old, new):
    """Write an Iceberg table whose first rows were overwritten; return its place."""
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("c", uri=f"sqlite:///{folder}/c.db", warehouse=f"file://{folder}/w")
    catalog.create_namespace("n")
    iceberg = catalog.create_table("n.t", table(old).schema)
    iceberg.append(table(old))
    iceberg.overwrite(table(new))
    catalog.engine.dispose()
    return folder / "w" / "n" / "t"
