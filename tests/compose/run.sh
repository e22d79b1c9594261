#!/usr/bin/env bash
# Builds the image, brings the stack up with simulated clouds, plans, approves, syncs twice, checks the ledger,
# takes it down. Last line: `compose-test: ok`, or `compose-test: skipped (why)` where no engine can be had.
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() { echo "compose-test: skipped ($1)"; exit 0; }
command -v docker >/dev/null 2>&1 || skip "no Docker engine: docker is not on PATH"
docker info >/dev/null 2>&1 || skip "no Docker engine answers"
if docker compose version >/dev/null 2>&1; then compose=(docker compose)
elif command -v docker-compose >/dev/null 2>&1; then compose=(docker-compose)
else skip "no Docker engine with Compose: install docker-compose"; fi

# A name of its own: a stack that runs already is not touched.
export COMPOSE_PROJECT_NAME=isthmus-test-$$
export ISTHMUS_IMAGE=${ISTHMUS_IMAGE:-isthmus:test}
compose+=(-f docker-compose.yml -f deploy/docker/compose.simulator.yml)
services=(redis simulator configure collector mapper servicenow-writer scheduler)

take_down() {
  local code=$?
  trap - EXIT
  if [ "$code" -ne 0 ]; then "${compose[@]}" logs --no-color --tail=40 || true; fi
  "${compose[@]}" down -v --timeout 30 >/dev/null 2>&1 || true
  if [ "$code" -ne 0 ]; then echo "compose-test: failed"; fi
  exit "$code"
}
trap take_down EXIT

healthy() { # SERVICE
  local id
  id=$("${compose[@]}" ps -q "$1")
  [ -n "$id" ] && [ "$(docker inspect -f '{{.State.Health.Status}}' "$id")" = healthy ]
}

docker build -q -f deploy/docker/Dockerfile -t "$ISTHMUS_IMAGE" \
  --build-arg "PYTHON_IMAGE=${PYTHON_IMAGE:-python:3.12-slim-bookworm}" . >/dev/null
echo "compose-test: image built"
"${compose[@]}" up -d --no-build "${services[@]}"
for service in collector mapper servicenow-writer scheduler; do
  for _ in $(seq 120); do healthy "$service" && break; sleep 1; done
  healthy "$service" || { echo "compose-test: $service did not become healthy"; exit 1; }
done
echo "compose-test: every service is healthy"
"${compose[@]}" exec -T collector python -m deploy.dev.journey /simulator/ready.json
"${compose[@]}" down -v --timeout 60 >/dev/null
trap - EXIT
echo "compose-test: ok"
