"""A Croissant description of an export: what data loaders and data-set search read (https://docs.mlcommons.org/croissant/docs/croissant-spec.html)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any

from artifacts.tables import TABLES, Column, ColumnType
from tasks.standards.extract import Extract, of_worlds
from tasks.standards.origin import Provenance

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
PARQUET = "application/x-parquet"

TYPES = MappingProxyType[ColumnType, str](
    {
        "text": "sc:Text",
        "json": "sc:Text",
        "integer": "sc:Integer",
        "real": "sc:Float",
        "boolean": "sc:Boolean",
        "time": "sc:DateTime",
        "texts": "sc:Text",
    }
)
"""Croissant's types for ours. It has none for bytes, so such a column is described in words alone."""

_TERMS = (
    *("citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format", "includes"),
    *("isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated", "replace"),
    *("samplingRate", "separator", "source", "subField", "transform"),
)

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}
"""The context that the standard asks for."""


def croissant(made: Provenance, files: Sequence[Extract]) -> dict[str, Any]:
    """The description of an export as JSON-LD; paths are relative to it, so it holds wherever the folder is."""
    tables = list(dict.fromkeys(file.table for file in files))
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": made.name,
        "description": made.description,
        "license": made.licence_url or made.licence,
        "url": made.url,
        "version": made.version,
        "datePublished": made.created_at,
        "creator": {"@type": "Organization", "name": "Worldloom"},
        "keywords": list(made.keywords),
        "inLanguage": "en",
        "citeAs": made.citation,
        "isLiveDataset": False,
        "distribution": [*(_file(file) for file in files), *(_files(table) for table in tables)],
        "recordSet": [
            *(_splits(table, [s for s, _ in groupby(file.split for file in files if file.table == table)]) for table in tables),
            *(_records(table) for table in tables),
        ],
    }


def _file(file: Extract) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "description": f"{file.rows:,} rows of {file.table}, split {file.split}.",
        "contentUrl": file.path,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": PARQUET,
        "sha256": file.sha256,
    }


def _files(table: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{table}-files",
        "name": f"{table}-files",
        "description": f"The Parquet files of {table}.",
        "encodingFormat": PARQUET,
        "includes": f"data/{table}/*.parquet",
    }


def _splits(table: str, splits: Sequence[str]) -> dict[str, Any]:
    name = f"{table}_splits"
    field = {"@type": "cr:Field", "@id": f"{name}/split_name", "name": "split_name", "dataType": "sc:Text"}
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"The splits of {table}.",
        "dataType": "cr:Split",
        "key": {"@id": f"{name}/split_name"},
        "field": [field],
        "data": [{f"{name}/split_name": split} for split in splits],
    }


def _records(name: str) -> dict[str, Any]:
    table = TABLES[name]
    left_out = [column.name for column in table.columns if column.type not in TYPES]
    words = f" The bytes of {', '.join(left_out)} are in the files." if left_out else ""
    columns = [column for column in table.columns if column.type in TYPES and not (of_worlds(table) and column.name == "split")]
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"{table.meaning[0].upper()}{table.meaning[1:]}.{words}",
        "key": [{"@id": f"{name}/{column}"} for column in table.key],
        "field": [_split(name), *(_field(name, column) for column in columns)],
    }


def _split(table: str) -> dict[str, Any]:
    """The split of a row, from the name of its file."""
    return {
        "@type": "cr:Field",
        "@id": f"{table}/split",
        "name": "split",
        "description": "the split that the row belongs to",
        "dataType": "sc:Text",
        "source": {
            "fileSet": {"@id": f"{table}-files"},
            "extract": {"fileProperty": "fullpath"},
            "transform": {"regex": r"(?:.*/)?([a-z]+)(?:-\d+\.parquet)?$"},
        },
        "references": {"field": {"@id": f"{table}_splits/split_name"}},
    }


def _field(table: str, column: Column) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{table}/{column.name}",
        "name": column.name,
        "description": f"{column.meaning} ({column.unit})" if column.unit else column.meaning,
        "dataType": TYPES[column.type],
        "source": {"fileSet": {"@id": f"{table}-files"}, "extract": {"column": column.name}},
        **({"repeated": True} if column.type == "texts" else {}),
    }
