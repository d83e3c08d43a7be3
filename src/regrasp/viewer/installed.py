"""Whether the optional packages that draw the pages are there."""

from regrasp.errors import InputError


def require_viewer(command: str) -> None:
    """Refuses a command whose page needs packages that are missing."""
    try:
        import trimesh  # noqa: F401
        import viser  # noqa: F401
    except ImportError as error:
        raise InputError(command, "", f"no package {error.name}", "pip install 'regrasp[viewer]'") from error
