#!/usr/bin/env bash
# test: timeout=600
# A short, repeatable run of every fuzz target: the seeds, what once broke something, and a fixed number of changes to them.
exec "$(dirname "${BASH_SOURCE[0]}")/../fuzz/run.sh" --short
