"""Tables and their columns as OpenLineage's data sets, with the official client's own classes.

https://openlineage.io/docs/spec/facets
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    OutputDatasetFacet,
    column_lineage_dataset,
    dataset_version_dataset,
    documentation_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    schema_dataset,
    storage_dataset,
)

from artifacts.snapshots import Snapshot
from artifacts.tables import TABLES, Table
from tasks.standards.jobs import SCENARIO_COLUMNS, SCENARIOS
from tasks.standards.naming import DatasetName
from tasks.standards.origins import Origin, Origins, origins
from tasks.standards.written import Amount

Facets = dict[str, DatasetFacet]
Named = Callable[[str], DatasetName]
"""The data set that a table's name stands for."""

Field = schema_dataset.SchemaDatasetFacetFields


def input_of(table: str, named: Named, snapshot: Snapshot | None, amount: Amount | None = None) -> InputDataset:
    """A table that is read, as of a snapshot where one is known."""
    statistics = input_statistics_input_dataset.InputStatisticsInputDatasetFacet
    measured: dict[str, InputDatasetFacet] = (
        {} if amount is None else {"inputStatistics": statistics(amount.rows, amount.size, amount.files)}
    )
    return InputDataset(*named(table), facets=described(table, snapshot), inputFacets=measured)


def output_of(table: str, named: Named, snapshot: Snapshot | None, query: str = "", amount: Amount | None = None) -> OutputDataset:
    """A table that is written, what was written to it where that is known, and where its columns come from."""
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
    measured: dict[str, OutputDatasetFacet] = (
        {} if amount is None else {"outputStatistics": statistics(amount.rows, amount.size, amount.files)}
    )
    facets = described(table, snapshot)
    if query:
        facets["columnLineage"] = column_lineage(origins(query), named)
    return OutputDataset(*named(table), facets=facets, outputFacets=measured)


def described(table: str, snapshot: Snapshot | None) -> Facets:
    """A table's columns, meaning, storage and version."""
    if table == SCENARIOS:
        return {"schema": schema_dataset.SchemaDatasetFacet([Field(name, "text") for name in SCENARIO_COLUMNS])}
    facets: Facets = {
        "schema": schema_dataset.SchemaDatasetFacet(fields_of(TABLES[table])),
        "documentation": documentation_dataset.DocumentationDatasetFacet(TABLES[table].meaning, "text/plain"),
        "storage": storage_dataset.StorageDatasetFacet("worldloom", "parquet"),
    }
    if snapshot is not None:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(str(snapshot.number))
    return facets


def fields_of(table: Table) -> list[Field]:
    """A table's columns with their types and meanings, in their order."""
    said = [(c.name, c.type, f"{c.meaning} ({c.unit})" if c.unit else c.meaning) for c in table.columns]
    return [Field(name, kind, meaning, position) for position, (name, kind, meaning) in enumerate(said, 1)]


def column_lineage(found: Origins, named: Named) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    """The origins of a table's columns; those that decide which rows are there hold for the whole data set."""
    fields = column_lineage_dataset.Fields
    columns = {column: fields([_input_field(origin, named) for origin in behind]) for column, behind in found.columns.items()}
    return column_lineage_dataset.ColumnLineageDatasetFacet(columns, [_input_field(origin, named) for origin in found.rows])


def _input_field(origin: Origin, named: Named) -> column_lineage_dataset.InputField:
    kind = "INDIRECT" if origin.how in ("FILTER", "JOIN") else "DIRECT"
    done = column_lineage_dataset.Transformation(kind, origin.how)
    return column_lineage_dataset.InputField(*named(origin.table), origin.column, [done])


def iso(moment: datetime) -> str:
    """A time as the standard writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
