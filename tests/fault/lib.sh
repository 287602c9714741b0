# What the scripts here share; sourced after $plain, the program, is set.

# A training that checkpoints every epoch, with all that has a state between
# epochs: the order of the rows, dropout, the optimiser, early stopping's best.
write_config() {
    cat >run.yaml <<'YAML'
name: run
engine: reference
data:
  train: {generate: spirals, samples: 60, noise: 0.1}
  validation: {split: 0.2}
model: {layers: [{units: 8, activation: tanh, dropout: 0.2}, {units: 1, activation: sigmoid}]}
loss: binary_cross_entropy
optimizer: {type: adam, learning_rate: 0.01}
schedule: {type: cosine}
train: {epochs: 40, batch_size: 8}
metrics: [accuracy]
early_stopping: {monitor: val_loss, patience: 30, restore_best: true}
checkpoint: {every: 1}
output: {dir: out}
YAML
}

# check_directory DIRECTORY BEFORE: prints what is wrong with what a run has left there; BEFORE is the
# directory as it was before the run.
check_directory() {
    local file
    for file in "$1"/*.safetensors "$1"/before/*.safetensors; do
        [ ! -e "$file" ] || "$plain" inspect "$file" >/dev/null || echo "$file is no model"
    done
    ! compgen -G "$2/*.safetensors" >/dev/null || compgen -G "$1/*.safetensors" >/dev/null ||
        compgen -G "$1/before/*.safetensors" >/dev/null || echo "no model is left"
    [ ! -s "$1/loss.csv" ] || [ -z "$(tail -c 1 "$1/loss.csv")" ] || echo "half a row is left"
}

# Prints in what the runs in two directories differ, but for their times.
differences() {
    diff <(sed 's/,[^,]*$//' "$1/loss.csv") <(sed 's/,[^,]*$//' "$2/loss.csv") | head -4
    cmp "$1/model.safetensors" "$2/model.safetensors"
    diff <(grep '"[a-z_]*xxh3_128"' "$1/run.json") <(grep '"[a-z_]*xxh3_128"' "$2/run.json")
}
