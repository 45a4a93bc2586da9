# syntax=docker/dockerfile:1
# Three stages: the page, the binary with the page inside, and a small image that holds only the binary.

FROM node:20-bookworm-slim AS page
WORKDIR /src/web-demo
COPY web-demo/package.json web-demo/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web-demo/ ./
RUN npm run build

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc g++ make cmake pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Dependencies first: they are compiled again only when the manifest or the lock file changes.
COPY Cargo.toml Cargo.lock ./
COPY .cargo/ .cargo/
COPY benches/ benches/
RUN mkdir -p src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked --lib --bin convene \
    && rm -rf src
COPY src/ src/
COPY migrations/ migrations/
COPY --from=page /src/web-demo/dist web-demo/dist
RUN touch src/main.rs src/lib.rs \
    && cargo build --release --locked --bin convene \
    && strip target/release/convene

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 convene \
    && useradd --system --uid 10001 --gid convene --home-dir /data --shell /usr/sbin/nologin convene \
    && install -d -o convene -g convene -m 0750 /data
COPY --from=build /src/target/release/convene /usr/local/bin/convene
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/convene/
USER convene
WORKDIR /data
VOLUME /data
# Page, API, WebSocket; then media, one TCP port and one UDP port per shard from 7882.
EXPOSE 7880/tcp 7881/tcp 7882/udp
# No curl in the image: bash speaks enough HTTP for this.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7880 && printf 'GET /readyz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r status <&3 && [[ $status == *' 200 '* ]]"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["convene"]
CMD ["serve"]
