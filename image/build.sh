#!/bin/sh
# Builds the image for this machine's architecture with whatever can: docker (buildx), podman or buildah.
#
#   IMAGE          its name (ghcr.io/certctl/certctl:VERSION)
#   BUILDER        docker, podman or buildah, with options if need be
#   BUILD_IMAGE, BASE_IMAGE   what it is made with and made on (see the Dockerfile); both get into the labels
#   SOURCE         where the source is published, for the label
#   REVISION, CREATED   the commit and its time, for the labels (those that are checked out)
#   BUILD_FLAGS    more options for the builder, such as --no-cache
#
# The same sources, base images and lock file give the same layers: every time in them is 0, unless it is the BuildKit
# inside of Docker that builds. What differs from commit to commit is in the labels alone.
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
build=${BUILD_IMAGE:-$(sed -n 's/^ARG BUILD_IMAGE=//p' Dockerfile)}
base=${BASE_IMAGE:-$(sed -n 's/^ARG BASE_IMAGE=//p' Dockerfile)}
set -- "$@" --build-arg "BUILD_IMAGE=$build" --label "io.certctl.build-image=$build" \
  --build-arg "BASE_IMAGE=$base" --label "org.opencontainers.image.base.name=${base%@*}"
case "$base" in *@*) set -- "$@" --label "org.opencontainers.image.base.digest=${base##*@}" ;; esac

# shellcheck disable=SC2086 # lists of words
case "$BUILDER" in
  docker | docker\ * | */docker | */docker\ *)
    # The BuildKit inside of Docker leaves times as they are or, where containerd keeps its images, refuses to set them.
    output=type=docker
    case "$($BUILDER buildx inspect | sed -n 's/^Driver: *//p')" in
      docker | '')
        echo 'Without a BuildKit of its own (docker buildx create --use), the times in layers differ each time.' >&2
        ;;
      *) output=$output,rewrite-timestamp=true ;;
    esac
    SOURCE_DATE_EPOCH=0 $BUILDER buildx build --provenance=false --output "$output" ${BUILD_FLAGS:-} "$@" .
    ;;
  *)
    # OCI's own format has no health check.
    $BUILDER build --format docker --timestamp 0 ${BUILD_FLAGS:-} "$@" .
    ;;
esac
echo "$image"
