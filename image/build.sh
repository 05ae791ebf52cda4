#!/bin/sh
# Builds the image for this machine's architecture with whatever can: docker (buildx), podman or buildah.
#
#   IMAGE          its name (ghcr.io/certctl/certctl:VERSION)
#   BUILDER        docker, podman or buildah, with options if need be
#   BUILD_IMAGE, BASE_IMAGE   what it is made with and made on (see the Dockerfile)
#   SOURCE         where the source is published, for the label
#   REVISION, CREATED   the commit and its time, for the labels (those that are checked out)
#   BUILD_FLAGS    more options for the builder, such as --no-cache
#
# The same sources, base images and lock file give the same layers: every time in them is 0. What differs from commit to
# commit is in the labels alone.
set -eu
cd "$(dirname "$0")/.."

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
image=${IMAGE:-ghcr.io/certctl/certctl:$version}

if [ -z "${BUILDER:-}" ]; then
  for BUILDER in docker podman buildah none; do command -v "$BUILDER" >/dev/null 2>&1 && break; done
fi
if [ "$BUILDER" = none ]; then
  echo 'There is none of docker, podman and buildah to build an image with. On Debian: apt-get install buildah' >&2
  exit 1
fi

set -- --file Dockerfile --tag "$image" --label "org.opencontainers.image.version=$version"
revision=${REVISION-$(git rev-parse HEAD 2>/dev/null || true)}
if [ -n "$revision" ]; then
  created=${CREATED:-$(TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd "$revision")}
  set -- "$@" --label "org.opencontainers.image.revision=$revision" --label "org.opencontainers.image.created=$created"
fi
[ -z "${SOURCE:-}" ] || set -- "$@" --label "org.opencontainers.image.source=$SOURCE"
[ -z "${BUILD_IMAGE:-}" ] || set -- "$@" --build-arg "BUILD_IMAGE=$BUILD_IMAGE"
[ -z "${BASE_IMAGE:-}" ] || set -- "$@" --build-arg "BASE_IMAGE=$BASE_IMAGE"

# shellcheck disable=SC2086 # lists of words
case "$BUILDER" in
  docker | docker\ * | */docker | */docker\ *)
    SOURCE_DATE_EPOCH=0 $BUILDER buildx build --provenance=false --output type=docker,rewrite-timestamp=true \
      ${BUILD_FLAGS:-} "$@" .
    ;;
  *)
    # OCI's own format has no health check.
    $BUILDER build --format docker --timestamp 0 ${BUILD_FLAGS:-} "$@" .
    ;;
esac
echo "$image"
