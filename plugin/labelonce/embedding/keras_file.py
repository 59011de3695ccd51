"""Whole models saved by Keras, .keras or .h5: ``--model keras:FILE``."""

from labelonce.embedding.base import Once
from labelonce.embedding.network_file import Loaded, NetworkFile
from labelonce.embedding.runtime import compiled, quiet_tensorflow


class KerasFile(NetworkFile):
    """A model that Keras saved; code inside it (lambda layers) is not run."""

    kind = "keras"
    wanted = "a whole model of Keras (.keras or .h5, not weights alone)"
    usual_scaling = "raw"  # most of keras.applications scale for themselves

    def load(self) -> Loaded:
        """Read the model; it becomes one graph when it is first run."""
        tensorflow = quiet_tensorflow()
        import keras

        model = keras.models.load_model(self.path, compile=False, safe_mode=True)
        dtype = str(model.inputs[0].dtype)
        graph = Once(lambda: compiled(model, tuple(model.inputs[0].shape[1:]), dtype))
        return Loaded(
            lambda picture: tensorflow.nest.flatten(graph()(picture))[0].numpy(),
            [tuple(one.shape) for one in model.inputs],
            dtype,
        )
