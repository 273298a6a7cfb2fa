# One image, three commands: serve (the default), worker, migrate.
#   docker build -t packshot . && docker run --rm packshot --help

# The version that the tests run on.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/packshot
WORKDIR /build
# First the layer that seldom changes: the pinned dependencies, without the checkout itself.
# The other lists add the reader of printed text for the fidelity check, and C2PA signing.
COPY requirements.txt requirements-fidelity.txt requirements-c2pa.txt ./
RUN grep -v '^-e' requirements.txt > pinned.txt \
    && /opt/packshot/bin/pip install -r pinned.txt -r requirements-fidelity.txt -r requirements-c2pa.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src/packshot src/packshot
# The cut-out network is part of the image: nothing is fetched while serving.
RUN /opt/packshot/bin/pip install --no-deps . \
    && MODEL_DIR=/opt/packshot/models /opt/packshot/bin/packshot cutout-model

FROM python:${PYTHON}-slim-bookworm
RUN groupadd --gid 10001 packshot \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin packshot \
    && install -d -o packshot -g packshot /data
COPY --from=build /opt/packshot /opt/packshot
# HOST: in a container only the proxy's network reaches it. FORWARDED_ALLOW_IPS stays at loopback
# unless the operator names the proxy (compose.yaml does).
ENV PATH=/opt/packshot/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MODEL_DIR=/opt/packshot/models \
    HOST=0.0.0.0 \
    PORT=5000
# Apart from /tmp the only folder that is written to: the database and the pictures without
# PostgreSQL and S3.
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 5000
STOPSIGNAL SIGTERM
# Is this process alive? Not /readyz: an unreachable database is no reason to restart the web.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
ENTRYPOINT ["packshot"]
CMD ["serve", "--workers", "2"]
