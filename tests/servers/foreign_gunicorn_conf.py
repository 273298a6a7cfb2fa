"""An operator's gunicorn file with its hooks: ours must not replace them."""

worker_class = "gthread"
control_socket_disable = True


def post_worker_init(worker):  # type: ignore[no-untyped-def]
    worker.log.info("the operator's own hook ran")
