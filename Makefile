# xortrain. `make help` lists the goals.
#
# One tree a variant: build/release, build/debug, build/asan. Sources are found
# by folder, so a new file needs no line here.

VARIANT ?= release
PREFIX ?= /usr/local
B := build/$(VARIANT)
BIN := $(B)/xortrain
DOC_DIR = $(DESTDIR)$(PREFIX)/share/doc/xortrain
VERSION := 0.1.0

CC := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 \
            -Wdouble-promotion -Wimplicit-fallthrough
OPT_release := -O3 -g
OPT_debug := -O0 -g3
OPT_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
OPT = $(OPT_$(VARIANT))
ifeq ($(OPT),)
$(error VARIANT is '$(VARIANT)'; there are release, debug and asan)
endif
# -ffp-contract=off: the reference engine's and the initialisers' bits must not
# depend on whether the compiler finds a fused multiply-add.
ALL_CFLAGS = -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -DCL_TARGET_OPENCL_VERSION=120 \
             -DXT_VERSION='"$(VERSION)"' -Isrc -isystem cl -ffp-contract=off -fstack-protector-strong \
             $(WARNINGS) $(OPT) $(WERROR) $(CFLAGS)
# These by their archives, where there are any: a driver's library looks its
# thousands of symbols up in every shared one of the program first (1 ms). libcsv
# is LGPL and stays shared. `make ARCHIVES=` has all of them shared.
ARCHIVES := yaml jansson xxhash z
archive = $(if $(filter $1,$(ARCHIVES)),$(filter /%,$(shell $(CC) -print-file-name=lib$1.a 2>/dev/null)))
LIBS := -pthread -lOpenCL -lcsv $(foreach lib,yaml jansson xxhash z,$(or $(call archive,$(lib)),-l$(lib))) -lm -ldl

# What a build needs, and what the tests need beyond it (Debian's names).
BUILD_PACKAGES := gcc libc6-dev ocl-icd-opencl-dev pocl-opencl-icd libclblast-dev libyaml-dev libcsv-dev \
                  libjansson-dev libxxhash-dev zlib1g-dev
TEST_PACKAGES := libcmocka-dev oclgrind gnuplot-nox xxhash clang locales dataset-fashion-mnist parallel miller
BENCH_PACKAGES := clinfo libopenblas-dev dataset-fashion-mnist
# header:package, to name what is missing
HEADERS := stdio.h:libc6-dev CL/cl.h:ocl-icd-opencl-dev clblast_c.h:libclblast-dev yaml.h:libyaml-dev \
           csv.h:libcsv-dev jansson.h:libjansson-dev xxhash.h:libxxhash-dev zlib.h:zlib1g-dev

# One job a core unless the caller said otherwise.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

# `make V=1` shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),@:,@echo "  $1  $@")

