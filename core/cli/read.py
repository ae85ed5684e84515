"""Verbs on images: reading cells and fields, and detecting white cells."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from core import storage
from core.cells import annotations
from core.cells.detection.detect import Field
from core.cells.scale import CAMERA_UM, AskForMagnification, scale_of
from core.cli.console import prints, prints_as, progress, wants_json
from core.cli.in_words import printed, readings
from core.data.images import encode
from core.errors import ConfigError, UploadError
from core.explain.cam_methods import METHODS
from core.explain.occlusion import Occlusion
from core.explain.suited import suited
from core.explain.trust import NO_PLACES
from core.reading.cell_reading import Reading
from core.reading.picture import FieldImage, notes_of, of_patient, open_field, read_picture
from core.reading.reader import Reader
from core.report.cell import track_record
from core.report.cell.track_record import RecordInWords
from core.runs import active_model, run_store


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--run", help="Default: the active model.")
@click.option("--overlay", metavar="DIR", help="Write heat maps over cells into DIR.")
@click.option(
    "--cam", type=click.Choice(list(METHODS)), help="Default: the one that suits the network."
)
@click.option("--field", is_flag=True, help="Read each image as a whole field.")
@click.option(
    "--um-per-px", type=float, metavar="µm", help="Scale of a field, or of a cell on black."
)
@click.option("--swap-red-blue", is_flag=True, help="Swap the red and blue of each image.")
@click.option(
    "--adapt-stain",
    is_flag=True,
    help="Read a cell that only its appearance has refused as if stained like the reference cells.",
)
@click.option("--one-patient", is_flag=True, help="Add up the fields, which are of one patient.")
@prints
def read(
    images: tuple[str, ...],
    run: str | None,
    overlay: str | None,
    cam: str | None,
    field: bool,
    um_per_px: float | None,
    swap_red_blue: bool,
    adapt_stain: bool,
    one_patient: bool,
) -> list[dict[str, Any]] | str:
    """Reads images of cells or fields.

    An IMAGE shows one cell, on black or on its natural background, or a whole smear field.
    """
    model = run_store.get(run) if run else active_model.active()
    _require_files(images)
    reader = Reader(model, cam)
    pictures = [
        read_picture(
            reader,
            Path(name),
            name,
            as_field=field,
            um_per_px=um_per_px,
            swap_red_blue=swap_red_blue,
            adapt_stain=adapt_stain,
            progress=progress,
        )
        for name in images
    ]
    overlays = _write_overlays(reader, pictures, Path(overlay)) if overlay else {}
    if not wants_json() and not any(picture.cells for picture in pictures):
        raise UploadError(
            " ".join(f"{picture.image} is refused: {picture.reason}" for picture in pictures)
        )
    record = track_record.tell(model)
    fields = [picture for picture in pictures if isinstance(picture, FieldImage)]
    total = of_patient(fields) if one_patient else None
    if not wants_json():
        said = readings.told(reader, pictures, record, overlays)
        return said if total is None else f"{readings.of_patient(total)}\n\n{said}"
    documents = [
        {
            "run": model.run_id,
            "device": reader.device,
            "track_record": _of_calls(reading, record),
            "heat_map": _drawn_by(reader, reading),
            **(
                reading.to_json(reader.judge) if isinstance(reading, Reading) else reading.to_json()
            ),
            "overlay": overlays.get(number),
        }
        for number, reading in enumerate(pictures)
    ]
    if total is not None:
        documents.append(
            {"run": model.run_id, "image": None, "kind": "patient", "cells": []}
            | {"summary": total.to_json()}
        )
    return documents


def _drawn_by(reader: Reader, reading: Reading | FieldImage) -> str:
    """How heat maps are drawn, and why so; or why there is none of the reading."""
    if isinstance(reading, Reading) and any(not c.heat_map.has_places for c in reading.cells):
        return f"{NO_PLACES} Ask for it: --cam {Occlusion.key}."
    return suited(reader.run.config.architecture).sentence(reader.cam)


def _of_calls(reading: Reading | FieldImage, record: RecordInWords) -> RecordInWords:
    """The record of the calls of a picture of one cell; of both calls for a field."""
    if not isinstance(reading, Reading):
        return record
    called = {cell.call for cell in reading.cells}
    if any(cell.adapted for cell in reading.cells):
        record = track_record.of_adapted(record)
    return replace(record, calls={call: w for call, w in record.calls.items() if call in called})


def _write_overlays(
    reader: Reader, readings: list[Reading | FieldImage], folder: Path
) -> dict[int, str]:
    """Writes the overlay of each reading that has one; files of one name get a number."""
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[int, str] = {}
    for number, reading in enumerate(readings):
        pictures = (
            [
                (cell.stamped(reader.judge(cell)), "_adapted" if cell.adapted else "")
                for cell in reading.cells
            ]
            if isinstance(reading, Reading)
            else [(reading.overlay, "")]
        )
        for picture, how in pictures:
            file = folder / f"{Path(reading.image).stem}{how}_overlay.png"
            if str(file) in written.values():
                file = file.with_stem(f"{file.stem}_{number}")
            storage.write_bytes(file, encode(picture))
            written[number] = str(file)
    return written


def _found_in_words(documents: Sequence[Mapping[str, Any]]) -> str:
    said = []
    for found in documents:
        count = len(found["cells"])
        rows = [
            dict(zip(("x", "y", "w", "h"), cell["bbox"], strict=True))
            | {"Area, pixels": cell["area_px"], "Score": cell["score"]}
            | {"At the border": "yes" if cell["touches_border"] else ""}
            for cell in found["cells"]
        ]
        scale = found["magnification_needed"] or f"{found['um_per_px']} µm a pixel."
        written = [f"{key}: {found[key]}" for key in ("mask", "overlay") if key in found]
        said.append(f"{found['image']}: {count} white cell{'' if count == 1 else 's'}. {scale}")
        said += [*(found["prepared"] or ()), printed.table(rows) if rows else "", *written, ""]
    return printed.paragraphs(said)


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--mask", metavar="DIR", help="Write masks: 128 cytoplasm, 255 nucleus.")
@click.option("--overlay", metavar="DIR", help="Write the images with outlines.")
@click.option("--csv", metavar="FILE", help="Write the boxes as a table.")
@click.option("--coco", metavar="FILE", help="Write boxes and outlines as COCO JSON.")
@click.option("--um-per-px", type=float, metavar="µm", help="Scale; default: by red cells.")
@prints_as(_found_in_words)
def cells(
    images: tuple[str, ...],
    mask: str | None,
    overlay: str | None,
    csv: str | None,
    coco: str | None,
    um_per_px: float | None,
) -> list[dict[str, Any]]:
    """Detects the white cells of smear fields.

    Writes boxes, masks and overlays as asked.
    """
    if um_per_px is not None and not CAMERA_UM[0] <= um_per_px <= CAMERA_UM[1]:
        raise ConfigError(
            f"--um-per-px is {um_per_px:g}: a pixel of a microscope's field covers "
            f"{CAMERA_UM[0]:g} to {CAMERA_UM[1]:g} µm; give the camera's pixel size over the "
            "magnification."
        )
    _require_files(images)
    documents, fields = [], []
    stems: set[str] = set()
    for name in images:
        started = time.perf_counter()
        with open_field(Path(name), name, um_per_px, progress("looking through tiles")) as opened:
            region, field = opened
            height, width = region.shape
            image = region.read(0, 0, width, height) if overlay else None
        seconds = time.perf_counter() - started
        document = _document(name, field, um_per_px, notes_of(region), seconds)
        stem = _unique(Path(name).stem, stems)
        if mask:
            file = Path(mask) / f"{stem}_mask.png"
            storage.write_bytes(file, encode(annotations.mask_image(field)))
            document["mask"] = str(file)
        if overlay and image is not None:
            file = Path(overlay) / f"{stem}_overlay.png"
            storage.write_bytes(file, encode(annotations.overlay(image, field)))
            document["overlay"] = str(file)
        documents.append(document)
        fields.append((name, field))
    if csv:
        storage.write_bytes(Path(csv), annotations.to_csv(fields).encode())
    if coco:
        text = json.dumps(annotations.to_coco(fields), ensure_ascii=False)
        storage.write_bytes(Path(coco), text.encode())
    return documents


def _document(
    name: str, field: Field, um_per_px: float | None, notes: tuple[str, ...], seconds: float
) -> dict[str, Any]:
    scale = scale_of(field, um_per_px)
    return {
        "image": name,
        "cells": [
            {
                "bbox": list(field.frame(cell)),
                "area_px": cell.area_px,
                "score": round(cell.score, 4),
                "touches_border": cell.touches_border,
            }
            for cell in field.cells
        ],
        "milliseconds": round(1000 * seconds, 1),
        "um_per_px": None if isinstance(scale, AskForMagnification) else round(scale, 4),
        "magnification_needed": scale.reason if isinstance(scale, AskForMagnification) else None,
        "scale_bar_px": field.ruler.bar_px,
        "prepared": list(notes) or None,
    }


def _require_files(names: tuple[str, ...]) -> None:
    missing = [name for name in names if not Path(name).is_file()]
    if missing:
        raise UploadError(f"There is no file {', '.join(missing)}. Check the path.")


def _unique(stem: str, stems: set[str]) -> str:
    name, number = stem, 1
    while name in stems:
        number += 1
        name = f"{stem}_{number}"
    stems.add(name)
    return name


VERBS = (read, cells)
