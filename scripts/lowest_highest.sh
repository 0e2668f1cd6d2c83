#!/usr/bin/env bash
# Run the tests with the oldest and with the newest versions that pyproject.toml admits.
# usage: [PYTHON=python3.10] scripts/lowest_highest.sh [lowest-direct | highest]
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_LINK_MODE=copy

for resolution in ${1:-lowest-direct highest}; do
  venv=.venv-$resolution
  uv="$venv/bin/uv"
  echo "== $resolution"
  "${PYTHON:-python3}" -m venv --clear "$venv"
  "$venv/bin/python" -m pip install --quiet uv
  # What pyproject.toml does not name is free: the tools may want another version of it.
  "$uv" pip compile --quiet --python "$venv/bin/python" --no-header --annotation-style line \
    --resolution "$resolution" --extra all pyproject.toml | grep pyproject.toml >"$venv/versions.txt"
  # The tools are the newest that go with those versions.
  "$uv" pip install --quiet --python "$venv/bin/python" -c "$venv/versions.txt" --group dev -e '.[all]'
  grep -E '^(httpx|pydantic|langchain-core|llama-index-core)==' "$venv/versions.txt"
  "$venv/bin/python" -m pytest -n 2 -m "not packaging"
  if [ "$resolution" = lowest-direct ]; then
    # LlamaIndex asks for a newer pydantic than the project does without it.
    pydantic=$(sed -n 's/^dependencies = .*"pydantic>=\([^,]*\),.*/pydantic==\1/p' pyproject.toml)
    echo "== $pydantic, without LlamaIndex"
    "$uv" pip install --quiet --python "$venv/bin/python" "$pydantic"
    "$venv/bin/python" -m pytest -n 2 -k "not llama" \
      tests/{bulk,langchain,memory,resources,sandbox,wire} tests/test_*.py
  fi
done
