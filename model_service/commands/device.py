"""Names of devices and dtypes -> torch's, or a clear refusal."""

import torch

from model_service.errors import RequestError


def find_device(name: str) -> torch.device:
    """cpu, cuda, cuda:1, ... if this machine has it. Raises RequestError."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch raises either, by its build
        reason = str(error).splitlines()[0]
        raise RequestError(
            f"There is no device {name!r} here: {reason}.", "Leave --device out to use the CPU."
        ) from error
    return device


def find_dtype(name: str | None) -> torch.dtype | None:
    """float32, bfloat16 or float16; None stays None."""
    dtype: torch.dtype | None = getattr(torch, name) if name else None
    return dtype
