"""The secret that Label Studio sends with every webhook: the same for `serve` and for `webhook install`."""

import os
import secrets
from pathlib import Path

from labelonce.errors import ConfigurationError
from labelonce.redaction import hide
from labelonce.settings import Settings

SHORTEST = 16  # characters


def secret_path(settings: Settings) -> Path:
    """The file that holds the secret where the settings do not."""
    if settings.secret_file is not None:
        return settings.secret_file
    from platformdirs import user_config_path

    try:
        return user_config_path("labelonce", appauthor=False) / "webhook-secret"
    except RuntimeError:
        raise ConfigurationError(
            "This user has no home folder, so that there is no place for the secret. Name a file with --secret-file, "
            "or set HOME, XDG_CONFIG_HOME or LABELONCE_WEBHOOK_SECRET."
        ) from None


def webhook_secret(settings: Settings, *, make: bool = False) -> str:
    """The secret, which from now on stands in no log.

    Parameters
    ----------
    make
        Whether to write a new one into the file if that is not there.

    Raises
    ------
    ConfigurationError
        There is none, or none that can be used.
    """
    if settings.webhook_secret is not None:
        secret, place = settings.webhook_secret, "LABELONCE_WEBHOOK_SECRET"
    else:
        path = secret_path(settings)
        try:
            if make and not path.exists():
                _write(path, secrets.token_urlsafe(32))
            secret, place = path.read_text(encoding="ascii").strip(), str(path)
        except FileNotFoundError:
            raise ConfigurationError(
                f"There is no secret for webhooks in {path}. `labelonce webhook install` makes one; on another "
                "computer copy the file, or set LABELONCE_WEBHOOK_SECRET."
            ) from None
        except UnicodeDecodeError:
            secret, place = "", str(path)
        except OSError as error:
            raise ConfigurationError(f"The secret in {path} cannot be used: {error.strerror}.") from None
    if len(secret) < SHORTEST or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ConfigurationError(
            f"The secret in {place} has to be {SHORTEST} characters or more, of plain ASCII and without blanks."
        )
    hide(secret)
    return secret


def _write(path: Path, secret: str) -> None:
    """Make the file, for its owner's eyes only; one that has come into being meanwhile is left."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
            handle.write(secret + "\n")
    except FileExistsError:
        pass
