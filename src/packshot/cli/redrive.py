"""`packshot redrive`: sends messages of the dead-letter queue to the queue again."""

from __future__ import annotations

import click

from packshot import logs
from packshot.cli.plain import pluralise
from packshot.serving.process import load_environment
from packshot.settings import load_settings
from packshot.wiring import build


@click.command()
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="The most messages to move.",
)
def redrive(limit: int) -> None:
    """Receive from the dead-letter queue of SQS_QUEUE_URL, send to the queue, delete."""
    logs.configure()
    load_environment()
    settings = load_settings()
    if settings.sqs_queue_url is None:
        raise click.ClickException(
            "SQS_QUEUE_URL is not set: the queue is in the database, which has no dead"
            " letters. Failed products are tried again with `packshot retry`"
        )
    from packshot.queues.sqs import SqsQueue

    services = build(settings)
    assert isinstance(services.queue, SqsQueue)
    moved = services.queue.redrive(limit)
    services.close()
    click.echo(f"{pluralise(moved, 'message')} {'is' if moved == 1 else 'are'} in the queue again.")