CL_FILES := $(sort $(wildcard cl/*))
LIB_SRC := $(filter-out src/cli/main.c,$(wildcard src/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o) $(B)/gen/cl_files.o
TEST_SRC := $(wildcard tests/unit/test_*.c tests/device/test_*.c)
TEST_BIN := $(TEST_SRC:tests/%.c=$(B)/tests/%)
TEST_HELP := $(patsubst %.c,$(B)/%.o,$(filter-out $(TEST_SRC),$(wildcard tests/unit/*.c tests/device/*.c)))
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
REPLAY_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/tests/fuzz/%)
BENCH_BIN := $(addprefix $(B)/tests/bench/,load many nets process tutorial)
LARGE_BIN := $(addprefix $(B)/tests/bench/,epochs process products)
WITH_TESTS := $(filter test check-all lint fuzz faults,$(MAKECMDGOALS))
WITH_BENCH := $(filter bench bench-large,$(MAKECMDGOALS))

.PHONY: all run test lint fuzz faults bench bench-large docs deps install uninstall clean help release debug asan tests-built
.SECONDARY:
.DELETE_ON_ERROR:

all: $(BIN) ## build the program (build/release/xortrain); installs nothing

# `make deps run` and `make deps test` are complete: what is built waits for deps.
ifneq ($(filter deps,$(MAKECMDGOALS)),)
AFTER_DEPS := deps
endif

build/headers-found: | $(AFTER_DEPS)
	@mkdir -p build
	@command -v $(firstword $(CC)) >/dev/null || { \
	    echo "make: there is no compiler '$(firstword $(CC))'; a build needs these packages: $(BUILD_PACKAGES)" >&2; \
	    echo "make: install what is missing with: make deps" >&2; exit 1; }
	@missing=; for pair in $(HEADERS); do \
	    echo "#include <$${pair%%:*}>" | $(CC) -DCL_TARGET_OPENCL_VERSION=120 -E -x c - >/dev/null 2>&1 || missing="$$missing $${pair#*:}"; \
	done; \
	if [ -n "$$missing" ]; then \
	    echo "make: packages are missing:$$missing" >&2; \
	    echo "make: install them with: make deps    (on other systems: their counterparts)" >&2; exit 1; \
	fi
	@touch $@

$(B)/%.o: %.c Makefile | build/headers-found
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -MD -MP -c $< -o $@

# The kernels as bytes: name, text and length of every file in cl/.
$(B)/gen/cl_files.c: $(CL_FILES) Makefile
	@mkdir -p $(@D)
	@{ echo '#include "ocl/embed.h"'; i=0; \
	for f in $(CL_FILES); do \
	    echo "static const char text_$$i[] = {"; od -An -v -tx1 $$f | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'; echo '0};'; \
	    i=$$((i + 1)); \
	done; \
	echo 'const xt_cl_file xt_cl_files[] = {'; i=0; \
	for f in $(CL_FILES); do \
	    echo "    {\"$${f#cl/}\", text_$$i, sizeof text_$$i - 1},"; i=$$((i + 1)); \
	done; \
	echo '};'; echo 'const size_t xt_n_cl_files = sizeof xt_cl_files / sizeof xt_cl_files[0];'; } >$@

$(B)/gen/%.o: $(B)/gen/%.c | build/headers-found
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(B)/libxortrain.a: $(LIB_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(BIN): $(B)/src/cli/main.o $(B)/libxortrain.a
	$(call say,LD)
	$(Q)$(CC) $(OPT) $(LDFLAGS) $^ $(LIBS) -o $@

$(B)/tests/unit/% $(B)/tests/device/%: LIBS += -lcmocka
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(TEST_HELP) $(B)/libxortrain.a
	$(call say,LD)
	$(Q)$(CC) $(OPT) $(LDFLAGS) $^ $(LIBS) -o $@
$(B)/tests/device/%: $(B)/tests/device/%.o $(TEST_HELP) $(B)/libxortrain.a
	$(call say,LD)
	$(Q)$(CC) $(OPT) $(LDFLAGS) $^ $(LIBS) -o $@
$(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/replay.o $(B)/libxortrain.a
	$(call say,LD)
	$(Q)$(CC) $(OPT) $(LDFLAGS) $^ $(LIBS) -o $@

# The program with calls that fail on demand: each that has its __wrap_ in tests/fault/wrap.c.
FAULT_BIN := $(B)/tests/fault/xortrain
$(FAULT_BIN): $(B)/tests/fault/wrap.o $(B)/src/cli/main.o $(B)/libxortrain.a
	$(call say,LD)
	$(Q)$(CC) $(OPT) $(LDFLAGS) $$(nm $< | sed -n 's/.* T __wrap_/-Wl,--wrap=/p') $^ $(LIBS) -o $@

# What the program is measured against has no flags of ours.
$(addprefix $(B)/tests/bench/tutorial_,plain.o tuned.o native.o): $(B)/tests/bench/tutorial_%.o: tests/bench/tutorial.c tests/bench/tutorial.h Makefile | build/headers-found
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -O3 $(if $(filter native,$*),-march=native) $(if $(filter-out plain,$*),-DTUNED) -DTUTORIAL=tutorial_$* -c $< -o $@
$(B)/tests/bench/tutorial: $(B)/tests/bench/tutorial_main.o $(B)/tests/bench/tutorial_plain.o
	$(call say,LD)
	$(Q)$(CC) $(OPT) $(LDFLAGS) $^ -o $@
$(B)/tests/bench/process: $(B)/tests/bench/process.o $(B)/libxortrain.a
	$(call say,LD)
	$(Q)$(CC) $(OPT) $(LDFLAGS) $^ -o $@
$(B)/tests/bench/load $(B)/tests/bench/epochs: $(B)/tests/bench/%: $(B)/tests/bench/%.o $(B)/libxortrain.a
	$(call say,LD)
	$(Q)$(CC) $(OPT) $(LDFLAGS) $^ $(LIBS) -o $@
$(B)/tests/bench/many: $(addprefix $(B)/tests/bench/,many.o tutorial_plain.o) $(B)/libxortrain.a
	$(call say,LD)
	$(Q)$(CC) $(OPT) $(LDFLAGS) $^ $(LIBS) -o $@
$(B)/tests/bench/nets: $(addprefix $(B)/tests/bench/,nets.o blas.o tutorial_plain.o tutorial_tuned.o tutorial_native.o) $(B)/libxortrain.a | build/bench-found
	$(call say,LD)
	$(Q)$(CC) $(OPT) $(LDFLAGS) $^ $(LIBS) -lopenblas -o $@

$(B)/tests/bench/products: $(addprefix $(B)/tests/bench/,products.o blas.o device_product.o ours.o) $(B)/libxortrain.a | build/bench-found
	$(call say,LD)
	$(Q)$(CC) $(OPT) $(LDFLAGS) $^ $(LIBS) -lopenblas -o $@

build/bench-found: build/headers-found
	@{ command -v clinfo && echo 'int main(void) { return 0; }' | $(CC) -x c - -lopenblas -o $@; } >/dev/null 2>&1 || { \
	    echo "make: the bench needs these packages: $(BENCH_PACKAGES)" >&2; \
	    echo "make: install what is missing with: make deps bench" >&2; exit 1; }
	@touch $@

release debug asan: ## build a variant into build/<variant>/
	@$(MAKE) --no-print-directory VARIANT=$@ all

run: $(BIN) ## train the tutorial's network: configs/xor.yaml
	$(BIN) --config configs/xor.yaml

tests-built: $(BIN) $(TEST_BIN) $(REPLAY_BIN) $(FAULT_BIN)

test: lint ## every test: lint, units, devices, command line, fuzz corpus, sanitisers, oclgrind
	@$(MAKE) --no-print-directory VARIANT=release WERROR=-Werror tests-built
	@$(MAKE) --no-print-directory VARIANT=asan WERROR=-Werror tests-built
	@tests/run

lint: $(BIN) | $(AFTER_DEPS) ## include law, file sizes, generated documentation, both compilers
	@tests/lint/run

bench: $(BIN) $(BENCH_BIN) ## measure, against other programs in the same run (BENCH_ROUNDS, PYTHON)
	@tests/bench/run $(B)

bench-large: $(BIN) $(LARGE_BIN) ## measure large networks likewise (BENCH_ROUNDS, PYTHON, BENCH_PARTS)
	@tests/bench/large $(B)

fuzz: | $(AFTER_DEPS) ## fuzz every parser for a minute each (FUZZ_SECONDS)
	@tests/fuzz/run $(or $(FUZZ_SECONDS),60)

faults: | $(AFTER_DEPS) ## make every call fail once; `make test` takes samples (an hour; KILLS runs killed: 1000)
	@$(MAKE) --no-print-directory VARIANT=release build/release/xortrain build/release/tests/fault/xortrain
	@$(MAKE) --no-print-directory VARIANT=asan build/asan/xortrain build/asan/tests/fault/xortrain
	@tests/fault/full build/release || [ $$? -eq 77 ]
	@tests/fault/kill build/release $(or $(KILLS),1000)
	@tests/fault/run build/release
	@tests/fault/run build/asan

docs: $(BIN) ## write docs/CONFIG.md anew from the schema
	$(BIN) config --document >docs/CONFIG.md

deps: ## install what is missing (Debian; sudo when not root)
	@command -v apt-get >/dev/null || { echo "make: 'make deps' needs apt-get; install by hand: $(BUILD_PACKAGES)" >&2; exit 1; }
	@missing=$$(for p in $(BUILD_PACKAGES) $(if $(WITH_TESTS),$(TEST_PACKAGES)) $(if $(WITH_BENCH),$(BENCH_PACKAGES)); do \
	    dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q ' installed$$' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	    sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	    $$sudo apt-get -q update && \
	    $$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends $$missing; \
	fi

install: $(BIN) ## install to $(DESTDIR)$(PREFIX)
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DOC_DIR)/docs/design" "$(DOC_DIR)/configs" "$(DOC_DIR)/data"
	install -m 755 $(BIN) "$(DESTDIR)$(PREFIX)/bin/xortrain"
	install -m 644 README.md "$(DOC_DIR)"
	install -m 644 docs/*.md docs/*.svg "$(DOC_DIR)/docs"
	install -m 644 docs/design/* "$(DOC_DIR)/docs/design"
	install -m 644 configs/* "$(DOC_DIR)/configs"
	install -m 644 data/* "$(DOC_DIR)/data"

uninstall: ## remove what install put there
	rm -f "$(DESTDIR)$(PREFIX)/bin/xortrain"
	rm -rf "$(DOC_DIR)"

clean: ## remove build/
	rm -rf build

help: ## this list
	@grep -hE '^[a-z][a-z -]*:.*## ' $(firstword $(MAKEFILE_LIST)) | sed 's/:.*## /\t/' | expand -t 22

-include $(shell find $(B) -name '*.d' 2>/dev/null)
