# NovaCPX. `make help` lists the targets; one file, no recursion but for sanitizer variants.

VARIANT ?= debug
VARIANTS := debug release asan ubsan cov fuzz
ifeq ($(filter $(VARIANT),$(VARIANTS)),)
$(error VARIANT=$(VARIANT): one of $(VARIANTS))
endif

ifeq ($(VARIANT),fuzz)
CC := clang
endif
ifeq ($(origin CC),default)
CC := gcc
endif
B := build/$(VARIANT)$(if $(filter clang,$(CC)),-clang)
WERROR ?= 1

PKGS := talloc sqlite3 jansson libgit2 libsystemd yaml-0.1 libidn2 libcrypto lmdb libcrypt zlib
API_PKGS := libmicrohttpd gnutls libseccomp
HAVE_PKGS := $(shell pkg-config --exists $(PKGS) $(API_PKGS) 2>/dev/null && echo yes)
ifeq ($(HAVE_PKGS),yes)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
PKG_LIBS := $(shell pkg-config --libs $(PKGS))
API_PKG_LIBS := $(shell pkg-config --libs $(API_PKGS))
endif

CPPFLAGS := -I. -D_GNU_SOURCE $(PKG_CFLAGS)
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 \
	-Wconversion -Wundef -Wwrite-strings -Wno-missing-field-initializers $(if $(filter 1,$(WERROR)),-Werror)
OPT_debug := -DNOVACPX_FAULTS -O1 -g
OPT_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
LD_release := -pie -Wl,-z,relro,-z,now
OPT_asan := -DNOVACPX_FAULTS -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LD_asan := -fsanitize=address,undefined $(if $(filter clang,$(CC)),,-static-libasan -static-libubsan) # so that machines need no library of it
OPT_ubsan := -DNOVACPX_FAULTS -O1 -g -fsanitize=undefined -fno-sanitize-recover=all
LD_ubsan := -fsanitize=undefined
OPT_cov := -DNOVACPX_FAULTS -O0 -g --coverage
LD_cov := --coverage
OPT_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LD_fuzz := -fsanitize=address,undefined
CFLAGS := -std=c17 $(WARN) $(OPT_$(VARIANT))
LDFLAGS := $(LD_$(VARIANT))

LAYERS := base model renderers state reconciler cli api
LIBS := $(foreach l,cli reconciler state renderers model base,$(B)/$(l).a)
PROGRAMS := novacpx novacpxd novacpx-api
MAIN_novacpx := cli/main.c
MAIN_novacpxd := reconciler/main.c
MAIN_novacpx-api := api/main.c
LIBS_novacpx := $(LIBS)
LIBS_novacpxd := $(LIBS)
# What touches the machine does not link: neither renderers nor reconciler.
LIBS_novacpx-api := $(foreach l,api state model base,$(B)/$(l).a)
PKG_LIBS_novacpx-api = $(API_PKG_LIBS)
MAINS := $(foreach p,$(PROGRAMS),$(MAIN_$(p)))

