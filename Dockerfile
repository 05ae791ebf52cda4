# certctl: a private certificate authority that speaks ACME.
#
# BUILD_IMAGE needs a shell, npm and strip; nothing of it but libatomic gets into the image. BASE_IMAGE needs the C and
# C++ libraries of the same distribution; it needs no shell, no Node and no certificates, and gets none.
ARG BUILD_IMAGE=docker.io/library/node:26-bookworm
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12

FROM ${BUILD_IMAGE} AS build
WORKDIR /opt/certctl
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-update-notifier

# Node is the one of the lock file. What is copied from here is below /layers, in folders that change more and more often.
COPY image ./image
RUN set -eu; umask 022; \
    mkdir -p /layers/runtime/usr/local/bin /layers/packages/opt/certctl /layers/program/opt/certctl /layers/state/certctl; \
    strip -o /layers/runtime/usr/local/bin/node node_modules/node-linux-*/bin/node; \
    rm -rf node_modules/node-linux-*/bin node_modules/node-linux-*/include node_modules/node-linux-*/share; \
    atomic="$(ldd /layers/runtime/usr/local/bin/node | sed -n 's/.*libatomic[^>]*=> \([^ ]*\) .*/\1/p')"; \
    if [ -n "$atomic" ]; then \
      libraries="/layers/runtime/usr/lib/$(basename "$(dirname "$atomic")")"; \
      mkdir -p "$libraries"; \
      cp -L "$atomic" "$libraries/"; \
    fi; \
    /layers/runtime/usr/local/bin/node image/prune.ts node_modules; \
    mkdir -m 777 node_modules/.cache

COPY LICENSE ./
COPY acme ./acme
COPY ca ./ca
COPY operator ./operator
COPY store ./store

# As the user of the image, since Node keeps a cache for each user. The flags leave nothing to chance: seeded hashes, one
# thread, and so much memory that no garbage collection changes what is kept. The cache suits a Node without them.
USER 65532:65532
RUN /layers/runtime/usr/local/bin/node --random-seed=1 --v8-pool-size=0 --single-threaded-gc \
    --min-semi-space-size=256 --max-semi-space-size=256 image/compile.ts /opt/certctl/node_modules/.cache/certctl
USER 0:0

RUN set -eu; umask 022; \
    mkdir -p /layers/program/opt/certctl/node_modules /layers/program/usr/local/bin; \
    mv node_modules/.cache /layers/program/opt/certctl/node_modules/.cache; \
    mv node_modules /layers/packages/opt/certctl/node_modules; \
    mv LICENSE package.json acme ca operator store /layers/program/opt/certctl/; \
    mv image/certctl /layers/program/usr/local/bin/certctl; \
    chown -R 0:0 /layers; \
    chmod -R u=rwX,go=rX /layers; \
    chmod 700 /layers/state/certctl; \
    find /layers -exec touch -h -d @0 {} +

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="certctl" \
      org.opencontainers.image.description="A private certificate authority for Kubernetes that speaks ACME" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /layers/runtime/ /
COPY --from=build /layers/packages/ /
COPY --from=build /layers/program/ /
# Only for servers without Kubernetes, and the only folder that the user may write: mount a volume here, and serve --data it.
COPY --from=build --chown=65532:65532 /layers/state/ /var/lib/
ENV NODE_ENV=production PATH=/usr/local/bin:/usr/bin:/bin
WORKDIR /
USER 65532:65532
EXPOSE 8443/tcp 8080/tcp 9402/tcp
# By the program itself, over HTTPS, in exec form: there is no shell and no curl.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["certctl", "health"]
ENTRYPOINT ["certctl"]
CMD ["serve"]
