"""An environment without the developer's own settings and credentials."""

from __future__ import annotations

import os

from packshot.settings import Settings

FOREIGN = ("AWS_", "GEMINI_", "GOOGLE_", "BOTO", "PACKSHOT_")


def forget_settings() -> None:
    """Forget the developer's own settings, for this process and all it starts."""
    ours = {name.upper() for name in Settings.model_fields}
    for name in list(os.environ):
        if name in ours or name.startswith(FOREIGN):
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.devnull
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
