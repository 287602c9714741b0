# What tests/bench/run and tests/bench/large share; they source it in the repository's root,
# with the build's folder in $1 and the default of BENCH_ROUNDS in `rounds`.
#
# What is compared takes turns, A B A B ..., BENCH_ROUNDS times. A ratio is taken
# within a round, so that a machine that is slow for a while is slow for both; the
# table has the median of these ratios and the lowest. A ratio is of times, ours
# over the other's, below 1 where ours is faster, unless its row says of rates.
# A number never fails a run; what cannot be run does.
build=$(realpath "${1:?usage: $0 BUILD}")
program=$build/xortrain bench=$build/tests/bench
rounds=${BENCH_ROUNDS:-$rounds} slot=0.15
tmp=$(mktemp -d /tmp/xortrain-bench.XXXXXX) || exit 1
raw=$tmp/raw rows=$tmp/rows memory=
: >"$raw" >"$rows"
servers=()
cleanup() {
    [ ${#servers[@]} -eq 0 ] || kill "${servers[@]}" 2>/dev/null
    [ -z "$memory" ] || rm -rf "$memory"
    rm -rf "$tmp" 2>/dev/null || { sleep 1; rm -rf "$tmp"; } # a compiler may have been interrupted
}
trap cleanup EXIT
trap 'exit 143' TERM
trap : PIPE # a server that has ended: `ask` finds no answer

die() {
    echo "bench: $*" >&2
    [ ! -s "$tmp/err" ] || tail -n 20 "$tmp/err" >&2
    exit 1
}
note() { echo "bench: $*" >&2; }
[ "$rounds" -ge 1 ] 2>/dev/null || die "BENCH_ROUNDS is '$rounds'; expected a number from 1"

# ---- measuring: each adds lines "KEY ROUND VALUE..." to $raw ----

# process KEY ROUND COMMAND...: its seconds and those of the processor; round 0 is a warm-up
process() {
    local key=$1 round=$2 seconds; shift 2
    seconds=$("$bench/process" "$@" 2>"$tmp/err") || die "this failed: $*"
    [ "$round" -eq 0 ] || echo "$key $round $seconds" >>"$raw"
}

# use_caches NAME: what is compiled is kept in a folder of that name
use_caches() {
    export XORTRAIN_CACHE_DIR=$tmp/$1/xortrain POCL_CACHE_DIR=$tmp/$1/pocl
    mkdir -p "$XORTRAIN_CACHE_DIR" "$POCL_CACHE_DIR"
}

# serve NAME COMMAND...: starts what `ask` asks
serve() {
    local name=$1; shift
    mkfifo "$tmp/$name.in" "$tmp/$name.out"
    "$@" <"$tmp/$name.in" >"$tmp/$name.out" 2>"$tmp/$name.err" &
    servers+=($!)
    exec {to}>"$tmp/$name.in" {from}<"$tmp/$name.out"
    eval "to_$name=$to from_$name=$from"
}

# ask SERVER ROUND NAME SUBJECT: NAME is a network's or a data set's
ask() {
    local answer to=to_$1 from=from_$1
    echo "$3 $4 $slot" >&"${!to}"
    read -r answer <&"${!from}" || { cp "$tmp/$1.err" "$tmp/err"; die "$3 $4 cannot be measured"; }
    [ "$2" -eq 0 ] || echo "$3/$4 $2 $answer" >>"$raw"
}

# ---- the table ----

# row TITLE OURS OTHER FIELD UNIT [TARGET [GROUP]]: a row of the table, of two keys. FIELD of a
# measurement counts; UNIT s is a time, any other a rate; TARGET: "<= 2", "time < 1.5", "rate >= 0.3",
# or "rate" for a ratio of rates without a target. `summary` takes the rows of a GROUP together.
row() {
    echo "$1	$2	$3	$4	$5	${6-}	${7-}" >>"$rows"
}
# summary TITLE mean|lowest GROUP TARGET: a row of the geometric mean, or the lowest, of the ratios of a group's rows
summary() {
    echo "$1	$2	$3			$4	" >>"$rows"
}

# describe AGAINST: what is measured and where; AGAINST names the others
describe() {
    echo "xortrain   $("$program" --version | cut -d ' ' -f 2), commit $(git describe --always --dirty 2>/dev/null || echo unknown)"
    echo "machine    $(sed -n 's/^model name[ \t]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores, $(uname -sm)"
    "$program" devices | sed '1s/^/device     /; 1!s/^ */           /' || return 1
    sed '1s/^/against    /; 1!s/^/           /' <<<"$1"
    echo "rounds     $rounds"
}

# table [FILE]: prints the rows, and what the awk program in FILE makes of the measurements
table() {
    awk -F '\t' -v raw="$raw" -f tests/bench/table.awk ${1:+-f "$1"} "$rows"
}
