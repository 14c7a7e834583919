# The image that docker-compose.yml builds. No network is needed once it is built.
FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/culturewatch \
    && /opt/culturewatch/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN /opt/culturewatch/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
COPY --from=build /opt/culturewatch /opt/culturewatch
RUN useradd --system --uid 10001 --home-dir /var/lib/culturewatch culturewatch \
    && install -d -o culturewatch -m 0750 /var/lib/culturewatch
USER culturewatch
ENV PATH=/opt/culturewatch/bin:$PATH CULTUREWATCH_SITE=/etc/culturewatch/site.toml
ENTRYPOINT ["culturewatch"]
CMD ["run", "/etc/culturewatch/site.toml"]
