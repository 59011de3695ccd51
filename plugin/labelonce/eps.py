"""How alike neighbours are at least, as people give it."""

from labelonce.errors import ConfigurationError


def similarity_from(eps: str | float) -> float:
    """Cosine similarity (-1 to 1) from a percentage (``95%``) or a cosine distance (``0.05``).

    Raises
    ------
    ConfigurationError
        The text is neither.
    """
    text = str(eps).strip()
    percent = text.endswith("%")
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = float("nan")
    if percent and 0 < value <= 100:
        return value / 100
    if not percent and 0 <= value <= 2:
        return 1 - value
    meant = f" Is {text}% meant?" if 2 < value <= 100 else ""
    raise ConfigurationError(
        f"eps = {text!r}: give a similarity above 0% and up to 100%, or a cosine distance from 0 to 2.{meant}"
    )
