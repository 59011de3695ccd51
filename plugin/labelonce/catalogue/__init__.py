"""The known pictures of a source, kept beside the store."""

from labelonce.catalogue.known import ERROR, Catalogue, Known, open_catalogue
from labelonce.catalogue.saving import extend_catalogue, save_catalogue

__all__ = ["ERROR", "Catalogue", "Known", "extend_catalogue", "open_catalogue", "save_catalogue"]
