# Two images from one file:
#
#   docker build --target gateway -t echocast-gateway .     # the door: no PyTorch
#   docker build --target worker  -t echocast-worker .      # the network on CPUs: worker, trainer, beat
#
# Every package has the version that constraints.txt names. The compiler-free final stages take a
# finished virtual environment from stages that are thrown away.

# Debian with Python; the wheels are those of its version of Python.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm


FROM ${PYTHON_IMAGE} AS base
ENV PATH=/opt/echocast/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1


# Dependencies come before the code: a change of code then downloads nothing again.
FROM base AS gateway-build
WORKDIR /source
RUN python3 -m venv /opt/echocast
COPY constraints.txt deploy/gateway-requirements.txt ./
RUN pip install --only-binary :all: --constraint constraints.txt \
      --requirement gateway-requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY echocast echocast
COPY model model
COPY workers workers
COPY service service
COPY deploy/prometheus/rules deploy/prometheus/rules
COPY deploy/runbook.md deploy/
RUN pip install --no-deps --force-reinstall .


FROM base AS worker-build
# Which build of PyTorch, by the names of `uv pip install --torch-backend`: cpu, cu130, rocm7.1, ...
# uv knows where each is published. Empty: the build of pip's own index, on Linux with CUDA.
ARG TORCH_BACKEND=cpu
# Instead of it, the address of a package index of your own that has the build you want.
ARG TORCH_INDEX=
WORKDIR /source
RUN python3 -m venv /opt/echocast
# The version stands in echocast/; its links lead nowhere yet.
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY echocast echocast
RUN if [ -n "$TORCH_INDEX" ]; then set -- --index-url "$TORCH_INDEX"; \
      else set -- ${TORCH_BACKEND:+--torch-backend "$TORCH_BACKEND"}; fi \
    && python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --only-binary :all: --constraint constraints.txt uv \
    && /opt/uv/bin/uv pip install --only-binary :all: --no-deps --constraint constraints.txt \
      --no-cache --python /opt/echocast "$@" torch \
    && pip install --only-binary :all: --constraint constraints.txt '.[service,fast,s3,tracing]'
COPY model model
COPY workers workers
COPY service service
COPY deploy/prometheus/rules deploy/prometheus/rules
COPY deploy/runbook.md deploy/
RUN pip install --no-deps --force-reinstall .


# An account without rights, one folder to write to; whatever else is written goes to /tmp.
FROM base AS runtime
ARG VERSION= REVISION=
LABEL org.opencontainers.image.title="Echocast" \
      org.opencontainers.image.description="Precipitation nowcasting: ten radar frames in, the next ten out." \
      org.opencontainers.image.licenses="BSD-3-Clause" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
ENV ECHOCAST_DATA_DIR=/data \
    MPLCONFIGDIR=/tmp/matplotlib
RUN groupadd --gid 10001 echocast \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home \
       --shell /usr/sbin/nologin echocast \
    && install --directory --owner 10001 --group 10001 /data
WORKDIR /data
VOLUME /data
USER 10001:10001
ENTRYPOINT ["echocast"]


FROM runtime AS gateway
COPY --from=gateway-build /opt/echocast /opt/echocast
ENV ECHOCAST_HOST=0.0.0.0 \
    ECHOCAST_PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-m", "echocast.service.processes.readiness", "http://127.0.0.1:8000/healthz"]
CMD ["gateway"]


FROM runtime AS worker
COPY --from=worker-build /opt/echocast /opt/echocast
ENV NUMBA_CACHE_DIR=/tmp/numba \
    ECHOCAST_WORKER_METRICS_HOST=0.0.0.0 \
    ECHOCAST_WORKER_METRICS_PORT=9100
EXPOSE 9100
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-m", "echocast.service.processes.readiness", "http://127.0.0.1:9100/metrics"]
CMD ["worker"]