src_of = $(filter-out $(MAINS),$(sort $(wildcard $(1)/*.c)))
obj_of = $(patsubst %.c,$(B)/%.o,$(call src_of,$(1)))
ALL_C := $(sort $(foreach l,$(LAYERS),$(wildcard $(l)/*.c)) $(wildcard tests/support/*.c tests/unit/*.c tests/fuzz/*.c tests/bench/*.c tests/fault/*.c tests/confined/*.c tests/hostile/*.c tests/load/*.c tests/scenarios/*.c))
ALL_H := $(sort $(foreach l,$(LAYERS),$(wildcard $(l)/*.h)) $(wildcard tests/support/*.h tests/hostile/*.h tests/scenarios/*.h))
UNIT := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(sort $(wildcard tests/unit/*.c)))

.PHONY: all
all: $(PROGRAMS:%=$(B)/%) ## build the programs (VARIANT=debug release asan ubsan cov; CC=clang)

define layer_lib
$(B)/$(1).a: $(call obj_of,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_lib,$(l))))

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

define program
$(B)/$(1): $(B)/$(MAIN_$(1):.c=.o) $(LIBS_$(1))
	$$(CC) $$(CFLAGS) $$(LDFLAGS) $$^ $$(PKG_LIBS) $(PKG_LIBS_$(1)) -o $$@
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

SUPPORT := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/support/*.c)))
$(B)/tests/support.a: $(filter-out %/testing.o,$(SUPPORT))
	@rm -f $@
	ar rcs $@ $^

$(UNIT): $(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/tests/support/testing.o $(B)/tests/support.a $(B)/api.a $(LIBS)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(PKG_LIBS) $(API_PKG_LIBS) -lcmocka -o $@

HOSTILE := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/hostile/*.c)))
$(B)/tests/hostile/hostile: $(HOSTILE) $(B)/tests/support/testing.o $(B)/tests/support.a $(B)/api.a $(LIBS)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(PKG_LIBS) $(API_PKG_LIBS) -lcmocka -o $@

.PHONY: hostile
hostile: ## hostile requests against the API with ASan and UBSan (SEED=1 N=10000 ROUND=)
	tests/hostile/run

$(B)/tests/confined/confined: $(B)/tests/confined/confined.o $(LIBS_novacpx-api)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(PKG_LIBS) $(API_PKG_LIBS) -o $@

SCENARIO := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/scenarios/*.c)))
$(B)/tests/scenarios/scenario: $(SCENARIO) $(LIBS)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(PKG_LIBS) -o $@

.PHONY: everything
everything: all $(UNIT) $(B)/tests/scenarios/scenario $(B)/tests/hostile/hostile $(B)/tests/confined/confined

.PHONY: scenarios
scenarios: $(B)/tests/scenarios/scenario ## play the scenarios (root; SCENARIO=update writes what is expected)
	tests/scenarios/run $(ONLY)

.PHONY: unit
unit: $(UNIT) ## unit and golden tests alone
	prove -j2 $(if $(V),-v) -e '' $(UNIT)

.PHONY: deps test
deps: ## install the Debian packages needed to build (root)
	tests/deps build

test: ## install what the tests need and run them all (root)
	tests/run

# Trying it out: a sandbox in ./run, which the installed daemons serve on high ports. NOVACPX=PATH uses programs that
# are built already; RUN=DIR puts the sandbox elsewhere.

RUN ?= run
EXAMPLE := -f examples/hosting -f examples/sandbox
APPLY = $(SANDBOX) apply --yes --no-diff -m "make run"
SANDBOX = $(or $(NOVACPX),$(B)/novacpx) --root $(RUN)

.PHONY: run stop
run: ## serve examples/ in a sandbox under ./run, install what that needs, say where to look (root)
	@tests/deps $(if $(NOVACPX),,build) run
	$(if $(NOVACPX),,+@$(MAKE) -s all)
	@$(SANDBOX) sandbox init
	@install -m 0600 examples/sandbox/netrc $(RUN)/root/.netrc
	@install -m 0600 examples/sandbox/login $(RUN)/root/login
# The ports first, so that no daemon ever opens a usual one. None runs yet, and 5 is how apply says so.
	@$(APPLY) -f examples/sandbox >$(RUN)/var/log/ports.log 2>&1 || [ $$? -eq 5 ] || { cat $(RUN)/var/log/ports.log; exit 1; }
# A daemon that cannot run here said why; the others shall serve all the same.
	@$(SANDBOX) sandbox start; started=$$?; $(APPLY) $(EXAMPLE) || [ $$? -eq 5 ] || exit; \
		$(SANDBOX) sandbox status && echo "or:   make stop" && exit $$started

stop: ## stop what `make run` started; what is in ./run stays
	@$(SANDBOX) sandbox stop

# Fuzzing: every target over its corpus with the sanitizers; `make fuzz TARGET=doc SECONDS=60` searches on.

FUZZ := $(patsubst tests/fuzz/fuzz_%.c,$(B)/tests/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

$(FUZZ): $(B)/tests/fuzz/%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/support.a $(LIBS)
	clang $(LDFLAGS) -fsanitize=fuzzer $^ $(PKG_LIBS) -o $@

.PHONY: fuzz-corpus fuzz-corpus-run fuzz
fuzz-corpus: ## run the fuzz targets over their corpora
	+$(MAKE) -s VARIANT=fuzz fuzz-corpus-run

fuzz-corpus-run: $(FUZZ)
	@for f in $(FUZZ); do $$f -runs=0  tests/fuzz/corpus/$${f##*/} >$$f.log 2>&1 || { cat $$f.log; exit 1; }; done

SECONDS ?= 60
fuzz: ## search with one fuzz target: TARGET=doc SECONDS=60
	+$(MAKE) -s VARIANT=fuzz build/fuzz-clang/tests/fuzz/$(TARGET)
	mkdir -p build/fuzz-found/$(TARGET)
	build/fuzz-clang/tests/fuzz/$(TARGET) -max_total_time=$(SECONDS) build/fuzz-found/$(TARGET) tests/fuzz/corpus/$(TARGET)

# Measuring: the engine's work beside a floor that does the raw work of the same bytes.

BENCH_API := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/bench/api*.c)) $(addprefix tests/bench/,bench.c generate.c machine.c sample.c))
BENCH_ENGINE := $(patsubst %.c,$(B)/%.o,$(filter-out tests/bench/api%.c tests/bench/bench.c,$(sort $(wildcard tests/bench/*.c))))

$(B)/tests/bench/bench: $(BENCH_API) $(B)/api.a $(LIBS)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(PKG_LIBS) $(API_PKG_LIBS) -o $@

$(B)/tests/bench/engine: $(BENCH_ENGINE) $(LIBS)
	$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--wrap=act_zones $^ $(PKG_LIBS) -o $@

.PHONY: bench
bench: ## measure against the raw work of the same bytes (root; BENCH_N="100 1000", BENCH_PART=engine or api)
	+$(MAKE) -s VARIANT=release all build/release/tests/bench/bench build/release/tests/bench/engine
	build/release/tests/bench/bench
	$(if $(filter api,$(BENCH_PART)),,-tests/bench/daemons)

# Lints

.PHONY: layer-check pure-check hdr-check tidy cppcheck static lint
layer-check: ## who may include whom
	tests/lint/layer-check

pure-check: $(call obj_of,renderers) ## renderers have no file, clock, environment or process symbol
	tests/lint/pure-check $(B)

hdr-check: ## each header compiles alone
	tests/lint/hdr-check $(CC) $(CPPFLAGS) $(CFLAGS) -- $(ALL_H)

tidy: ## clang-tidy
	@mkdir -p build
	@printf '%s\n' $(filter-out tests/%,$(ALL_C)) | xargs -P"$$(nproc)" -n4 sh -c \
		'exec clang-tidy --quiet "$$@" -- -std=c17 $(CPPFLAGS)' tidy 2>build/tidy.err || { cat build/tidy.err; exit 1; }

# In provider.c and plan.c of "what is wanted" and "what there was" one at least is given.
cppcheck: ## cppcheck
	cppcheck --std=c11 --enable=warning,performance,portability --error-exitcode=1 --inline-suppr -q -I. \
		--suppress=missingIncludeSystem --suppress=nullPointerRedundantCheck:reconciler/provider.c \
		--suppress=nullPointer:reconciler/plan.c $(LAYERS)

static: tidy cppcheck

lint: layer-check pure-check hdr-check format-check static ## all of them

# The reference is written from the tables

.PHONY: reference reference-check
reference: $(B)/novacpx ## write docs/reference.md from the tables
	$(B)/novacpx reference >docs/reference.md

reference-check: $(B)/novacpx ## docs/reference.md is what the tables say
	@$(B)/novacpx reference | diff -u docs/reference.md - || \
		{ echo 'docs/reference.md is stale: make reference' >&2; exit 1; }

# Installing on a server

PREFIX ?= /usr
DESTDIR ?=

UNITS := reconciler/novacpxd.service api/novacpx-api.service api/novacpx-api.socket
INSTALL = install -D -m

.PHONY: install install-units
install: install-units ## install programs, manual page, completion, units, user and folders (DESTDIR=, PREFIX=/usr)
	+$(MAKE) -s VARIANT=release
	$(INSTALL) 0755 build/release/novacpx $(DESTDIR)$(PREFIX)/bin/novacpx
	$(INSTALL) 0755 build/release/novacpxd $(DESTDIR)$(PREFIX)/sbin/novacpxd
	$(INSTALL) 0755 build/release/novacpx-api $(DESTDIR)$(PREFIX)/sbin/novacpx-api
	install -d $(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	build/release/novacpx man >$(DESTDIR)$(PREFIX)/share/man/man8/novacpx.8
	build/release/novacpx completion >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/novacpx

# What says how they are run. Programs elsewhere than in /usr: the units name them there.
install-units:
	@for unit in $(UNITS); do \
		$(INSTALL) 0644 $$unit $(DESTDIR)/lib/systemd/system/$${unit##*/} && \
		sed -i 's|=/usr/sbin/novacpx|=$(PREFIX)/sbin/novacpx|' $(DESTDIR)/lib/systemd/system/$${unit##*/} || exit; \
	done
	$(INSTALL) 0644 api/novacpx.sysusers $(DESTDIR)/usr/lib/sysusers.d/novacpx.conf
	$(INSTALL) 0644 api/novacpx.tmpfiles $(DESTDIR)/usr/lib/tmpfiles.d/novacpx.conf

.PHONY: format format-check
format: ## format the code
	clang-format -i $(ALL_C) $(ALL_H)

format-check: ## check the formatting
	clang-format --dry-run -Werror $(ALL_C) $(ALL_H)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | sort | expand -t 16

.PHONY: clean
clean: ## remove what was built
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
