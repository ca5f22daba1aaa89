# SPDX-License-Identifier: Apache-2.0
# A screen of shorthand over Meson and tools/; `make help` says what each word does.
BUILD   ?= build
PREFIX  ?= /usr/local
CORPORA ?=
T       ?= dockerfile
SECONDS ?= 60
FAMILY  ?=
setup = test -f $(1)/build.ninja || { mkdir -p $(1) && meson setup $(1) $(2) >$(1)/setup.log || { cat $(1)/setup.log; rm -rf $(1)/meson-private; exit 1; }; }
sanitize = -Db_lundef=false -Db_sanitize=$(1)

.PHONY: all deps check debug tsan lint format golden-update fuzz torture fuzz-build bench demo conform cover install install-docker-shim uninstall-docker-shim clean help
all: $(BUILD)/build.ninja        ## build/decant
	@ninja -C $(BUILD) --quiet && ln -sfn src/cli/decant $(BUILD)/decant
$(BUILD)/build.ninja:
	@command -v meson ninja cc >/dev/null || { echo "something is missing: run tools/install-deps.sh (as root)"; exit 1; }
	@$(call setup,$(BUILD))
deps:                            ## install the Debian packages that building and testing need (root)
	@tools/install-deps.sh build test
check: deps all                  ## every test: unit, fuzz corpora, golden, end to end
	@tools/run-tests --build $(BUILD)
debug: deps                      ## the same with AddressSanitizer and UBSan (build-debug/)
	@$(call setup,build-debug,$(call sanitize,address$(comma)undefined))
	@$(MAKE) --no-print-directory all BUILD=build-debug && tools/run-tests --build build-debug
tsan: deps                       ## the tests that use threads, with ThreadSanitizer (build-tsan/)
	@$(call setup,build-tsan,$(call sanitize,thread))
	@$(MAKE) --no-print-directory all BUILD=build-tsan && tools/run-threads build-tsan
lint: all                        ## format, tidy, layers, symbols, headers, docs, man pages, banned calls, scripts, spelling
	@tools/install-deps.sh lint && tools/lint --build $(BUILD)
format:                          ## rewrite the C files as .clang-format has them
	@git ls-files 'src/*.[ch]' 'bench/*.[ch]' 'tests/*.[ch]' | xargs clang-format -i
golden-update: all               ## write what decant does now into tests/golden (read the diff!)
	@tools/run-golden --decant $(BUILD)/decant --update
fuzz:                            ## fuzz one reader: make fuzz T=dockerfile SECONDS=60 (clang)
	@tools/fuzz --seconds $(SECONDS) $(T)
torture: all                     ## stress, signals, damage, fuzz: what takes long; goes on where it was stopped; one: make torture FAMILY=stress
	@tools/torture $(FAMILY)
fuzz-build: deps
	@tools/install-deps.sh fuzz
	@$(call setup,build-fuzz,--native-file tools/clang.ini -Dfuzz=true $(call sanitize,address$(comma)undefined))
bench: all                       ## the numbers that the documents quote, beside their floors
	@bench/run --build $(BUILD)
demo:                            ## build and run examples/go-server, from nothing
	@examples/demo.sh
conform: all                     ## judge decant by a folder of conformance suites: make conform CORPORA=DIR
	@[ -n "$(CORPORA)" ] || { echo "conform: say where the suites are: make conform CORPORA=DIR" >&2; exit 2; }
	@tools/run-conform --build $(BUILD) $(CORPORA)
cover: deps                      ## line and branch coverage of the tests (build-cover/)
	@$(call setup,build-cover,-Db_coverage=true)
	@$(MAKE) --no-print-directory all BUILD=build-cover && tools/run-tests --build build-cover && gcovr -r . -f src build-cover --branches
install: all                     ## make install PREFIX=/usr/local DESTDIR=
	install -Dm755 $(BUILD)/src/cli/decant $(DESTDIR)$(PREFIX)/bin/decant
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 && install -m644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -d $(DESTDIR)$(PREFIX)/share/doc/decant && install -m644 docs/dockerfile.md docs/lint.md docs/attestations.md $(DESTDIR)$(PREFIX)/share/doc/decant
	$(BUILD)/decant completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/decant
	install -d $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(BUILD)/decant completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_decant
	$(BUILD)/decant completion fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/decant.fish
install-docker-shim:             ## PREFIX/bin/docker becomes decant; FORCE=1 replaces a real docker there
	@tools/docker-shim $(if $(FORCE),--force) "$(DESTDIR)$(PREFIX)/bin"
uninstall-docker-shim:           ## remove that
	@tools/docker-shim --remove "$(DESTDIR)$(PREFIX)/bin"
clean:                           ## remove the build folders
	rm -rf build build-debug build-tsan build-fuzz build-cover
help:
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' Makefile | expand -t 22
comma := ,
