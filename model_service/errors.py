"""Every exception model_service raises: one base, children named by what failed."""


class ModelServiceError(Exception):
    """What went wrong in words a user can act on; `hint` says what to do next."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UnknownModelError(ModelServiceError):
    """The name is neither a model we know nor a file."""


class NotGGUFError(ModelServiceError):
    """The file is not a GGUF model that llama.cpp could read."""


class TruncatedFileError(ModelServiceError):
    """The file ends before the model does."""


class WrongHashError(ModelServiceError):
    """The file is not the one its name promises."""


class NoSpaceError(ModelServiceError):
    """The disk has no room for the weights, or the cache cannot be written."""


class NoNetworkError(ModelServiceError):
    """Neither the hub nor the package index gave us the weights."""


class LoadError(ModelServiceError):
    """The model's process ended, or was not ready in time; carries its last log line in the message."""


class PortInUseError(ModelServiceError):
    """Another program listens on the port that was asked for."""


class ServerError(ModelServiceError):
    """The running model server refused a request or stopped answering."""


class CheckpointError(ModelServiceError):
    """The checkpoint's files are missing, damaged, or not those of an Arctic model."""


class RequestError(ModelServiceError):
    """What was asked for cannot be computed: ids out of the vocabulary, too many tokens, a wrong option."""
