"""The file of a sweep, and those of its parts, from which a stopped sweep goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llmcalc_core.planning.request import EvaluationRequest
from llmcalc_core.sweeps.fronts import best_rows, front_columns, join_fronts
from llmcalc_core.sweeps.parts import Part

if TYPE_CHECKING:
    import pandas as pd

_SWEEP = "sweep.json"
_KEY = b"llmcalc_sweep"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFile:
    """Where a sweep goes.

    Attributes
    ----------
    path : Path
        The file that it ends in.
    key : str
        Tells the sweep from others.
    keep : str
        Which candidates it keeps.
    """

    path: Path
    key: str
    keep: str

    @property
    def folder(self) -> Path:
        """The parts, until all are there."""
        return self.path.with_name(self.path.name + ".parts")

    @property
    def finished(self) -> bool:
        """Whether the file is there.

        Raises
        ------
        ValueError
            If it is that of something else.
        """
        if not self.path.exists():
            return False
        try:
            metadata = parquet().read_schema(self.path).metadata or {}
        except (OSError, ValueError):
            metadata = {}
        if metadata.get(_KEY) != self.key.encode():
            msg = f"to must be a file that is not there yet, or of the same sweep, got {self.path}"
            raise ValueError(msg)
        return True

    def open(self) -> None:
        """Make the folder of the parts, or see that it is that of the same sweep.

        Raises
        ------
        ValueError
            If it holds parts of another sweep.
        """
        known = self.folder / _SWEEP
        self.folder.mkdir(parents=True, exist_ok=True)
        if not known.exists():
            known.write_text(json.dumps({"sweep": self.key}), "utf-8")
        if json.loads(known.read_text("utf-8")).get("sweep") != self.key:
            msg = (
                f"to must be a new file where another sweep was stopped, got {self.path}: give "
                f"another name, or remove {self.folder}"
            )
            raise ValueError(msg)

    def has(self, part: Part) -> bool:
        """Say whether a part is there."""
        return self._part(part).exists()

    def write(self, part: Part, frame: pd.DataFrame) -> None:
        """Write a part: all of it or nothing."""
        import pyarrow as pa  # noqa: PLC0415 - an extra

        file, table = self._part(part), pa.Table.from_pandas(frame, preserve_index=False)
        unfinished = file.with_suffix(".unfinished")
        parquet().write_table(table, unfinished, **_layout(table.schema))
        unfinished.replace(file)

    def join(self, request: EvaluationRequest, parts: Iterable[Part]) -> pd.DataFrame:
        """Make one file of the parts, remove them, and give its best rows."""
        import pyarrow as pa  # noqa: PLC0415 - an extra

        unfinished = self.path.with_name(self.path.name + ".unfinished")
        best, writer = [], None
        for _, alike in groupby(parts, key=_group):
            for file, mask in self._marked(request, list(alike)):
                table = parquet().read_table(file)
                place = table.schema.get_field_index("on_front")
                table = table.set_column(place, "on_front", pa.array(mask))
                front = table.filter(table["on_front"])
                best.append(best_rows(request, front.to_pandas()))
                kept = front if self.keep == "front" else table
                kept = kept.replace_schema_metadata({**kept.schema.metadata, _KEY: self.key})
                if writer is None:
                    layout = _layout(kept.schema)
                    writer = parquet().ParquetWriter(unfinished, kept.schema, **layout)
                writer.write_table(kept)
        if writer is not None:
            writer.close()
        unfinished.replace(self.path)
        shutil.rmtree(self.folder)
        return _together(request, best)

    def best(self, request: EvaluationRequest) -> pd.DataFrame:
        """Read the best rows of the finished file."""
        file, best = parquet().ParquetFile(self.path), []
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            best.append(best_rows(request, table.filter(table["on_front"]).to_pandas()))
        return _together(request, best)

    def _part(self, part: Part) -> Path:
        return self.folder / f"{part.number:08d}.parquet"

    def _marked(
        self, request: EvaluationRequest, parts: list[Part]
    ) -> Iterator[tuple[Path, NDArray[np.bool_]]]:
        """Give the files of a group of parts, and which of their rows are on the front of all."""
        files = [self._part(part) for part in parts]
        names = front_columns(request)
        if len(files) == 1:
            yield files[0], parquet().read_table(files[0], columns=["on_front"])[0].to_numpy()
            return
        own = [parquet().read_table(file, columns=names).to_pandas() for file in files]
        masks = join_fronts(request, [one[one["on_front"]] for one in own])
        for file, one, mask in zip(files, own, masks, strict=True):
            marked = one["on_front"].to_numpy(copy=True)
            marked[marked] = mask
            yield file, marked


def parquet() -> Any:  # noqa: ANN401 - of a package that need not be installed
    """Import what reads and writes Parquet files.

    Raises
    ------
    ImportError
        If pyarrow is not installed, with what installs it.
    """
    try:
        import pyarrow.parquet  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = "to= needs pyarrow: pip install 'llmcalc-planner[sweep]'"
        raise ImportError(msg) from error
    return pyarrow.parquet


def _together(request: EvaluationRequest, best: list[pd.DataFrame]) -> pd.DataFrame:
    """Join the best rows of parts."""
    import pandas as pd  # noqa: PLC0415 - half of the time that importing the core takes

    some = [one for one in best if len(one)] or best[:1]  # of none, Parquet keeps no categories
    return best_rows(request, pd.concat(some, ignore_index=True)).reset_index(drop=True)


def _group(part: Part) -> tuple[bool, int]:
    """Give what parts of one group have in common, and no others."""
    return (True, part.number) if part.group is None else (False, part.group)


def _layout(schema: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Say how columns are stored: the bytes of numbers by their weight, which packs well."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    floats = [one.name for one in schema if pa.types.is_floating(one.type)]
    return {
        "compression": "zstd",
        "compression_level": 1,
        "use_byte_stream_split": floats,
        "use_dictionary": [one.name for one in schema if one.name not in floats],
    }
