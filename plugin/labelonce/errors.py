"""What can go wrong, drawn as a tree. The branch says what the caller does about it.

LabelOnceError
├── ConfigurationError      the user mends a setting, nothing was written
│   ├── NotOurs             a file that labelonce did not make is in the place of one that it would write
│   ├── MissingWeights      a network's weights are not on this machine
│   └── UnsupportedProject  the labelling configuration cannot be handled
├── ServerError             Label Studio did not do what was asked
│   ├── Unreachable         no answer: try again later
│   ├── AccessDenied        the token is refused or may not do this
│   └── NotFound            the project, task or tab does not exist (any more)
├── ImageProblem            one image cannot be used: its task is kept, the run goes on
│   ├── ImageUnavailable    its bytes could not be fetched
│   └── ImageUnreadable     its bytes are not a picture that can be decoded
├── LockedError             another labelonce works on the project: run it again later
├── ChangedError            somebody decided otherwise meanwhile: look again, nothing was written
├── PlanError               a plan file cannot be read or does not fit the project
└── FilesError              files cannot be moved as asked: none is lost
"""


class LabelOnceError(Exception):
    """Base of everything labelonce raises on purpose; its text says what to do next."""


class ConfigurationError(LabelOnceError):
    """A setting is missing or wrong; nothing was written."""


class NotOurs(ConfigurationError):  # noqa: N818 - a state, not a fault
    """There is something that labelonce did not make; it was not touched."""


class MissingWeights(ConfigurationError):  # noqa: N818 - a state, not a fault
    """The weights of the chosen network are not on this machine."""


class UnsupportedProject(ConfigurationError):  # noqa: N818 - a state, not a fault
    """The project's labelling configuration cannot be handled."""


class ServerError(LabelOnceError):
    """Label Studio refused a request or answered with something unexpected."""


class Unreachable(ServerError):  # noqa: N818 - a state, not a fault
    """Label Studio did not answer, also after retries."""


class AccessDenied(ServerError):  # noqa: N818 - a state, not a fault
    """Label Studio refuses the token, or the token may not do this."""


class NotFound(ServerError):  # noqa: N818 - a state, not a fault
    """The project, task or tab does not exist (any more)."""


class ImageProblem(LabelOnceError):  # noqa: N818 - a state, not a fault
    """One image cannot be used; its task is kept."""


class ImageUnavailable(ImageProblem):
    """The bytes of an image could not be fetched."""


class ImageUnreadable(ImageProblem):
    """The bytes of an image are not a picture that can be decoded."""


class LockedError(LabelOnceError):
    """Another labelonce works on the project; nothing was written."""


class ChangedError(LabelOnceError):
    """What was looked at is not so any more, because somebody decided otherwise; nothing was written."""


class PlanError(LabelOnceError):
    """A plan file cannot be read, or does not fit the project."""


class FilesError(LabelOnceError):
    """A folder or a disk does not let files be moved as asked; none is lost."""
