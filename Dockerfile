# All programs, without a compiler and without root. Files are those of a folder that is mounted at /data:
#   docker build -t recto . && docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" recto demo demo
# A server: docker run --rm -p 8080:8080 -v "$PWD:/data" recto serve images --listen 0.0.0.0:8080
FROM rust:1-slim-trixie AS build
WORKDIR /source
COPY . .
ARG RECTO_COMMIT=
RUN cargo install --locked --path . --root /built

FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
COPY --from=build /built/bin/ /usr/local/bin/
COPY LICENSE THIRD-PARTY.md /usr/share/doc/recto/
WORKDIR /data
USER 65534:65534
# SIGTERM ends downloads and servers in order.
STOPSIGNAL SIGTERM
ENTRYPOINT ["recto"]
CMD ["--help"]
