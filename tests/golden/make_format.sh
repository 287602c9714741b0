#!/bin/bash
# Writes tests/golden/format/VERSION: a model and a checkpoint as this version writes them, which every later version
# must read (tests/cli/format.md). Run once a version whose files are other ones; those of earlier versions stay.
#
#   tests/golden/make_format.sh PROGRAM      such as build/release/xortrain
set -eu
program=$(realpath "$1")
root=$(cd "$(dirname "$0")/../.." && pwd)
version=$("$program" --version | cut -d' ' -f2)
out=$root/tests/golden/format/$version
mkdir -p "$out"
# The configuration in a file has whole paths: of a directory that says nothing of the machine.
mkdir /tmp/format && cd /tmp/format
trap 'rm -rf /tmp/format' EXIT
cp "$root/data/penguins.csv" .
# Every part of a file: text classes, one-hot inputs, means for what is missing, normalisation, two values a parameter of
# the optimiser, a plateau, the weights of a best epoch.
cat >config.yaml <<'END'
name: format
seed: 5
engine: reference
data:
  train: {file: penguins.csv, targets: [species], ignore: [year, sex], encode: [island], missing: mean}
  validation: {split: 0.2, stratify: true}
  test: {split: 0.2, stratify: true}
  normalize: standard
model:
  layers:
    - {units: 7, activation: gelu, dropout: 0.1}
    - {units: 3, activation: softmax}
loss: {type: cross_entropy, label_smoothing: 0.05, class_weights: balanced}
optimizer: {type: adamw, learning_rate: 0.01}
schedule: {type: plateau, factor: 0.5, patience: 3}
train: {epochs: 30, batch_size: 16}
metrics: [accuracy, {type: f1, average: macro}]
early_stopping: {patience: 25}
checkpoint: {every: 17, keep: 2}
END
"$program" -c config.yaml -q -o run
cp config.yaml "$out/config.yaml"
cp run/model.safetensors "$out/model.safetensors"
cp run/previous.safetensors "$out/checkpoint.safetensors"
head -12 penguins.csv >"$out/rows.csv"
"$program" predict "$out/model.safetensors" "$out/rows.csv" >"$out/outputs.csv"
tail -3 run/loss.csv | sed 's/,[^,]*$//' >"$out/last_rows.csv"
