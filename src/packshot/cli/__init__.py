"""`packshot`: the command line. Each command's module is imported when it is called."""

from __future__ import annotations

import importlib
from typing import Any

import click

import packshot
from packshot.errors import PackshotError

#: command -> (module, one line of help); the help needs no import, so `--help` is instant.
COMMANDS = {
    "demo": ("demo", "Show everything on sample photos, without an account or a key."),
    "serve": ("run", "Serve the API and the desk, with a worker in each process."),
    "worker": ("run", "Run a stand-alone worker."),
    "migrate": ("run", "Create the tables, or bring them up to date."),
    "upload": ("upload", "Upload photos, a folder or a CSV, and create their products."),
    "watch": ("watch", "Upload files as they appear in a folder."),
    "status": ("status", "Show what is waiting, what is done and what it cost."),
    "export": ("export", "Export approved pictures as a ZIP, a CSV or a JSON-lines file."),
    "comply": ("comply", "Measure pictures against a marketplace's rules; needs no server."),
    "fidelity": ("fidelity", "Measure whether a picture changed the product; needs no server."),
    "retry": ("retry", "Try failed products again."),
    "enhance": ("enhance", "Enhance photos or folders of them; needs no server."),
    "estimate": ("estimate", "Estimate the cost of a batch before sending it."),
    "cutout-model": ("cutout_model", "Fetch the local enhancer's cut-out network, once."),
    "check": ("check", "Try every configured part, and say what to fix."),
    "redrive": ("redrive", "Send the messages of the dead-letter queue to the queue again."),
    "key": ("key", "Make an API key for API_KEYS."),
    "prune": ("prune", "Remove raw and rejected pictures whose retention time is over."),
    "restored": (
        "restored",
        "Prepare a restored database, so that it gives no id twice.",
    ),
    "webhooks": ("webhooks", "List webhook deliveries, send them again, make a secret."),
}


class LazyGroup(click.Group):
    """A group that imports a command only to run it, or to show its own help."""

    def invoke(self, ctx: click.Context) -> Any:
        """Print our own errors as one line, for every command; end quietly when nobody reads on."""
        try:
            return super().invoke(ctx)
        except PackshotError as error:
            raise click.ClickException(error.message) from error
        except click.ClickException as error:
            if isinstance(error.__cause__, BrokenPipeError):  # as in `packshot ... | head`
                raise error.__cause__ from None
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"packshot.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(packshot.__version__, prog_name="packshot")
def main() -> None:
    """Turn raw product photos into enhanced, checked, review-ready pictures."""
