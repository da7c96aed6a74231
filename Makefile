# Two commands do everything on a fresh machine: `make demo` and `make test`.

PREFIX ?= /usr/local
DESTDIR ?=
SWIFT ?= swift
BUILD := .build
RELEASE := $(BUILD)/release/scout
SCRIPTS := .ci/run Tests/run Tests/completions $(addprefix Tests/Lab/,lab loopback demo selftest evidence-image node install-packages)

.PHONY: help build demo test soak mutants bench lint format install completions packages packages-build clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: packages-build ## the release binary, .build/release/scout
	$(SWIFT) build -c release --product scout --static-swift-stdlib

demo: packages build ## image a disk through VPN and firewall in the lab (without root: over loopback)
	Tests/Lab/demo $(RELEASE)

test: packages ## every test; as root also those in the lab's network namespaces
	Tests/run $(SWIFT)

soak: packages ## the long random runs, ten minutes or more; SCOUT_SEED=N takes other ones
	$(SWIFT) build --build-tests
	SCOUT_SOAK=1 $(SWIFT) test --skip-build --no-parallel --filter 'NetfilterTests|HostTests'

mutants: packages ## break a room one line at a time, and see what its tests notice: make mutants ROOM=Core [COUNT=N]
	Tests/mutants $(or $(ROOM),Core) --count $(or $(COUNT),40)

bench: packages build ## one table against the peers, measured side by side
	Tests/Benchmarks/on-written-ground Tests/Benchmarks/bench $(RELEASE)

lint: packages ## swift format in strict mode, shellcheck
	$(SWIFT) format lint --strict --recursive --configuration .swift-format Package.swift Sources Tests
	shellcheck -x -P Tests/Lab $(SCRIPTS)

format: ## rewrite the sources in our style
	$(SWIFT) format --in-place --recursive --configuration .swift-format Package.swift Sources Tests

completions: build ## write completions/ anew
	Tests/completions $(RELEASE) completions

install: build ## scout and its completions under PREFIX
	install -D -m 755 $(RELEASE) $(DESTDIR)$(PREFIX)/bin/scout
	install -D -m 644 completions/scout.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/scout
	install -D -m 644 completions/_scout $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_scout
	for page in Firewall.md HostAgentProtocol.md scout-host-agent.service scout-host-forwarding.service; do \
		install -D -m 644 Docs/$$page $(DESTDIR)$(PREFIX)/share/doc/scout/$$page; done
	install -D -m 644 completions/scout.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/scout.fish

packages-build: # what building needs
	@Tests/Lab/install-packages build

packages: # what building, the lab and the benchmarks need
	@Tests/Lab/install-packages all

clean: ## remove what was built
	rm -rf $(BUILD)
