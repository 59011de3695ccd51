"""Networks in an ONNX file, run by onnxruntime: ``--model onnx:FILE``."""

from typing import Any, Final

from labelonce.embedding.network_file import Loaded, NetworkFile
from labelonce.errors import ConfigurationError

DTYPES: Final = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}
FATAL: Final = 4  # onnxruntime's level of what it logs: everything below comes as an exception too


class OnnxFile(NetworkFile):
    """A network in an ONNX file that holds its weights as well."""

    kind = "onnx"
    wanted = "one ONNX file with its weights inside (saved without external data)"
    usual_scaling = "imagenet"

    def load(self) -> Loaded:
        """Start a session of one thread, which several threads may use at once."""
        onnxruntime = _onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = FATAL
        # weights in another file would be no part of the identity: a file is no folder, so that none is found in it
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(self.path))
        session = onnxruntime.InferenceSession(self.path.read_bytes(), options, providers=["CPUExecutionProvider"])
        inputs = session.get_inputs()
        source, target = inputs[0], session.get_outputs()[0]
        return Loaded(
            lambda picture: session.run([target.name], {source.name: picture})[0],
            # what may have any length has a name there
            [[length if isinstance(length, int) else None for length in one.shape] for one in inputs],
            DTYPES.get(source.type, source.type.removeprefix("tensor(").removesuffix(")")),
        )


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise ConfigurationError(
            "Networks in ONNX files need onnxruntime. Mend it with: pip install labelonce[onnx]"
        ) from None
    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(FATAL)
    return onnxruntime
