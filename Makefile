# xortrain. `make help` lists the goals.
#
# One tree a variant: build/release, build/debug, build/asan. Sources are found
# by folder, so a new file needs no line here.

VARIANT ?= release
PREFIX ?= /usr/local
B := build/$(VARIANT)

CC ?= gcc
WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wdouble-promotion
OPT_release := -O3 -g -DNDEBUG
OPT_debug := -O0 -g3
OPT_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
OPT := $(OPT_$(VARIANT))
# -ffp-contract=off: the reference engine's and the initialisers' bits must not
# depend on whether the compiler finds a fused multiply-add.
ALL_CFLAGS = -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -DCL_TARGET_OPENCL_VERSION=120 \
             -Isrc -isystem cl -ffp-contract=off $(WARNINGS) $(OPT) $(WERROR) $(CFLAGS)
LIBS = -lOpenCL -lyaml -lcsv -ljansson -lxxhash -lm -ldl -pthread

# One job a core unless the caller said otherwise.
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif

LIB_SRC := $(filter-out src/cli/main.c,$(wildcard src/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(B)/tests/%)

.PHONY: all test deps clean
all: $(UNIT_BIN)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/libxortrain.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(B)/tests/%: $(B)/tests/unit/%.o $(B)/libxortrain.a
	@mkdir -p $(@D)
	$(CC) $(OPT) $^ $(LIBS) -lcmocka -o $@

test: $(UNIT_BIN)
	@set -e; for t in $(UNIT_BIN); do echo "== $$t"; $$t; done

deps:
	apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy gcc libc6-dev ocl-icd-opencl-dev \
	    pocl-opencl-icd libclblast-dev libyaml-dev libcsv-dev libjansson-dev libxxhash-dev libcmocka-dev

clean:
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.SECONDARY:
