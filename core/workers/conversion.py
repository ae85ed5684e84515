"""Opens a model file from elsewhere and converts it to an OpenVINO graph, in a process of its own.

`python -m core.workers.conversion FILE FOLDER` writes FOLDER/model.xml and .bin. The process has
limits of memory and time, since a small file can ask for a large network, and it alone imports
TensorFlow.
"""

import json
import subprocess
import sys
from pathlib import Path

from core import storage
from core.adoption.adopt import GRAPH
from core.archive import keras_file, model_file
from core.errors import BlastLensError, ModelError
from core.runs.adoption import Converted
from core.settings import settings
from core.untrusted import confined
from core.workers import worker
from core.workers.launcher import environment

_IMAGES = 4
_NUDGES = 4  # a network may by chance not move at one
_SIDE = 224  # to compare a network of any size at


def convert(file: Path, folder: Path) -> Converted:
    """Writes `folder`/model.xml, the graph of a model file that `model_file.recognise` knows.

    Raises `ModelError` if it holds code, cannot be read, or takes too much memory or time.
    """
    limits = settings()
    try:
        answer = confined.ask(
            "core.workers.conversion",
            file,
            folder,
            environment=environment(folder)
            | {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
            # TensorFlow's own would wait ten seconds for memory that nobody gives back.
            | {"TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1"},
            seconds=limits.conversion_seconds,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(
            f"{file.name} took over {limits.conversion_seconds} s to open and was stopped "
            "(conversion_seconds in core/settings.py). Export a smaller model."
        ) from None
    except confined.NoAnswerError:
        raise ModelError(
            f"{file.name} cannot be opened: its process ended, most often because the network "
            f"needs more memory than the limit of {limits.conversion_bytes / 2**30:.0f} GiB "
            "(conversion_bytes in core/settings.py). Export a smaller model."
        ) from None
    if "error" in answer:
        raise ModelError(str(answer["error"]))
    return Converted.parse(answer, ModelError)


def work(file: Path, folder: Path) -> Converted:
    """As `convert`, in this process."""
    form = model_file.recognise(file)
    model_file.require_plain(file, form)
    if form in ("keras", "h5"):
        with storage.scratch(folder) as scratch:
            keras_file.write_in_keras_3(file, scratch / file.name)
            return _convert_keras(scratch / file.name, folder)
    import openvino

    from core.models.graph import anatomy, assembly

    if form == "saved-model":
        try:
            graph = openvino.convert_model(file)
        except Exception as error:  # OpenVINO's own errors are of many kinds
            reason = anatomy.last_line(error)
            raise ModelError(
                f"The SavedModel cannot be converted ({reason}). Export it as ONNX."
            ) from None
    else:
        graph = anatomy.read(file)
    assembly.save(graph, folder / GRAPH)
    return Converted()


def _convert_keras(file: Path, folder: Path) -> Converted:
    import keras
    import numpy as np
    import tensorflow as tf

    from core.models import conversion
    from core.models.graph import assembly

    try:
        model = keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # Keras's errors are of many kinds
        if worker.is_out_of_memory(error):
            raise MemoryError from None
        raise ModelError(
            f"{file.name} cannot be loaded in Keras's safe mode ({_short(error)}). Save it with "
            "layers of Keras alone."
        ) from None
    shapes = model.input_shape
    if not isinstance(shapes, tuple) or len(shapes) != 4:
        raise ModelError(
            f"Its input is {shapes}; BlastLens gives it one batch of colour images. Export a "
            "network of such an input."
        )
    if len(model.outputs) != 1:
        raise ModelError(
            f"It has {len(model.outputs)} outputs; a classifier has one. Export it with its class "
            "scores alone."
        )
    graph = conversion.of_model(model, folder)
    assembly.save(graph, folder / GRAPH)
    sides = [side or _SIDE for side in shapes[1:]]
    rng = np.random.default_rng(0)
    images = rng.random((_IMAGES, *sides), dtype=np.float32)
    ends = rng.integers(0, 2, (_NUDGES, *images.shape), np.uint8).astype(np.float32)
    expected, *nudged = (
        np.asarray(model.predict_on_batch(given)) for given in (images, *np.nextafter(images, ends))
    )
    return Converted(
        difference=conversion.require_agreement(expected, np.array(nudged), folder / GRAPH, images),
        parameters=int(model.count_params()),
        tensorflow=tf.__version__,
        keras=keras.__version__,
    )


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


if __name__ == "__main__":
    confined.enter(settings().conversion_bytes)
    said: dict[str, object]
    try:
        said = work(Path(sys.argv[1]), Path(sys.argv[2])).to_json()
    except BlastLensError as problem:
        said = {"error": str(problem)}
    except MemoryError:
        said = {
            "error": "The network needs more memory than the limit of "
            f"{settings().conversion_bytes / 2**30:.0f} GiB (conversion_bytes in core/settings.py)."
        }
    print(json.dumps(said))
